import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fromBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ChatRequestSchema, ChatService } from '../../../gen/parley/v1/chat_pb.js'
import { LookupOutcomeSchema } from '../../../gen/parley/v1/key_exchange_pb.js'
import { decode, encode } from '../../../services/rpc/codec/codec.js'
import { RpcError } from '../../../services/rpc/error.js'
import { MAX_MESSAGE, signal, start, TLS } from './support.js'

const { chat, keyExchange } = ChatService.method
const CHAT = '/parley.v1.ChatService/Chat'
const KEY_EXCHANGE = '/parley.v1.ChatService/KeyExchange'
/** grpc-status numbers. */
const INVALID_ARGUMENT = '3'
const RESOURCE_EXHAUSTED = '8'
const UNIMPLEMENTED = '12'

describe('the decoder', () => {
  test('gives back what was encoded, in bytes of its own', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (ciphertext, clientSequence) => {
          const envelope = { case: 'application' as const, value: { epoch: 1n, ciphertext } }
          const message = {
            frame: { case: 'send' as const, value: { envelopes: [{ clientSequence, envelope }] } },
          }
          const wire = encode(ChatRequestSchema, message, MAX_MESSAGE)
          const decoded = decode(ChatRequestSchema, wire)
          wire.fill(0)
          expect(decoded).toMatchObject(message)
          const kept = (
            decoded.frame.value as { envelopes: { envelope: { value: { ciphertext: Uint8Array } } }[] }
          ).envelopes[0]!.envelope.value.ciphertext
          expect(Object.getPrototypeOf(kept)).toBe(Uint8Array.prototype)
          expect(kept.buffer.byteLength).toBe(wire.byteLength)
        },
      ),
    )
  })

  test('takes any bytes, or says INVALID_ARGUMENT', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          decode(ChatRequestSchema, bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(RpcError)
          expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' })
          expect(() => fromBinary(ChatRequestSchema, bytes)).toThrow()
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('survives nesting without end', () => {
    // Field 99, wire type 3: a group that begins, and begins, ...
    const groups = Uint8Array.from({ length: 400_000 }, (_, index) => (index % 2 === 0 ? 0x9b : 0x06))
    expect(() => decode(ChatRequestSchema, groups)).toThrow(RpcError)
  })
})

/** A gRPC call by hand: what a client of ours would never send. */
async function raw(session: ClientHttp2Session, path: string, body: Buffer, headers = {}): Promise<unknown> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  const status = new Promise<unknown>((resolve, reject) => {
    stream.on('response', fields => fields['grpc-status'] !== undefined && resolve(fields['grpc-status']))
    stream.on('trailers', fields => resolve(fields['grpc-status']))
    stream.on('close', () => resolve(`closed ${stream.rstCode}`))
    stream.on('error', reject)
  })
  stream.resume()
  stream.end(body)
  return status
}

function framed(bytes: Uint8Array, { compressed = 0, length = bytes.length } = {}): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(compressed, 0)
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, bytes])
}

describe('garbage in a call', () => {
  test('ends that call and no other', async () => {
    await using parley = await start()
    const session = connectHttp2(`https://localhost:${parley.server.port}`, { ca: TLS.cert })
    const bad = framed(Buffer.from([0x0a, 0xff, 0xff]))
    try {
      for (const path of [CHAT, KEY_EXCHANGE]) {
        expect(await raw(session, path, bad)).toBe(INVALID_ARGUMENT)
        expect(await raw(session, path, framed(Buffer.alloc(0), { length: 2 ** 31 }))).toBe(
          RESOURCE_EXHAUSTED,
        )
        const unknown = { 'grpc-encoding': 'odd' }
        expect(await raw(session, path, framed(Buffer.of(1), { compressed: 1 }), unknown)).toBe(UNIMPLEMENTED)
        await raw(session, path, Buffer.from([0, 0, 0]))
        await raw(session, path, framed(Buffer.alloc(0)), { 'grpc-timeout': 'soon', 'parley-bin': '***' })
      }
      expect(await raw(session, '/parley.v1.ChatService/%ff', bad)).toBe(UNIMPLEMENTED)
      await raw(session, CHAT, bad, { 'content-type': 'text/plain' })
    } finally {
      session.destroy()
    }
    await expect(parley.channel.unary(keyExchange, {})).resolves.toBeDefined()
    expect(parley.defects).toEqual([])
  })
})

describe('garbage in an answer', () => {
  // Stands for a server with another contract: its field 1 is a text, and what comes is not UTF-8.
  const output = LookupOutcomeSchema

  test('fails a unary call', async () => {
    await using parley = await start({
      keyExchange: async () => ({ outcome: { case: 'exchanged', value: { keyPackagesLeft: 255 } } }),
    })
    const call = parley.channel.unary({ ...keyExchange, output }, {})
    await expect(call).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('fails a stream, and cancels it', async () => {
    const left = signal<unknown>()
    await using parley = await start({
      async *chat(_, context) {
        context.signal.addEventListener('abort', () => left.resolve(context.signal.reason))
        yield { frame: { case: 'opened', value: { protocolVersion: 255 } } }
        await left.promise
      },
    })
    const responses = parley.channel.bidi({ ...chat, output }).responses[Symbol.asyncIterator]()
    await expect(responses.next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await left.promise).toMatchObject({ code: 'CANCELLED' })
  })
})

describe('garbage on the port', () => {
  const random = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251))
  const bodies = {
    'random bytes': random,
    'HTTP/1.1': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'HTTP/2 without TLS': Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(9)]),
    'half a handshake': Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]),
  }

  test.each(Object.entries(bodies))('%s: disturbs nobody', async (_, body) => {
    await using parley = await start()
    const socket = connectTcp(parley.server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.end(body)
    socket.resume()
    await once(socket, 'close')
    await expect(parley.channel.unary(keyExchange, {})).resolves.toBeDefined()
  })

  test.each([
    { name: 'random bytes within TLS', ALPNProtocols: ['h2'], body: random },
    { name: 'TLS for another protocol', ALPNProtocols: [], body: Buffer.from('hello') },
  ])('$name: disturbs nobody', async ({ ALPNProtocols, body }) => {
    await using parley = await start()
    const socket = connectTls({ port: parley.server.port, host: 'localhost', ca: TLS.cert, ALPNProtocols })
    socket.on('error', () => {})
    socket.write(body)
    socket.resume()
    await new Promise(resolve => socket.once('close', resolve))
    await expect(parley.channel.unary(keyExchange, {})).resolves.toBeDefined()
    expect(parley.defects).toEqual([])
  })
})
