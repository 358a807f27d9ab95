import { expect, test } from '@jest/globals'
import { Backoff } from '../../../../services/endpoint/line/backoff.js'

test('the waits double up to half a minute, and begin again after a success', () => {
  const longest = new Backoff(() => 1)
  expect(Array.from({ length: 8 }, () => longest.next())).toEqual([
    500, 1000, 2000, 4000, 8000, 16000, 30000, 30000,
  ])
  longest.reset()
  expect(longest.next()).toBe(500)
})

test('the jitter takes up to half away, and never all', () => {
  const shortest = new Backoff(() => 0)
  expect(Array.from({ length: 8 }, () => shortest.next())).toEqual([
    250, 500, 1000, 2000, 4000, 8000, 15000, 15000,
  ])
})

test('after thousands of failures the wait is still a number', () => {
  const waits = new Backoff(() => 0.5)
  for (let failures = 0; failures < 5000; failures++) waits.next()
  expect(waits.next()).toBe(22_500)
})
