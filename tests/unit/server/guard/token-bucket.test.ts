import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { TokenBucket } from '../../../../services/server/guard/token-bucket.js'

test('a burst at once, then so many a second', () => {
  let nowMs = 0
  const bucket = new TokenBucket({ perSecond: 10, burst: 50, now: () => nowMs })
  expect(bucket.isFull()).toBe(true)
  expect(bucket.take(60)).toBe(50)
  expect(bucket.take(1)).toBe(0)
  expect(bucket.waitMs(1)).toBe(100)
  nowMs += 100
  expect(bucket.take(5)).toBe(1)
  nowMs += 60_000
  expect(bucket.isFull()).toBe(true)
  expect(bucket.take(60)).toBe(50)
})

test('a wait as long as it says brings what was asked for; never is more given than the average and a burst', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.array(fc.nat(200), { maxLength: 30 }),
      (perSecond, wishes) => {
        let nowMs = 0
        let taken = 0
        const burst = perSecond * 5
        const bucket = new TokenBucket({ perSecond, burst, now: () => nowMs })
        for (const wish of wishes) {
          const got = bucket.take(wish)
          taken += got
          if (got < wish) {
            const rest = Math.min(wish - got, burst)
            nowMs += bucket.waitMs(rest) + 1
            expect(bucket.take(rest)).toBe(rest)
            taken += rest
          }
          expect(taken).toBeLessThanOrEqual(burst + (nowMs / 1000) * perSecond + 1)
        }
      },
    ),
  )
})
