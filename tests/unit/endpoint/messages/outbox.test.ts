// The outbox against the server's rule (proto/parley/v1, Send): numbers in order, none skipped, a repetition is
// acknowledged and not stored again, a rejection uses no number.

import { beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { OutboxItem } from '../../../../gen/parley/vault/v1/records_pb.js'
import { OUTBOX_WINDOW, openOutbox } from '../../../../services/endpoint/messages/outbox.js'
import { openRecords, type Records, type Transaction } from '../../../../services/endpoint/vault/records.js'
import { MemoryDisk } from '../../../support/memory/vault.js'

let records: Records

beforeEach(() => {
  records = openRecords(new MemoryDisk().open(), () => undefined)
})

const written = <T>(change: (batch: Transaction) => T): Promise<T> => records.transaction(change)
/** An item that is told by its message number. */
const content = (message: number): OutboxItem['what'] => ({
  case: 'content',
  value: {
    $typeName: 'parley.vault.v1.OutboxContent',
    content: new Uint8Array(),
    ciphertext: new Uint8Array(),
    epoch: 1n,
    message: BigInt(message),
  },
})
const nameOf = ({ what }: OutboxItem) => (what.case === 'content' ? Number(what.value.message) : -1)
const numbers = (outbox: ReturnType<typeof openOutbox>) =>
  outbox.items().map(({ item }) => Number(item.clientSequence))
const saved = () => records.list('outbox').map(({ record }) => `${record.clientSequence}:${nameOf(record)}`)

test('numbers go on from the highest that the server has, and none is left out when one is dropped', async () => {
  const outbox = openOutbox(records)
  await written(batch => outbox.restart(batch, 10n))
  await written(batch => [1, 2, 3, 4].map(name => outbox.add(batch, 1n, content(name))))
  expect(numbers(outbox)).toEqual([11, 12, 13, 14])
  outbox.accepted(11n)
  await written(batch => outbox.drop(batch, ({ item }) => nameOf(item) === 2))
  expect(saved()).toEqual(['11:1', '12:3', '13:4'])
  await written(batch => outbox.echoed(batch, 11n))
  expect(saved()).toEqual(['12:3', '13:4'])
})

test('what was accepted is neither dropped nor numbered anew nor sent again, also after a failed write', async () => {
  const outbox = openOutbox(records)
  await written(batch => [1, 2, 3].map(name => outbox.add(batch, 1n, content(name))))
  outbox.accepted(2n)
  outbox.reload()
  await written(batch => outbox.drop(batch, ({ item }) => nameOf(item) !== 3))
  expect(saved()).toEqual(['1:1', '2:2', '3:3'])
  expect(outbox.takeUnsent().map(({ item }) => nameOf(item))).toEqual([3])
})

test('a server that accepts more than was sent changes no number', async () => {
  const outbox = openOutbox(records)
  await written(batch => outbox.add(batch, 1n, content(1)))
  outbox.accepted(2n ** 64n - 1n)
  await written(batch => outbox.add(batch, 1n, content(2)))
  expect(numbers(outbox)).toEqual([1, 2])
})

test('a server that was restored from a backup is sent again what it lost', async () => {
  const outbox = openOutbox(records)
  await written(batch => [1, 2, 3].map(name => outbox.add(batch, 1n, content(name))))
  outbox.takeUnsent()
  outbox.accepted(3n)
  await written(batch => outbox.restart(batch, 1n))
  expect(outbox.takeUnsent().map(({ item }) => Number(item.clientSequence))).toEqual([2, 3])
})

test('the room ends at the window, and comes back with what is accepted', async () => {
  const outbox = openOutbox(records)
  await written(batch => {
    while (outbox.room() > 0) outbox.add(batch, 1n, content(1))
  })
  expect(outbox.items()).toHaveLength(OUTBOX_WINDOW)
  outbox.accepted(10n)
  expect(outbox.room()).toBe(10)
})

/** The server's side of Send; the names of what it stored, in order. */
function modelServer() {
  const stored: number[] = []
  return {
    stored,
    highest: () => BigInt(stored.length),
    /** undefined: accepted. */
    send(number: bigint, name: number, refuse: boolean): 'rejected' | 'out-of-order' | undefined {
      if (number <= BigInt(stored.length)) return undefined
      if (number > BigInt(stored.length) + 1n) return 'out-of-order'
      if (refuse) return 'rejected'
      stored.push(name)
      return undefined
    },
  }
}

type Step =
  | { do: 'add' | 'process-restart' | 'line-restart' | 'failed-write' }
  | { do: 'send'; lost: boolean; refuse: number }
  | { do: 'drop'; which: number }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'add' }) },
  fc.constantFrom<Step>({ do: 'process-restart' }, { do: 'line-restart' }, { do: 'failed-write' }),
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('send' as const), lost: fc.boolean(), refuse: fc.nat(9) }),
  },
  fc.record({ do: fc.constant('drop' as const), which: fc.nat(9) }),
)

test('whatever happens in between, each item is stored once and in order, or was dropped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
      for (const { key } of records.list('outbox')) await written(batch => batch.delete('outbox', key))
      const server = modelServer()
      const dropped = new Set<number>()
      let outbox = openOutbox(records)
      let added = 0
      const open = () => written(batch => outbox.restart(batch, server.highest()))
      const send = ({ lost, refuse }: { lost: boolean; refuse: number }) => {
        for (const [index, { item }] of outbox.takeUnsent().entries()) {
          const answer = server.send(item.clientSequence, nameOf(item), index === refuse)
          if (lost) continue
          if (answer === undefined) outbox.accepted(item.clientSequence)
          else if (answer === 'rejected') outbox.rewind(item.clientSequence)
        }
      }
      for (const one of steps) {
        if (one.do === 'add') await written(batch => outbox.add(batch, 1n, content(++added)))
        else if (one.do === 'send') {
          send(one)
          // What was said is not heard only where the line is gone.
          if (one.lost) await open()
        } else if (one.do === 'drop') {
          const named = outbox.items()[one.which]
          for (const { item } of await written(batch => outbox.drop(batch, queued => queued === named)))
            dropped.add(nameOf(item))
        } else if (one.do === 'failed-write') outbox.reload()
        else {
          if (one.do === 'process-restart') outbox = openOutbox(records)
          await open()
        }
      }
      await open()
      send({ lost: false, refuse: -1 })
      const expected = Array.from({ length: added }, (_, index) => index + 1).filter(
        name => !dropped.has(name),
      )
      expect(server.stored).toEqual(expected)
    }),
  )
})
