import { setImmediate as nextTurn } from 'node:timers/promises'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { type ChatRequest, ChatRequestSchema, EnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { Session, type SessionOptions } from '../../../../services/server/chat/session.js'
import { TokenBucket } from '../../../../services/server/guard/token-bucket.js'
import { LIMITS, UNSENT_ANSWERS, WAITING_SENDS } from '../../../../services/server/limits.js'
import { Cursors } from '../../../../services/server/store/cursor.js'
import { staleEpoch } from '../../../../services/server/store/reasons.js'
import type { Log } from '../../../../services/server/store/store.js'
import { noGuard, quietLog } from './quiet-log.js'

const TIMING = { pingIntervalMs: 5_000, deadAfterMs: 12_000 }

type FrameInit = Exclude<MessageInitShape<typeof ChatRequestSchema>, { $typeName: string }>['frame']

function scene(log: Partial<Log> = {}, of: Partial<SessionOptions> = {}) {
  const failed: string[] = []
  const session = new Session({
    log: quietLog(log),
    device: new Uint8Array(32),
    ...{ place: 0, cursors: new Cursors(new Uint8Array(32), new Uint8Array(32)) },
    limits: LIMITS,
    timing: TIMING,
    bucket: new TokenBucket({ perSecond: 1e6, burst: 1e6 }),
    guard: noGuard,
    passEphemeral: async () => {},
    onFailed: () => void failed.push('failed'),
    ...of,
  })
  return { session, failed, began: Date.now() }
}

/** A client's frames; `pulled` counts those that were read, and the stream stays open after them unless told otherwise. */
function client(frames: readonly FrameInit[], { ends = false } = {}) {
  const state = { pulled: 0 }
  async function* requests(): AsyncGenerator<ChatRequest> {
    for (const frame of frames) {
      state.pulled += 1
      yield create(ChatRequestSchema, { frame } as MessageInitShape<typeof ChatRequestSchema>)
    }
    if (!ends) await new Promise(() => {})
  }
  return { state, requests: requests() }
}

const text = (from: number, count = 1): FrameInit => ({
  case: 'send',
  value: {
    envelopes: Array.from({ length: count }, (_, index) => ({
      clientSequence: BigInt(from + index),
      envelope: { case: 'application', value: { ciphertext: new Uint8Array(1) } },
    })),
  },
})

const ping = (nonce: bigint): FrameInit => ({ case: 'ping', value: { nonce } })

/** Turns of the event loop in which whatever can happen without the test has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn()
}

function frames(session: Session): string[] {
  const kinds: string[] = []
  for (let next = session.next(); next; next = session.next()) kinds.push(`${next.frame.case}`)
  return kinds
}

describe('the frames that are owed', () => {
  test('come with the urgent first: pongs, pings, answers, hints, then the log', async () => {
    const { session, began } = scene({
      read: async () => ({ envelopes: [create(EnvelopeSchema)], place: 1, more: false }),
    })
    void session.receive(client([text(1), ping(7n)]).requests)
    await settle()
    session.addEphemeral(create(EnvelopeSchema))
    session.addChangedAccount('anna')
    session.tick(began + TIMING.pingIntervalMs + 100, 0)
    expect(frames(session)).toEqual([
      ...['pong', 'ping', 'accepted', 'accountChanged', 'deliver'],
      ...['deliver', 'caughtUp'],
    ])
  })

  test('include a rejection once delivery has come to the place that it waits for', async () => {
    const place = { end: 1 }
    const { session } = scene({
      append: async () => [{ accepted: false, reason: staleEpoch(2), after: 3 }],
      read: async ({ after }) =>
        after < place.end
          ? { envelopes: [create(EnvelopeSchema)], place: place.end, more: false }
          : { envelopes: [], place: place.end, more: false },
    })
    await settle()
    expect(frames(session)).toEqual(['deliver', 'caughtUp'])
    place.end = 3
    void session.receive(client([text(1)]).requests)
    await settle()
    expect(frames(session)).toEqual(['deliver', 'rejected'])
  })
})

describe('a session that ends', () => {
  test('because the client does, first gives all answers', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { session } = scene({
      append: (_, sends) => promise.then(() => sends.map(() => ({ accepted: true }))),
    })
    void session.receive(client([text(1)], { ends: true }).requests)
    await settle()
    frames(session)
    expect(session.isFinished()).toBe(false)
    resolve()
    await settle()
    expect(frames(session)).toEqual(['accepted'])
    expect(session.isFinished()).toBe(true)
  })

  test('because the server closes it, says why, after the answers and nothing else', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { session } = scene({
      append: (_, sends) => promise.then(() => sends.map(() => ({ accepted: true }))),
    })
    const { state, requests } = client([text(1), ping(7n)])
    void session.receive(requests)
    await settle()
    const closed = session.close('superseded')
    void session.close('shuttingDown')
    session.addEphemeral(create(EnvelopeSchema))
    expect(frames(session)).toEqual(['pong'])
    resolve()
    await closed
    await settle()
    const last = [session.next(), session.next(), session.next()]
    expect(last.map(next => next?.frame.case)).toEqual(['accepted', 'closing', undefined])
    expect(last[1]?.frame.value).toMatchObject({ reason: { case: 'superseded' } })
    expect(session.isFinished()).toBe(true)
    expect(state.pulled).toBe(2)
  })

  test('leaves out a rejection that waits for what is not delivered any more', async () => {
    const { session } = scene({
      append: async () => [{ accepted: false, reason: staleEpoch(2), after: 9 }],
    })
    void session.receive(client([text(1)]).requests)
    await settle()
    void session.close('shuttingDown')
    expect(frames(session)).toEqual(['closing'])
  })

  test('by a failure throws it, and its place is free at once', async () => {
    const error = new Error('gone')
    const { session, failed } = scene({ read: () => Promise.reject(error) })
    await settle()
    expect(failed).toEqual(['failed'])
    expect(() => session.next()).toThrow(error)
  })
})

describe('the client’s frames', () => {
  test('are left unread while the store is behind, and are read on when it is not', async () => {
    const waiting: (() => void)[] = []
    const { session } = scene({
      append: (_, sends) =>
        new Promise(resolve => waiting.push(() => resolve(sends.map(() => ({ accepted: true }))))),
    })
    const perFrame = 64
    const all = Array.from({ length: 200 }, (_, index) => text(1 + index * perFrame, perFrame))
    const { state, requests } = client(all)
    void session.receive(requests)
    await settle()
    // The store has some, and as much waits for it as may: no more is read.
    const first = state.pulled
    expect(first).toBeGreaterThanOrEqual(WAITING_SENDS / perFrame)
    expect(first).toBeLessThanOrEqual((2 * WAITING_SENDS) / perFrame)
    // Nor is the client blamed for its silence.
    session.tick(Date.now() + 60_000, 0)
    expect(frames(session)).toEqual(['ping', 'caughtUp'])
    for (let answered = 0; state.pulled < all.length; answered++) {
      waiting[answered]!()
      await settle()
    }
    expect(frames(session)).toContain('accepted')
  })

  test('are left unread while the reader takes no answers', async () => {
    const { session } = scene()
    const pings = Array.from({ length: UNSENT_ANSWERS + 50 }, (_, index) => ping(BigInt(index)))
    const { state, requests } = client(pings)
    void session.receive(requests)
    await settle()
    expect(state.pulled).toBe(UNSENT_ANSWERS)
    expect(() => {
      session.tick(Date.now() + TIMING.deadAfterMs + 100, 0)
      session.next()
    }).toThrow('nothing was heard')
  })

  test('are read on when the reader takes them again', async () => {
    const { session } = scene()
    const pings = Array.from({ length: UNSENT_ANSWERS + 50 }, (_, index) => ping(BigInt(index)))
    const { state, requests } = client(pings)
    void session.receive(requests)
    await settle()
    expect(frames(session).filter(kind => kind === 'pong')).toHaveLength(UNSENT_ANSWERS)
    await settle()
    expect(state.pulled).toBe(pings.length)
  })

  test('of an ephemeral kind go by, as far as the device may send and the size allows', async () => {
    const passed: number[] = []
    const of = {
      bucket: new TokenBucket({ perSecond: 1, burst: 2 }),
      passEphemeral: async (_: Uint8Array, { envelope }: { envelope: { value?: unknown } }) =>
        void passed.push((envelope.value as { ciphertext: Uint8Array }).ciphertext.length),
    }
    const { session } = scene({}, of)
    const sizes = [LIMITS.applicationBytes + 1, 1, 2, 3]
    const envelopes = sizes.map(size => ({
      envelope: { case: 'ephemeral' as const, value: { ciphertext: new Uint8Array(size) } },
    }))
    void session.receive(client([{ case: 'send', value: { envelopes } }]).requests)
    await settle()
    expect(passed).toEqual([1, 2])
    expect(frames(session)).toEqual(['caughtUp'])
  })
})

describe('a silent session', () => {
  test('is pinged, once for each time that it is due, with numbers that go up', () => {
    const { session, began } = scene()
    session.tick(began + TIMING.pingIntervalMs / 2, 0)
    expect(session.next()).toBeUndefined()
    for (const nonce of [1n, 2n]) {
      session.tick(began + TIMING.pingIntervalMs + 100, 0)
      expect(session.next()?.frame).toMatchObject({ case: 'ping', value: { nonce } })
      expect(session.next()).toBeUndefined()
    }
  })

  test('is over after the time in which nothing was heard, and its place is free at once', () => {
    const { session, failed, began } = scene()
    session.tick(began + TIMING.deadAfterMs - 100, 0)
    expect(failed).toEqual([])
    session.tick(began + TIMING.deadAfterMs + 100, 0)
    expect(failed).toEqual(['failed'])
    expect(() => session.next()).toThrow(expect.objectContaining({ code: 'DEADLINE_EXCEEDED' }))
  })

  test('is not blamed for the time in which this process stood still', () => {
    const { session, failed, began } = scene()
    session.tick(began + 60_000, 55_000)
    expect(failed).toEqual([])
  })
})
