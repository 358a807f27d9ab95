import { expect, test } from '@jest/globals'
import { dateOf, isTime } from '../../../services/protocol/time.js'

const LATEST = 8_640_000_000_000_000n

test.each([
  [0n, true],
  [LATEST, true],
  [LATEST + 1n, false],
  [-1n, false],
])('whether a date can hold a time: %s', (time, can) => {
  expect(isTime(time)).toBe(can)
})

test.each([
  [5n, 5],
  [LATEST, Number(LATEST)],
  [LATEST + 1n, Number(LATEST)],
  [2n ** 63n - 1n, Number(LATEST)],
  [-1n, 0],
  [-(2n ** 63n), 0],
])('a time that somebody says is shown by the nearest date: %s', (time, ms) => {
  expect(dateOf(time).getTime()).toBe(ms)
})
