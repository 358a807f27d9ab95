// The outbox against the server's rule (proto/parley/v1, Send): numbers in order, none skipped, a repetition is
// acknowledged and not stored again, a rejection uses no number.

import { beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { clientSequenceOf, groupNumber, messageNumber } from '../../../../../services/endpoint/ids.js'
import {
  OUTBOX_WINDOW,
  Outbox,
  type OutboxItem,
  OutboxProgress,
} from '../../../../../services/endpoint/messages/sealing/outbox.js'
import { Records, type Transaction } from '../../../../../services/endpoint/vault/records.js'
import { type Vault, VaultError } from '../../../../../services/endpoint/vault/vault.js'
import { MemoryDisk } from '../../../../support/memory/vault.js'

let disk: MemoryDisk
let vault: Vault
let records: Records
let outbox: Outbox
let change: <T>(work: (outbox: Outbox, tx: Transaction) => T) => Promise<T>

beforeEach(() => {
  disk = new MemoryDisk()
  vault = disk.open()
  start()
})

/** The process begins anew. */
function start(): void {
  records = new Records(vault, () => undefined)
  const progress = new OutboxProgress()
  outbox = new Outbox(records, progress)
  change = work => records.transaction(tx => work(new Outbox(tx, progress), tx))
}

type Fault = 'lost' | 'kept'

/** Does it while writes fail. */
async function failing(fault: Fault, work: () => Promise<unknown>): Promise<void> {
  disk.fail({ reason: 'full', kept: fault === 'kept' })
  await expect(work()).rejects.toThrow(VaultError)
  disk.mend()
}

/** An item that is told by its message number. */
const content = (message: number): OutboxItem['what'] => ({
  case: 'content',
  value: {
    $typeName: 'parley.vault.v1.OutboxContent',
    content: new Uint8Array(),
    ciphertext: new Uint8Array(),
    epoch: 1n,
    message: messageNumber(BigInt(message)),
  },
})
const add = (...names: number[]) =>
  change((outbox, tx) => {
    for (const name of names) outbox.add(tx, groupNumber(1n), content(name))
  })
const accepted = (through: bigint) => change((outbox, tx) => outbox.accepted(tx, clientSequenceOf(through)))
const restart = (highest: bigint) => change((outbox, tx) => outbox.restart(tx, clientSequenceOf(highest)))
const nameOf = ({ what }: OutboxItem) => (what.case === 'content' ? Number(what.value.message) : -1)
const dropNamed = (gone: (name: number) => boolean) =>
  change((outbox, tx) => outbox.drop(tx, ({ item }) => gone(nameOf(item))).map(({ item }) => nameOf(item)))
const numbers = () => outbox.items().map(({ item }) => Number(item.clientSequence))
const saved = () => records.list('outbox').map(({ record }) => `${record.clientSequence}:${nameOf(record)}`)
const taken = () => outbox.takeUnsent().map(({ item }) => Number(item.clientSequence))

test('numbers go on from the highest that the server has, and none is left out when one is dropped', async () => {
  await restart(10n)
  await add(1, 2, 3, 4)
  expect(numbers()).toEqual([11, 12, 13, 14])
  await accepted(11n)
  await dropNamed(name => name === 2)
  expect(saved()).toEqual(['11:1', '12:3', '13:4'])
  await change((outbox, tx) => outbox.echoed(tx, clientSequenceOf(11n)))
  expect(saved()).toEqual(['12:3', '13:4'])
})

test.each<Fault>(['lost', 'kept'])(
  'what was accepted is neither dropped nor numbered anew nor sent again, also after a write that failed and was %s',
  async fault => {
    await add(1, 2, 3)
    await accepted(2n)
    await failing(fault, () => add(4))
    await dropNamed(name => name !== 3)
    expect(saved()).toEqual(['1:1', '2:2', '3:3'])
    expect(taken()).toEqual([3])
  },
)

test('a server that accepts more than was sent changes no number', async () => {
  await add(1)
  await accepted(2n ** 64n - 1n)
  await add(2)
  expect(numbers()).toEqual([1, 2])
})

test('a server that was restored from a backup is sent again what it lost', async () => {
  await add(1, 2, 3)
  taken()
  await accepted(3n)
  await restart(1n)
  expect(taken()).toEqual([2, 3])
})

test('the room ends at the window, and comes back with what is accepted', async () => {
  await change((outbox, tx) => {
    while (outbox.room() > 0) outbox.add(tx, groupNumber(1n), content(1))
  })
  expect(outbox.items()).toHaveLength(OUTBOX_WINDOW)
  await accepted(10n)
  expect(outbox.room()).toBe(10)
})

test('what was given to the stream is not dropped, and keeps its number, until the server has answered', async () => {
  await add(1, 2, 3)
  expect(taken()).toEqual([1, 2, 3])
  await add(4)
  expect(await dropNamed(name => name === 2 || name === 4)).toEqual([4])
  await add(5)
  expect(saved()).toEqual(['1:1', '2:2', '3:3', '4:5'])
  expect(taken()).toEqual([4])
  await change((outbox, tx) => outbox.rewind(tx, clientSequenceOf(2n)))
  expect(await dropNamed(name => name === 2)).toEqual([2])
  expect(saved()).toEqual(['1:1', '2:3', '3:5'])
  expect(taken()).toEqual([2, 3])
})

test('what a unit of work that fails has done to the numbers is forgotten', async () => {
  await add(1, 2)
  taken()
  const thrown = change((outbox, tx) => {
    outbox.restart(tx, clientSequenceOf(1n))
    outbox.drop(tx, () => true)
    throw new Error('something else went wrong')
  })
  await expect(thrown).rejects.toThrow('something else')
  expect([numbers(), taken(), outbox.room()]).toEqual([[1, 2], [], OUTBOX_WINDOW - 2])
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
  | { do: 'process-restart' | 'line-restart' }
  | { do: 'add'; fault: Fault | undefined }
  | { do: 'send'; lost: boolean; refuse: number }
  | { do: 'drop'; which: number; fault: Fault | undefined }
const fault = fc.option(fc.constantFrom<Fault>('lost', 'kept'), { nil: undefined, freq: 8 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), fault }) },
  fc.constantFrom<Step>({ do: 'process-restart' }, { do: 'line-restart' }),
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('send' as const), lost: fc.boolean(), refuse: fc.nat(9) }),
  },
  fc.record({ do: fc.constant('drop' as const), which: fc.nat(9), fault }),
)

