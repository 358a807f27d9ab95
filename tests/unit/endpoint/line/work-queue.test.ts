import { expect, test } from '@jest/globals'
import { WorkQueue } from '../../../../services/endpoint/line/work-queue.js'

test('tasks run one after the other, in their order', async () => {
  const queue = new WorkQueue(() => undefined)
  const first = Promise.withResolvers<void>()
  const done: number[] = []
  queue.add(async () => {
    await first.promise
    done.push(1)
  })
  queue.add(async () => void done.push(2))
  expect(queue.waiting).toBe(2)
  first.resolve()
  await queue.settled()
  expect({ done, waiting: queue.waiting }).toEqual({ done: [1, 2], waiting: 0 })
})

test('after one has failed, which is told at once, none runs, also of those that are added later', async () => {
  const failures: unknown[] = []
  const queue = new WorkQueue(cause => failures.push(cause))
  const run: string[] = []
  queue.add(() => Promise.reject(new Error('the first')))
  queue.add(async () => void run.push('behind it'))
  await queue.settled()
  queue.add(() => Promise.reject(new Error('later')))
  await queue.settled()
  expect(failures).toEqual([new Error('the first')])
  expect({ run, waiting: queue.waiting }).toEqual({ run: [], waiting: 0 })
})
