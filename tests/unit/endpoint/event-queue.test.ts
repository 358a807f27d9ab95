import { expect, test } from '@jest/globals'
import { EventQueue } from '../../../services/endpoint/event-queue.js'

test('events are given out in their order, whether they came before or come later', async () => {
  const queue = new EventQueue<number>()
  queue.push(1)
  queue.push(2)
  expect(await queue.next()).toEqual({ value: 1, done: false })
  expect(await queue.next()).toEqual({ value: 2, done: false })
  const later = queue.next()
  queue.push(3)
  expect(await later).toEqual({ value: 3, done: false })
})

test('a reader that stops early loses nothing for the next one', async () => {
  const queue = new EventQueue<number>()
  for (const number of [1, 2, 3]) queue.push(number)
  for await (const number of queue) if (number === 2) break
  queue.end()
  const rest: number[] = []
  for await (const number of queue) rest.push(number)
  expect(rest).toEqual([3])
})

test('the end comes behind what is waiting, also to a reader that waits', async () => {
  const queue = new EventQueue<number>()
  const waiting = queue.next()
  queue.end()
  expect(await waiting).toEqual({ value: undefined, done: true })
  expect(await queue.next()).toEqual({ value: undefined, done: true })
})

test('there is one reader at a time', async () => {
  const queue = new EventQueue<number>()
  const first = queue.next()
  await expect(queue.next()).rejects.toThrow(RangeError)
  queue.push(1)
  expect(await first).toEqual({ value: 1, done: false })
})

test('while nobody reads, the latest are kept', async () => {
  const queue = new EventQueue<number>()
  for (let number = 0; number <= 10_000; number++) queue.push(number)
  expect(await queue.next()).toEqual({ value: 1, done: false })
})
