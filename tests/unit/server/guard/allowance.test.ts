import { expect, test } from '@jest/globals'
import { Allowance } from '../../../../services/server/guard/allowance.js'

const MINUTE_MS = 60_000

function scene(amount: number) {
  const clock = { ms: 0 }
  return { clock, allowance: new Allowance({ amount, periodMs: MINUTE_MS, now: () => clock.ms }) }
}

test('each has so much at once, and as much again in every period', () => {
  const { clock, allowance } = scene(60)
  expect(allowance.take('a', 60)).toBe(0)
  expect(allowance.take('a')).toBe(1_000)
  expect(allowance.take('b', 60)).toBe(0)
  clock.ms = 1_000
  expect(allowance.take('a')).toBe(0)
  expect(allowance.take('a', 30)).toBe(30_000)
  clock.ms = 31_000
  expect(allowance.take('a', 30)).toBe(0)
})

test('all that is asked for is taken, or nothing', () => {
  const { allowance } = scene(10)
  expect(allowance.take('a', 8)).toBe(0)
  expect(allowance.take('a', 3)).toBeGreaterThan(0)
  expect(allowance.take('a', 2)).toBe(0)
})

test('more than there ever is at once takes all that there is', () => {
  const { allowance } = scene(10)
  expect(allowance.take('a', 1)).toBe(0)
  expect(allowance.take('a', 100)).toBeGreaterThan(0)
  const fresh = scene(10).allowance
  expect(fresh.take('a', 100)).toBe(0)
  expect(fresh.take('a', 1)).toBeGreaterThan(0)
})

test('those who have all of theirs are forgotten, and nobody is remembered who has no limit', () => {
  const { clock, allowance } = scene(60)
  allowance.take('a')
  allowance.take('b', 60)
  clock.ms = 2_000
  allowance.sweep()
  expect(allowance.size()).toBe(1)
  const free = scene(Number.POSITIVE_INFINITY).allowance
  for (let count = 0; count < 100; count += 1) expect(free.take(`${count}`, 1e9)).toBe(0)
  expect(free.size()).toBe(0)
})

test('of ever new subjects those that came first begin anew', () => {
  const { allowance } = scene(1)
  for (let count = 0; count < 60_000; count += 1) allowance.take(`${count}`)
  expect(allowance.size()).toBe(50_000)
  expect(allowance.take('59999')).toBeGreaterThan(0)
  expect(allowance.take('0')).toBe(0)
})
