import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  type CommitsFreeAt,
  commitAt,
  commitIn,
  NO_COMMITS,
  type Successors,
  successorWait,
  withSuccessor,
} from '../../../../services/server/store/commit-limits.js'

const MINUTE_MS = 60_000
const NOW = Date.UTC(2026, 0, 1)

describe('commits', () => {
  test('are in any minute as many as may be, and those that came back in it', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 60 }), (waits, perMinute) => {
        const taken: number[] = []
        let [now, freeAt] = [NOW, 0]
        for (const wait of waits) {
          now += wait
          const outcome = commitAt(freeAt, { now, perMinute })
          if ('waitMs' in outcome) {
            expect(outcome.waitMs).toBeGreaterThan(0)
            expect(outcome.waitMs).toBeLessThanOrEqual(Math.ceil(MINUTE_MS / perMinute))
            // After just that time it goes.
            expect(commitAt(freeAt, { now: now + outcome.waitMs, perMinute })).toHaveProperty('freeAt')
            expect(commitAt(freeAt, { now: now + outcome.waitMs - 1, perMinute })).toHaveProperty('waitMs')
            continue
          }
          freeAt = outcome.freeAt
          taken.push(now)
        }
        for (const [index, start] of taken.entries()) {
          const within = taken.slice(index).filter(at => at < start + MINUTE_MS).length
          expect(within).toBeLessThanOrEqual(2 * perMinute)
        }
      }),
    )
  })

  test('are all there again after a minute, and a clock that is set back keeps nobody out for long', () => {
    let freeAt = 0
    for (let count = 0; count < 10; count += 1) {
      const outcome = commitAt(freeAt, { now: NOW, perMinute: 10 })
      if (!('freeAt' in outcome)) throw new Error('it has to wait')
      freeAt = outcome.freeAt
    }
    expect(freeAt).toBe(NOW + MINUTE_MS)
    expect(commitAt(freeAt, { now: NOW, perMinute: 10 })).toEqual({ waitMs: 6_000 })
    const before = NOW - 60 * MINUTE_MS
    expect(commitAt(freeAt, { now: before, perMinute: 10 })).toEqual({ freeAt: before + 6_000 })
    expect(commitAt(freeAt, { now: NOW + MINUTE_MS, perMinute: 10 })).toEqual({
      freeAt: NOW + MINUTE_MS + 6_000,
    })
  })
})

