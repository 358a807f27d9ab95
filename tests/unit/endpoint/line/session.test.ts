import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type ResponseFrame, Session } from '../../../../services/endpoint/line/session.js'
import { RpcError } from '../../../../services/rpc/error.js'
import {
  type SaidFrame,
  ScriptedServer,
  type ScriptedStream,
} from '../../../support/memory/scripted-server.js'

const OPENED: SaidFrame = {
  case: 'opened',
  value: { clientSequence: 7n, pingIntervalMs: 5_000, deadAfterMs: 12_000 },
}
const accepted = (clientSequence: bigint): SaidFrame => ({ case: 'accepted', value: { clientSequence } })

let server: ScriptedServer
let session: Session
let stream: ScriptedStream
let told: string[]
let onFrame: (frame: ResponseFrame) => Promise<void>
let breaking: AbortController

beforeEach(async () => {
  server = new ScriptedServer()
  told = []
  breaking = new AbortController()
  onFrame = async frame => void told.push(`${frame.case}`)
  const { certificate } = server.certificate
  const channel = server.network.way().connect({
    ...{ ...server.address, trust: { kind: 'pinned', certificate } },
    maxMessageBytes: 2 ** 20,
  })
  session = new Session({
    channel,
    open: { protocolVersion: 1, cursor: Uint8Array.of(1, 2) },
    handlers: {
      onOpened: async ({ clientSequence }) => void told.push(`opened ${clientSequence}`),
      onFrame: frame => onFrame(frame),
    },
    clock: server.clock,
    signal: breaking.signal,
  })
  session.ended.catch(() => undefined)
  stream = await server.stream(0)
})
afterEach(() => breaking.abort())

const ended = () => server.clock.run(session.ended)

test('begins with Open, and tells Opened and each frame in their order', async () => {
  stream.say(OPENED, accepted(1n), { case: 'caughtUp', value: {} })
  stream.end()
  await ended()
  expect(stream.heard[0]).toMatchObject({ case: 'open', value: { cursor: Uint8Array.of(1, 2) } })
  expect(told).toEqual(['opened 7', 'accepted', 'caughtUp'])
})

test('answers a ping with its nonce, and tells neither ping nor pong', async () => {
  stream.say(
    OPENED,
    { case: 'ping', value: { nonce: 5n } },
    { case: 'pong', value: { nonce: 1n } },
    accepted(1n),
  )
  await server.sees(() => stream.heardOf('pong')[0])
  expect(stream.heardOf('pong')).toMatchObject([{ value: { nonce: 5n } }])
  stream.end()
  await ended()
  expect(told).toEqual(['opened 7', 'accepted'])
})

test('writes frames in the order given, and ends in peace behind them', async () => {
  stream.say(OPENED)
  for (const nonce of [1n, 2n, 3n]) session.write({ case: 'ping', value: { nonce } })
  session.end()
  await server.sees(() => stream.isLeft || undefined)
  expect(stream.heardOf('ping').map(({ value }) => value.nonce)).toEqual([1n, 2n, 3n])
  stream.end()
  await ended()
})

describe('it breaks', () => {
  test('with the status of the server', async () => {
    stream.say(OPENED)
    stream.end(new RpcError('RESOURCE_EXHAUSTED', 'too many'))
    await expect(ended()).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', message: 'too many' })
    expect(told).toEqual(['opened 7'])
  })

  test('when nothing is heard for the time that the server named', async () => {
    stream.say(OPENED)
    await server.sees(() => told[0])
    await expect(ended()).rejects.toMatchObject({ why: { code: 'silent' } })
    // It was asked for a sign of life before.
    expect(stream.heardOf('ping').length).toBeGreaterThan(0)
  })

  test('when a frame cannot be worked on; none after it is told', async () => {
    const defect = new Error('full')
    onFrame = () => Promise.reject(defect)
    stream.say(OPENED, accepted(1n), accepted(2n))
    await expect(ended()).rejects.toBe(defect)
    expect(told).toEqual(['opened 7'])
  })

  test('by its signal', async () => {
    stream.say(OPENED)
    await server.sees(() => told[0])
    breaking.abort()
    await expect(ended()).rejects.toMatchObject({ code: 'CANCELLED' })
    await server.sees(() => stream.isLeft || undefined)
  })
})

test('reads no further than 512 frames ahead of the work on them', async () => {
  const first = Promise.withResolvers<void>()
  let worked = 0
  onFrame = async () => {
    if (worked++ === 0) await first.promise
  }
  stream.say(OPENED, ...Array.from({ length: 2000 }, (_, at) => accepted(BigInt(at + 1))))
  stream.end()
  await server.sees(() => worked || undefined)
  // Far longer than the server may be silent: it is this side that does not read.
  for (let minutes = 0; minutes < 5; minutes++) {
    await server.clock.settled()
    server.clock.pass(60_000)
  }
  expect(worked).toBe(1)
  first.resolve()
  await ended()
  expect(worked).toBe(2000)
})
