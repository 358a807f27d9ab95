import { create } from '@bufbuild/protobuf'
import { expect } from '@jest/globals'
import {
  ChatRequestSchema,
  ChatService,
  ErrorReason,
  LimitsSchema,
  OutgoingEnvelopeSchema,
} from '../../gen/parley/v1/chat_pb.js'
import { SignedProofSchema } from '../../gen/parley/v1/identity_pb.js'
import type { RpcError } from '../../services/rpc/error.js'
import { connectTo, detailOf, proofFor } from '../support/contract-client.js'
import { METHOD_CHAT, openBytes, random, type TestDevice } from '../support/contract-device.js'
import { application, createConversation, ephemeral } from '../support/contract-envelopes.js'
import { onAnyServer, onOwnServer, ownServer } from '../support/contract-server.js'
import type { RequestInit } from '../support/contract-stream.js'
import { client, onEveryStore } from '../support/contract-suite.js'

function expectFrameFailure(error: RpcError | undefined, text: RegExp): void {
  expect(error?.code).toBe('INVALID_ARGUMENT')
  expect(detailOf(error).reason).toBe(ErrorReason.FRAME)
  expect(error?.message).toMatch(text)
}

function expectBadCursor(error: RpcError | undefined, text: RegExp): void {
  expect(error?.code).toBe('INVALID_ARGUMENT')
  expect(detailOf(error).reason).toBe(ErrorReason.BAD_CURSOR)
  expect(error?.message).toMatch(text)
}

/** A frame of a protocol version that does not exist yet. */
const unknownFrame: RequestInit = create(ChatRequestSchema)
unknownFrame.$unknown = [{ no: 99, wireType: 2, data: new Uint8Array([3, 1, 2, 3]) }]

onEveryStore('Open', () => {
  onAnyServer(
    'is answered with Opened before anything else, which tells what the server enforces',
    async () => {
      const stream = await client.open(await client.register())
      const { opened } = stream
      expect(stream.frames[0]).toMatchObject({ case: 'opened' })
      expect(opened.protocolVersion).toBe(1)
      expect(opened.clientSequence).toBe(0n)
      expect(opened.operatorHandle).toBe('operator')
      expect(Math.abs(Number(opened.serverTimeMs) - Date.now())).toBeLessThan(60_000)
      expect(opened.deadAfterMs).toBeGreaterThan(opened.pingIntervalMs)
      const { retentionSeconds, $typeName, $unknown, ...limits } = opened.limits!
      expect(retentionSeconds).toBeGreaterThan(0n)
      expect(Object.values(limits).every(limit => limit > 0)).toBe(true)
      expect(Object.keys(limits)).toHaveLength(LimitsSchema.fields.length - 1)
      stream.end()
    },
  )

  onAnyServer('of a higher version is answered with the version that both speak', async () => {
    const stream = await client.open(await client.register(), { protocolVersion: 7 })
    expect(stream.opened.protocolVersion).toBe(1)
    stream.end()
  })

  onAnyServer('of no version that the server speaks is refused', async () => {
    const device = await client.register()
    const stream = client.raw()
    const proof = proofFor(client.server, device, METHOD_CHAT)
    await stream.write({ frame: { case: 'open', value: { protocolVersion: 0, proof } } })
    const error = await stream.ended
    expect(error?.code).toBe('FAILED_PRECONDITION')
    expect(detailOf(error).reason).toBe(ErrorReason.PROTOCOL_VERSION)
  })

  onAnyServer.each<[string, RequestInit]>([
    ['Send', { frame: { case: 'send', value: { envelopes: [application(random(16))] } } }],
    ['Ack', { frame: { case: 'ack', value: { cursor: random(8) } } }],
    ['Ping', { frame: { case: 'ping', value: { nonce: 1n } } }],
    ['Pong', { frame: { case: 'pong', value: { nonce: 1n } } }],
    ['an empty frame', {}],
    ['an unknown frame', unknownFrame],
  ])('may not come after %s', async (_, frame) => {
    const stream = client.raw()
    await stream.write(frame)
    expectFrameFailure(await stream.ended, /first frame/)
  })

  onAnyServer('twice ends the stream', async () => {
    const device = await client.register()
    const stream = await client.open(device)
    const proof = proofFor(client.server, device, METHOD_CHAT)
    await stream.write({ frame: { case: 'open', value: { protocolVersion: 1, proof } } })
    expectFrameFailure(await stream.ended, /Open/)
  })

  onAnyServer('with a cursor that is none ends the stream', async () => {
    const device = await client.register()
    const stream = client.raw()
    const cursor = random(3)
    const proof = proofFor(client.server, device, METHOD_CHAT, openBytes({ cursor }))
    await stream.write({ frame: { case: 'open', value: { protocolVersion: 1, proof, cursor } } })
    expectBadCursor(await stream.ended, /Open: a cursor/)
    expect(stream.frames).toEqual([])
  })

  onAnyServer('that never comes: a stream that ends without it is told so', async () => {
    const stream = client.raw()
    stream.end()
    expectFrameFailure(await stream.ended, /without an Open/)
  })

  onOwnServer('that is late ends the stream', async () => {
    const server = await ownServer({ timing: { pingIntervalMs: 50, deadAfterMs: 150 } })
    const own = connectTo(server)
    const stream = own.raw()
    expect((await stream.ended)?.code).toBe('DEADLINE_EXCEEDED')
    own.close()
    await server.stop()
  })

  onOwnServer('is refused when too many streams are open; a device may still renew its own', async () => {
    const server = await ownServer({ openSessions: 2 })
    const own = connectTo(server)
    const [anna, bert, carl] = [await own.register(), await own.register(), await own.register()]
    await own.open(anna)
    await own.open(bert)
    const stream = own.raw()
    const proof = proofFor(server, carl, METHOD_CHAT)
    await stream.write({ frame: { case: 'open', value: { protocolVersion: 1, proof } } })
    const error = await stream.ended
    expect(error?.code).toBe('RESOURCE_EXHAUSTED')
    expect(detailOf(error).reason).toBe(ErrorReason.TOO_MANY_STREAMS)
    const renewed = await own.open(anna)
    renewed.end()
    await renewed.ended
    await own.open(carl)
    own.close()
    await server.stop()
  })
})