/** Whether it is so now, which it is as well where the write failed and was kept. */
async function isMade(fault: Fault | undefined, work: () => Promise<unknown>): Promise<boolean> {
  if (fault) await failing(fault, work)
  else await work()
  return fault !== 'lost'
}

test('whatever happens in between, each item is stored once and in order, or was dropped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
      await change((_, tx) => {
        for (const { key } of tx.list('outbox')) tx.delete('outbox', key)
      })
      start()
      const server = modelServer()
      const expected: number[] = []
      let last = 0
      const open = () => restart(server.highest())
      const send = async ({ lost, refuse }: { lost: boolean; refuse: number }) => {
        for (const [index, { item }] of outbox.takeUnsent().entries()) {
          const answer = server.send(item.clientSequence, nameOf(item), index === refuse)
          if (lost) continue
          if (answer === undefined) await accepted(item.clientSequence)
          else if (answer === 'rejected') await change((outbox, tx) => outbox.rewind(tx, item.clientSequence))
        }
      }
      for (const one of steps) {
        if (one.do === 'add') {
          const name = ++last
          if (await isMade(one.fault, () => add(name))) expected.push(name)
        } else if (one.do === 'send') {
          await send(one)
          // A text is unheard only where the line is gone.
          if (one.lost) await open()
        } else if (one.do === 'drop') {
          const queued = outbox.items()[one.which]
          const name = queued && !queued.accepted && !queued.sent ? nameOf(queued.item) : 0
          if (name && (await isMade(one.fault, () => dropNamed(other => other === name))))
            expected.splice(expected.indexOf(name), 1)
        } else {
          if (one.do === 'process-restart') start()
          await open()
        }
      }
      await open()
      await send({ lost: false, refuse: -1 })
      expect(server.stored).toEqual(expected)
    }),
  )
})
