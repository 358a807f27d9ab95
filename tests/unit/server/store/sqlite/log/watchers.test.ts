import { create } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { ApplicationEnvelopeSchema } from '../../../../../../gen/parley/v1/chat_pb.js'
import type { LogRecord } from '../../../../../../services/server/store/log-record.js'
import { Watchers } from '../../../../../../services/server/store/sqlite/log/watchers.js'
import { conversation } from '../../people.js'

function record(sequence: number): LogRecord {
  const body = { case: 'application', value: create(ApplicationEnvelopeSchema) } as const
  return {
    sequence,
    shown: sequence,
    conversation: 1,
    sender: 0,
    clientSequence: 1,
    storedAt: 0,
    size: 1,
    body,
  }
}

test('a transaction wakes each reader of it once, and notes for each where its unread begins', async () => {
  const watchers = new Watchers()
  const woken: number[] = []
  for (const device of [1, 2, 3, 4]) watchers.watch(device, () => void woken.push(device))
  for (const device of [1, 3]) Object.assign(watchers.reader(device)!, { unread: new Map(), position: 9 })
  Object.assign(watchers.reader(2)!, { unread: new Map([[1, 5]]), position: 4 })
  const before = conversation([1, 2])
  const after = conversation([1, 3])
  watchers.notify([
    { conversation: before, record: record(10), removed: [] },
    { conversation: before, record: record(11), removed: [] },
    { conversation: after, record: record(12), removed: [2] },
  ])
  await Promise.resolve()
  expect(woken.sort()).toEqual([1, 2, 3])
  // An earlier bound stays; a device that has not read yet looks for itself.
  expect([1, 2, 3, 4].map(device => watchers.reader(device)?.unread?.get(1))).toEqual([10, 5, 10, undefined])
})

test('a device is forgotten with the last of those that watch for it', () => {
  const watchers = new Watchers()
  const stops = [1, 2].map(() => watchers.watch(7, () => undefined))
  stops[0]!()
  expect(watchers.reader(7)).toBeDefined()
  stops[1]!()
  expect(watchers.reader(7)).toBeUndefined()
})
