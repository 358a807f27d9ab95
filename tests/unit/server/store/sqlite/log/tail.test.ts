import { create } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { ApplicationEnvelopeSchema } from '../../../../../../gen/parley/v1/chat_pb.js'
import type { LogRecord } from '../../../../../../services/server/store/log-record.js'
import { TAIL_BYTES, TAIL_RECORDS, Tail } from '../../../../../../services/server/store/sqlite/log/tail.js'

const body = { case: 'application', value: create(ApplicationEnvelopeSchema) } as const

function record(sequence: number, { conversation = sequence % 3, size = 100 } = {}): LogRecord {
  return { sequence, shown: sequence, conversation, sender: 1, clientSequence: 1, storedAt: 0, size, body }
}

/** The number of the first that is there. */
const first = (tail: Tail, conversation: number, from: number) => tail.first(conversation, from)?.sequence

test('it covers what came since it was opened, and finds the first of a conversation', () => {
  const tail = new Tail(100)
  expect([tail.covers(100), tail.covers(101)]).toEqual([false, true])
  for (let sequence = 101; sequence < 110; sequence++) tail.push(record(sequence))
  expect([first(tail, 0, 101), first(tail, 0, 102), first(tail, 0, 103), first(tail, 0, 109)]).toEqual([
    ...[102, 102, 105],
    undefined,
  ])
  expect(first(tail, 7, 101)).toBeUndefined()
})

test('it keeps so many records and no more, and covers just those', () => {
  const tail = new Tail(0)
  const last = TAIL_RECORDS + 1_000
  for (let sequence = 1; sequence <= last; sequence++) tail.push(record(sequence))
  expect([tail.covers(1_000), tail.covers(1_001)]).toEqual([false, true])
  expect(first(tail, 1_001 % 3, 1)).toBe(1_001)
  for (const from of [1_001, 30_000, last]) expect(first(tail, from % 3, from)).toBe(from)
})

test('it keeps so many bytes and no more, and forgets conversations of which nothing is left', () => {
  const tail = new Tail(0)
  const size = TAIL_BYTES / 8
  for (let sequence = 1; sequence <= 20; sequence++)
    tail.push(record(sequence, { conversation: sequence, size }))
  expect([tail.covers(12), tail.covers(13)]).toEqual([false, true])
  expect([first(tail, 12, 1), first(tail, 13, 1)]).toEqual([undefined, 13])
  // One that is larger than all of it is gone at once.
  tail.push(record(21, { conversation: 1, size: TAIL_BYTES + 1 }))
  expect([tail.covers(21), tail.covers(22), first(tail, 1, 1)]).toEqual([false, true, undefined])
})
