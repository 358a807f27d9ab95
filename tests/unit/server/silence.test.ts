import { describe, expect, test } from '@jest/globals'
import type { RpcError } from '../../../services/rpc/error.js'
import { Session } from '../../../services/server/chat/session.js'
import { TokenBucket } from '../../../services/server/chat/token-bucket.js'
import { LIMITS } from '../../../services/server/limits.js'
import { repeatSweep } from '../../../services/server/maintenance.js'
import type { Log } from '../../../services/server/store/store.js'

const TIMING = { pingIntervalMs: 5_000, deadAfterMs: 12_000 }

const emptyLog: Log = {
  append: async () => [],
  clientSequence: async () => 0n,
  read: async ({ after }) => ({ envelopes: [], cursor: after, more: false }),
  acknowledge: async () => {},
  roster: async () => undefined,
  conversations: async () => [],
  watch: () => () => {},
  expire: async () => 0,
}

function quietSession() {
  const failed: string[] = []
  const session = new Session({
    log: emptyLog,
    device: new Uint8Array(32),
    cursor: new Uint8Array(),
    limits: LIMITS,
    timing: TIMING,
    bucket: new TokenBucket({ perSecond: 1, burst: 1 }),
    passEphemeral: async () => {},
    onFailed: () => failed.push('failed'),
  })
  return { session, failed, began: Date.now() }
}

describe('a silent session', () => {
  test('is pinged, once for each time that it is due, with numbers that go up', () => {
    const { session, began } = quietSession()
    session.tick(began + TIMING.pingIntervalMs / 2, 0)
    expect(session.next()).toBeUndefined()
    for (const nonce of [1n, 2n]) {
      session.tick(began + TIMING.pingIntervalMs + 100, 0)
      expect(session.next()?.frame).toMatchObject({ case: 'ping', value: { nonce } })
      expect(session.next()).toBeUndefined()
    }
  })

  test('is over after the time in which nothing was heard, and its place is free at once', () => {
    const { session, failed, began } = quietSession()
    session.tick(began + TIMING.deadAfterMs - 100, 0)
    expect(failed).toEqual([])
    session.tick(began + TIMING.deadAfterMs + 100, 0)
    expect(failed).toEqual(['failed'])
    let error: RpcError | undefined
    try {
      session.next()
    } catch (thrown) {
      error = thrown as RpcError
    }
    expect(error?.code).toBe('DEADLINE_EXCEEDED')
  })

  test('is not blamed for the time in which this process stood still', () => {
    const { session, failed, began } = quietSession()
    session.tick(began + 60_000, 55_000)
    expect(failed).toEqual([])
  })
})

test('a process that was held up says for how long', async () => {
  const lost = await new Promise<number>(resolve => {
    const sweep = (_: number, lostMs: number) => {
      stop()
      resolve(lostMs)
    }
    const stop = repeatSweep({ sweep }, { pingIntervalMs: 50, deadAfterMs: 100 })
    const until = performance.now() + 300
    while (performance.now() < until);
  })
  expect(lost).toBeGreaterThan(200)
})