describe('commits in a conversation', () => {
  const turns = fc.array(fc.record({ gap: fc.nat(15_000), account: fc.nat(4) }), { maxLength: 300 })

  /** Accounts that try in turns. Tells of each try: when it was, of which account, and whether it went. */
  function* tries(of: readonly { gap: number; account: number }[], perMinute: number) {
    let now = NOW
    let freeAt: CommitsFreeAt = NO_COMMITS
    for (const { gap, account } of of) {
      now += gap
      const before = freeAt
      const outcome = commitIn(before, { account, now, perMinute })
      if ('freeAt' in outcome) freeAt = outcome.freeAt
      yield { now, account, before, outcome, freeAt }
    }
  }

  const within = (times: readonly number[], start: number) =>
    times.filter(at => start <= at && at < start + MINUTE_MS).length

  test('are half of them for one account, and one of each beyond all of them', () => {
    fc.assert(
      fc.property(turns, fc.integer({ min: 1, max: 20 }), (of, perMinute) => {
        const taken: { now: number; account: number }[] = []
        for (const { now, account, outcome } of tries(of, perMinute))
          if ('freeAt' in outcome) taken.push({ now, account })
        const half = Math.ceil(perMinute / 2)
        for (const { now: start, account } of taken) {
          const own = taken.filter(each => each.account === account).map(({ now }) => now)
          expect(within(own, start)).toBeLessThanOrEqual(2 * half)
          const all = taken.map(({ now }) => now)
          expect(within(all, start)).toBeLessThanOrEqual(2 * perMinute + 5)
        }
      }),
    )
  })

  test('are there for an account that has made none for two minutes, whatever the others do', () => {
    fc.assert(
      fc.property(turns, fc.integer({ min: 1, max: 20 }), (of, perMinute) => {
        const last = new Map<number, number>()
        for (const { now, account, before, outcome, freeAt } of tries(of, perMinute)) {
          if ('waitMs' in outcome) {
            expect(outcome.waitMs).toBeGreaterThan(0)
            expect(now - last.get(account)!).toBeLessThan(2 * MINUTE_MS)
            // After just that time it goes.
            const later = commitIn(before, { account, now: now + outcome.waitMs, perMinute })
            expect(later).toHaveProperty('freeAt')
            continue
          }
          last.set(account, now)
          // It never is so far ahead that it is taken for that of another clock.
          expect(freeAt.all).toBeLessThanOrEqual(now + MINUTE_MS)
          // No more is kept than is of use.
          for (const key of freeAt.accounts.keys()) expect(now - last.get(key)!).toBeLessThan(2 * MINUTE_MS)
        }
      }),
    )
  })

  test('go to the millisecond, and a clock that is set back keeps nobody out', () => {
    const full = {
      all: NOW + MINUTE_MS,
      accounts: new Map([
        [1, NOW + MINUTE_MS],
        [2, NOW - MINUTE_MS + 1],
      ]),
    }
    const at = (account: number, now: number) => commitIn(full, { account, now, perMinute: 10 })
    expect(at(1, NOW)).toEqual({ waitMs: 12_000 })
    expect(at(1, NOW + 12_000)).toEqual({
      freeAt: { all: NOW + MINUTE_MS + 6_000, accounts: new Map([[1, NOW + MINUTE_MS + 12_000]]) },
    })
    expect(at(2, NOW)).toEqual({ waitMs: 6_000 })
    expect(at(2, NOW + 1)).toEqual({
      freeAt: {
        all: NOW + MINUTE_MS,
        accounts: new Map([
          [1, NOW + MINUTE_MS],
          [2, NOW + 1 + 12_000],
        ]),
      },
    })
    const before = NOW - 60 * MINUTE_MS
    expect(at(1, before)).toEqual({
      freeAt: { all: before + 6_000, accounts: new Map([[1, before + 12_000]]) },
    })
  })
})

describe('successors', () => {
  const id = new Uint8Array(16).fill(1)

  test('are one in a minute of each account, whatever the others make, and the last one is known', () => {
    const gaps = fc.array(fc.record({ gap: fc.nat(MINUTE_MS), account: fc.nat(3) }), { minLength: 1 })
    fc.assert(
      fc.property(gaps, turns => {
        let now = NOW
        let held: Successors | undefined
        const last = new Map<number, number>()
        for (const [sequence, { gap, account }] of turns.entries()) {
          now += gap
          const expected = Math.max(0, (last.get(account) ?? 0) + MINUTE_MS - now)
          expect(successorWait(held, { account, now })).toBe(expected)
          if (expected > 0) continue
          const made = new Uint8Array(16).fill(sequence)
          held = withSuccessor(held, { id: made, sequence, account, now })
          last.set(account, now)
          expect(held).toMatchObject({ last: made, sequence })
          // No more is kept than is of use.
          for (const madeAt of held.madeAt.values()) expect(now - madeAt).toBeLessThan(MINUTE_MS)
        }
      }),
    )
  })

  test('go to the millisecond, and a clock that is set back keeps nobody out', () => {
    const held = withSuccessor(undefined, { id, sequence: 5, account: 1, now: NOW })
    expect(held).toEqual({ last: id, sequence: 5, madeAt: new Map([[1, NOW]]) })
    const waits = [NOW, NOW + MINUTE_MS - 1, NOW + MINUTE_MS, NOW - 1].map(now =>
      successorWait(held, { account: 1, now }),
    )
    expect(waits).toEqual([MINUTE_MS, 1, 0, 0])
    expect(successorWait(held, { account: 2, now: NOW })).toBe(0)
  })
})
