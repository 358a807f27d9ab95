import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  anotherSuccessor,
  commitAt,
  SUCCESSORS_PER_HOUR,
} from '../../../../services/server/store/commit-limits.js'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
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
    const before = NOW - HOUR_MS
    expect(commitAt(freeAt, { now: before, perMinute: 10 })).toEqual({ freeAt: before + 6_000 })
    expect(commitAt(freeAt, { now: NOW + MINUTE_MS, perMinute: 10 })).toEqual({
      freeAt: NOW + MINUTE_MS + 6_000,
    })
  })
})

describe('successors', () => {
  const id = new Uint8Array(16).fill(1)
  const later = (sequence: number) => ({ id: new Uint8Array(16).fill(2), sequence })

  test('are so many in an hour, of which the first stays the first', () => {
    let now = NOW
    let held = anotherSuccessor(undefined, { id, sequence: 5, now })
    expect(held).toEqual({ first: id, sequence: 5, count: 1, since: NOW })
    for (let count = 2; count <= SUCCESSORS_PER_HOUR; count += 1) {
      now += 1_000
      if ('waitMs' in held) throw new Error('it has to wait')
      held = anotherSuccessor(held, { ...later(9), now })
      expect(held).toEqual({ first: id, sequence: 5, count, since: NOW })
    }
    if ('waitMs' in held) throw new Error('it has to wait')
    expect(anotherSuccessor(held, { ...later(9), now })).toEqual({ waitMs: HOUR_MS - 2_000 })
    for (const at of [NOW + HOUR_MS, NOW - 1])
      expect(anotherSuccessor(held, { ...later(9), now: at })).toEqual({
        first: id,
        sequence: 5,
        count: 1,
        since: at,
      })
  })
})
