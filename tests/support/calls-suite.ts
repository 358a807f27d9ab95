// The promises that every channel has to keep, of services/rpc/channel.ts, and every server of those in service.ts.

import { once } from 'node:events'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { type ChatRequestSchema, ChatService } from '../../gen/parley/v1/chat_pb.js'
import type { RpcChannel } from '../../services/rpc/channel.js'
import { RpcError } from '../../services/rpc/error.js'
import type { CallContext, Handlers } from '../../services/rpc/service.js'

const { chat, keyExchange } = ChatService.method

export type ChatHandlers = Handlers<typeof ChatService>

/** Bytes. */
export const MAX_MESSAGE = 1024 * 1024

/** Answers a key exchange with the number of bytes that came, and each ping with its pong. */
export const ECHO: ChatHandlers = {
  getServer: async () => ({}),
  async keyExchange(request) {
    return { outcome: { case: 'exchanged', value: { keyPackagesLeft: request.parts.length } } }
  },
  async *chat(requests) {
    for await (const { frame } of requests) {
      if (frame.case === 'ping') yield { frame: { case: 'pong', value: { nonce: frame.value.nonce } } }
    }
  },
}

/** A server with the handlers in place of ECHO's, and a channel to it; both take messages of MAX_MESSAGE. */
export type StartCalls = (handlers?: Partial<ChatHandlers>) => Promise<
  AsyncDisposable & {
    channel: RpcChannel
    defects: { error: unknown; method: string }[]
    /** A further channel. */
    open(maxMessageBytes?: number): RpcChannel
  }
>

export function ping(nonce: bigint): MessageInitShape<typeof ChatRequestSchema> {
  return { frame: { case: 'ping', value: { nonce } } }
}

/** A Pong of a Chat response, or the case of what came instead. */
export function nonceOf(response: { frame: { case?: string | undefined; value?: unknown } }) {
  const { frame } = response
  return frame.case === 'pong' ? (frame.value as { nonce: bigint }).nonce : frame.case
}

/** A promise that a test settles. */
export function signal<T = void>() {
  return Promise.withResolvers<T>()
}