onEveryStore('a frame that breaks a rule ends the stream', () => {
  const tooMany = () => Array.from({ length: 300 }, () => application(random(16)))
  onAnyServer.each<[string, RequestInit, RegExp]>([
    ['no case', {}, /no case/],
    ['an unknown case', unknownFrame, /no case/],
    ['an empty Send', { frame: { case: 'send', value: {} } }, /Send: it has no envelope/],
    ['too many envelopes', { frame: { case: 'send', value: { envelopes: tooMany() } } }, /Send: 300/],
    ['an Ack without a cursor', { frame: { case: 'ack', value: {} } }, /Ack/],
    [
      'a send without a number',
      { frame: { case: 'send', value: { envelopes: [application(random(16))] } } },
      /client_sequence 0/,
    ],
    [
      'an ephemeral envelope with a number',
      { frame: { case: 'send', value: { envelopes: [{ ...ephemeral(random(16)), clientSequence: 1n }] } } },
      /ephemeral/,
    ],
  ])('%s', async (_, frame, text) => {
    const stream = await client.open(await client.register())
    await stream.write(frame)
    expectFrameFailure(await stream.ended, text)
  })

  onAnyServer('bytes that are no frame', async () => {
    // A message that puts bytes of its own where a ChatRequest has an Open.
    const method = { ...ChatService.method.chat, input: SignedProofSchema }
    const call = client.channel.bidi(method)
    await call.write({ proof: new Uint8Array(40).fill(255) })
    const heard = async () => {
      for await (const _ of call.responses);
    }
    await expect(heard()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  onAnyServer('costs nobody else anything', async () => {
    const device = await client.register()
    const stream = await client.open(device)
    const broken = await client.open(await client.register())
    await broken.write({})
    await broken.ended
    await stream.write({ frame: { case: 'ping', value: { nonce: 5n } } })
    expect((await stream.take('pong')).nonce).toBe(5n)
    stream.end()
  })

  onAnyServer(
    'a send whose envelope has no case is rejected as malformed, and the stream goes on',
    async () => {
      const stream = await client.open(await client.register())
      const empty = create(OutgoingEnvelopeSchema, { conversationId: random(16), clientSequence: 1n })
      await stream.write({ frame: { case: 'send', value: { envelopes: [empty] } } })
      const { sends } = await stream.take('rejected')
      expect(sends[0]!.reason.case).toBe('malformed')
      await stream.write({ frame: { case: 'ping', value: { nonce: 9n } } })
      await stream.take('pong')
      stream.end()
      expect(await stream.ended).toBeUndefined()
    },
  )
})

onEveryStore('a cursor', () => {
  /** One that this device was given. */
  async function givenTo(device: TestDevice): Promise<Uint8Array> {
    const stream = await client.open(device)
    await createConversation(stream)
    await stream.until(() => stream.cursor().length > 0)
    stream.end()
    await stream.ended
    return stream.cursor()
  }

  onAnyServer('has the same length everywhere, and shows no place', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const [first, second] = [await givenTo(anna), await givenTo(bert)]
    expect([first.length, second.length]).toEqual([37, 37])
    // The version stands alone; what follows is as random as a seal.
    expect(first[0]).toBe(1)
    expect(first.subarray(1, 13)).not.toEqual(second.subarray(1, 13))
  })

  onAnyServer(
    'of another device, or changed, ends the stream: at Open before Opened, later at once',
    async () => {
      const [anna, bert] = [await client.register(), await client.register()]
      const [own, others] = [await givenTo(anna), await givenTo(bert)]
      const changed = own.map((byte, index) => (index === 20 ? byte ^ 1 : byte))
      for (const cursor of [others, changed, random(37), random(5)]) {
        const raw = client.raw()
        const proof = proofFor(client.server, anna, METHOD_CHAT, openBytes({ cursor }))
        await raw.write({ frame: { case: 'open', value: { protocolVersion: 1, proof, cursor } } })
        expectBadCursor(await raw.ended, /Open: a cursor/)
        expect(raw.frames).toEqual([])
        const stream = await client.open(anna)
        await stream.ack(cursor)
        expectBadCursor(await stream.ended, /Ack: a cursor/)
      }
      const stream = await client.open(anna, { cursor: own })
      await stream.take('caughtUp')
      expect(stream.envelopes()).toEqual([])
      stream.end()
    },
  )

  onAnyServer('that was refused leaves the beginning, where all that is kept comes again', async () => {
    const anna = await client.register()
    await givenTo(anna)
    const stream = await client.open(anna)
    await stream.take('caughtUp')
    expect(stream.envelopes().map(({ envelope }) => envelope.case)).toEqual(['own'])
    stream.end()
  })
})