export function callsSuite(start: StartCalls): void {
  describe('a unary call', () => {
    test('carries the request and the answer', async () => {
      await using parley = await start()
      const answer = await parley.channel.unary(keyExchange, { parts: new Uint8Array(2) })
      expect(answer.outcome).toMatchObject({ case: 'exchanged', value: { keyPackagesLeft: 2 } })
    })

    test('tells the handler who calls', async () => {
      let peer = ''
      await using parley = await start({
        async keyExchange(_, context) {
          peer = context.peer
          return {}
        },
      })
      await parley.channel.unary(keyExchange, {})
      expect(peer).not.toBe('')
    })

    test('fails with the code, the message and the detail that the handler threw', async () => {
      const detail = Uint8Array.of(0, 1, 255)
      // Half a surrogate pair and characters beyond ASCII are what a careless message may hold.
      await using parley = await start({
        keyExchange: () =>
          Promise.reject(new RpcError('UNAUTHENTICATED', 'no: ü 🙂 \ud800 %', { detail, cause: 'secret' })),
      })
      const error = await parley.channel.unary(keyExchange, {}).catch(thrown => thrown)
      expect(error).toBeInstanceOf(RpcError)
      expect(error).toMatchObject({
        code: 'UNAUTHENTICATED',
        message: 'no: ü 🙂 \ufffd %',
        detail,
      })
      expect(error.cause).toBeUndefined()
      expect(parley.defects).toEqual([])
    })

    test('tells nothing of any other error than that it happened', async () => {
      const defect = new TypeError('the secret is 42')
      await using parley = await start({ keyExchange: () => Promise.reject(defect) })
      const error = await parley.channel.unary(keyExchange, {}).catch(thrown => thrown)
      expect(error).toMatchObject({ code: 'INTERNAL', message: 'internal error', detail: undefined })
      expect(parley.defects).toEqual([{ error: defect, method: '/parley.v1.ChatService/KeyExchange' }])
    })

    test('ends with DEADLINE_EXCEEDED, and aborts the handler', async () => {
      const aborted = signal<CallContext>()
      let isHandled = false
      await using parley = await start({
        async keyExchange(_, context) {
          isHandled = true
          if (!context.signal.aborted) await once(context.signal, 'abort')
          aborted.resolve(context)
          return {}
        },
      })
      // On a busy machine the time may be over before the call is there.
      for (let timeoutMs = 50; !isHandled; timeoutMs *= 2) {
        const call = parley.channel.unary(keyExchange, {}, { timeoutMs })
        await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
      }
      expect((await aborted.promise).signal.reason).toMatchObject({ code: 'CANCELLED' })
    })

    test('is cancelled by its signal, during the call and before it', async () => {
      const aborted = signal()
      const controller = new AbortController()
      await using parley = await start({
        async keyExchange(_, context) {
          controller.abort()
          await once(context.signal, 'abort')
          aborted.resolve()
          return {}
        },
      })
      const { signal: stop } = controller
      await expect(parley.channel.unary(keyExchange, {}, { signal: stop })).rejects.toMatchObject({
        code: 'CANCELLED',
      })
      await aborted.promise
      await expect(parley.channel.unary(keyExchange, {}, { signal: stop })).rejects.toMatchObject({
        code: 'CANCELLED',
      })
      expect(parley.defects).toEqual([])
    })
  })

  describe('a stream', () => {
    test('echoes in order and ends when both sides have', async () => {
      await using parley = await start()
      const call = parley.channel.bidi(chat)
      const got: unknown[] = []
      const reading = (async () => {
        for await (const response of call.responses) got.push(nonceOf(response))
      })()
      // Not awaited one by one: they keep the order of the calls all the same.
      await Promise.all(Array.from({ length: 200 }, (_, index) => call.write(ping(BigInt(index)))))
      call.end()
      await reading
      expect(got).toEqual(Array.from({ length: 200 }, (_, index) => BigInt(index)))
      await expect(call.write(ping(1n))).rejects.toMatchObject({ code: 'CANCELLED' })
    })

    test('gives out what came before it failed, then fails with code and detail', async () => {
      await using parley = await start({
        async *chat(requests) {
          for await (const _ of requests) {
            yield { frame: { case: 'caughtUp', value: {} } }
            throw new RpcError('RESOURCE_EXHAUSTED', 'full', { detail: Uint8Array.of(7) })
          }
        },
      })
      const call = parley.channel.bidi(chat)
      await call.write(ping(1n))
      const responses = call.responses[Symbol.asyncIterator]()
      expect((await responses.next()).value.frame.case).toBe('caughtUp')
      await expect(responses.next()).rejects.toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        message: 'full',
        detail: Uint8Array.of(7),
      })
      await expect(call.write(ping(2n))).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    })

    test('tells nothing of any other error than that it happened', async () => {
      const defect = new TypeError('the secret is 42')
      await using parley = await start({
        // biome-ignore lint/correctness/useYield: it fails before it would
        async *chat() {
          throw defect
        },
      })
      const responses = parley.channel.bidi(chat).responses[Symbol.asyncIterator]()
      await expect(responses.next()).rejects.toMatchObject({ code: 'INTERNAL', message: 'internal error' })
      expect(parley.defects).toEqual([{ error: defect, method: '/parley.v1.ChatService/Chat' }])
    })

    test('that the client leaves aborts the handler and ends its requests', async () => {
      const seen = signal<unknown>()
      const left = signal<unknown>()
      await using parley = await start({
        async *chat(requests, context) {
          context.signal.addEventListener('abort', () => seen.resolve(context.signal.reason))
          try {
            for await (const _ of requests) yield { frame: { case: 'caughtUp', value: {} } }
          } catch (error) {
            left.resolve(error)
            throw error
          }
        },
      })
      const controller = new AbortController()
      const call = parley.channel.bidi(chat, { signal: controller.signal })
      await call.write(ping(1n))
      const responses = call.responses[Symbol.asyncIterator]()
      await responses.next()
      controller.abort()
      await expect(responses.next()).rejects.toMatchObject({ code: 'CANCELLED' })
      expect(await seen.promise).toMatchObject({ code: 'CANCELLED' })
      expect(await left.promise).toMatchObject({ code: 'CANCELLED' })
      expect(parley.defects).toEqual([])
    })

    test('is cancelled when its consumer stops early, and when the channel is closed', async () => {
      const left: (() => void)[] = []
      await using parley = await start({
        async *chat(_, { signal: over }) {
          over.addEventListener('abort', () => left.shift()?.())
          yield { frame: { case: 'caughtUp', value: {} } }
          await once(over, 'abort')
        },
      })
      const stopped = signal()
      left.push(stopped.resolve)
      for await (const _ of parley.channel.bidi(chat).responses) break
      await stopped.promise

      const closed = signal()
      left.push(closed.resolve)
      const channel = parley.open()
      const responses = channel.bidi(chat).responses[Symbol.asyncIterator]()
      await responses.next()
      channel.close()
      await expect(responses.next()).rejects.toMatchObject({ code: 'CANCELLED' })
      await closed.promise
    })
  })

  describe('a limit', () => {
    const large = new Uint8Array(MAX_MESSAGE)

    test('holds for what a client sends, at the client and at the server', async () => {
      await using parley = await start()
      const lax = parley.open(2 * MAX_MESSAGE)
      try {
        for (const channel of [parley.channel, lax]) {
          const call = channel.unary(keyExchange, { parts: large })
          await expect(call).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
        }
      } finally {
        lax.close()
      }
    })

    test('holds for what a server sends, at the server and at the client', async () => {
      await using parley = await start({
        async keyExchange(request) {
          const rule = 'x'.repeat(Number(Buffer.from(request.parts).toString()))
          return {
            outcome: { case: 'refused', value: { reason: { case: 'handleInvalid', value: { rule } } } },
          }
        },
      })
      const tight = parley.open(1000)
      try {
        const ask = { parts: Buffer.from(String(MAX_MESSAGE)) }
        await expect(parley.channel.unary(keyExchange, ask)).rejects.toMatchObject({
          code: 'RESOURCE_EXHAUSTED',
        })
        const less = { parts: Buffer.from('2000') }
        await expect(tight.unary(keyExchange, less)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
        await expect(parley.channel.unary(keyExchange, less)).resolves.toMatchObject({
          outcome: { case: 'refused' },
        })
      } finally {
        tight.close()
      }
    })

    // So much may be under way: the receive windows and buffers of a connection, and 16 messages of a stream of grpc-js.
    test.each([
      { bytes: 100_000, atMost: 60 },
      { bytes: 1_000, atMost: 500 },
    ])(
      'keeps a writer of $bytes bytes waiting for a reader that does not read',
      async ({ bytes, atMost }) => {
        const detail = 'x'.repeat(bytes)
        let made = 0
        const stalled = signal()
        await using parley = await start({
          async *chat(_, context) {
            // When the next message is not asked for by the time that many would long have been made.
            while (!context.signal.aborted) {
              made += 1
              yield {
                frame: {
                  case: 'rejected',
                  value: { sends: [{ reason: { case: 'malformed', value: { detail } } }] },
                },
              }
              if (made >= 3) stalled.resolve()
              // Gives others a turn, also where nothing makes this writer wait.
              if (made % 100 === 0) await new Promise(setImmediate)
            }
          },
        })
        const call = parley.channel.bidi(chat)
        const responses = call.responses[Symbol.asyncIterator]()
        await responses.next()
        await stalled.promise
        // The other side of the same connection is not held up; and each round trip gives time to write.
        for (let index = 0; index < 50; index += 1) await parley.channel.unary(keyExchange, {})
        const bound = made
        expect(bound).toBeLessThan(atMost)
        for (let index = 0; index < 2 * atMost; index += 1) await responses.next()
        expect(made).toBeGreaterThan(bound)
      },
    )
  })
}
