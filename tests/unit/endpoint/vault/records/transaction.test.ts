// A unit of work reads what it has changed as if that were saved already: against a plain map.

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { clientSequenceOf, countOf, sequenceOf } from '../../../../../services/endpoint/ids.js'
import { compareKeys, isWithin } from '../../../../../services/endpoint/vault/records/keys.js'
import { type RangeOf, Records, type Transaction } from '../../../../../services/endpoint/vault/records.js'
import type { Key, Range } from '../../../../../services/endpoint/vault/vault.js'
import { MemoryDisk } from '../../../../support/memory/vault.js'
import { keyIn } from '../../../../support/numbers.js'

/** One that is kept whole in memory, and two that are read from the disk. */
const TABLES = ['outbox', 'senders', 'messages'] as const
type TestTable = (typeof TABLES)[number]
type Step = { put: Key } | { delete: Key } | { deleteGroup: bigint }

const small = fc.bigInt(1n, 4n)
const key = fc.record({ group: small, id: small })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: key.map(put => ({ put })) },
  { weight: 2, arbitrary: key.map(gone => ({ delete: gone })) },
  { weight: 1, arbitrary: small.map(deleteGroup => ({ deleteGroup })) },
)
const ranges: Range[] = [
  {},
  { reverse: true, limit: 2 },
  { group: 2n },
  { group: 2n, after: 1n, before: 4n },
  { group: 3n, after: 1n, reverse: true, limit: 1 },
]

const nameOf = ({ group, id }: Key) => `${group}/${id}`

/** The rows as they should be, with the number of the step that put each. */
class Model {
  readonly rows = new Map<string, { key: Key; value: bigint }>()

  apply(step: Step, value: bigint): void {
    if ('put' in step) this.rows.set(nameOf(step.put), { key: step.put, value })
    else if ('delete' in step) this.rows.delete(nameOf(step.delete))
    else for (const [name, { key }] of this.rows) if (key.group === step.deleteGroup) this.rows.delete(name)
  }

  within(range: Range) {
    const found = [...this.rows.values()].filter(({ key }) => isWithin(key, range))
    found.sort((a, b) => compareKeys(a.key, b.key))
    if (range.reverse) found.reverse()
    return found.slice(0, range.limit)
  }
}

const recordWith = (table: TestTable, value: bigint) =>
  table === 'outbox'
    ? { clientSequence: clientSequenceOf(value) }
    : table === 'senders'
      ? { received: countOf(value) }
      : { sequence: sequenceOf(value) }
type Values = { clientSequence?: bigint; received?: bigint; sequence?: bigint }
const numberIn = (table: TestTable, record: Values) =>
  table === 'outbox' ? record.clientSequence : table === 'senders' ? record.received : record.sequence

function apply(tx: Transaction, table: TestTable, step: Step, value: bigint): void {
  if ('put' in step) tx.put(table, keyIn(table, step.put), recordWith(table, value))
  else if ('delete' in step) tx.delete(table, keyIn(table, step.delete))
  else tx.deleteGroup(table, keyIn(table, { group: step.deleteGroup, id: 0n }).group)
}

function isAs(model: Model, reader: Pick<Records, 'list' | 'keys' | 'get' | 'has'>, table: TestTable): void {
  for (const each of ranges) {
    const expected = model.within(each)
    const range = each as RangeOf<TestTable>
    const rows = reader.list(table, range).map(({ key, record }) => ({ key, value: numberIn(table, record) }))
    expect(rows).toEqual(expected)
    expect(reader.keys(table, range)).toEqual(expected.map(({ key }) => key))
  }
  for (const group of [1n, 2n, 3n, 4n])
    for (const id of [1n, 4n]) {
      const known = model.rows.get(nameOf({ group, id }))
      expect(reader.has(table, keyIn(table, { group, id }))).toBe(known !== undefined)
      const record = reader.get(table, keyIn(table, { group, id }))
      expect(record && numberIn(table, record)).toBe(known?.value)
    }
}

describe('units of work', () => {
  test.each(TABLES)(
    'read in %s what they and those before them changed, and leave that on the disk',
    async table => {
      const units = fc.array(fc.record({ steps: fc.array(step, { maxLength: 12 }), fails: fc.boolean() }), {
        maxLength: 5,
      })
      await fc.assert(
        fc.asyncProperty(units, async given => {
          const disk = new MemoryDisk()
          const records = new Records(disk.open(), () => undefined)
          let saved = new Model()
          let count = 0n
          for (const { steps, fails } of given) {
            const model = new Model()
            for (const [name, row] of saved.rows) model.rows.set(name, row)
            const unit = records.transaction(tx => {
              for (const step of steps) {
                count++
                apply(tx, table, step, count)
                model.apply(step, count)
              }
              isAs(model, tx, table)
              isAs(saved, records, table)
              if (fails) throw new Error('no')
            })
            await unit.catch(error => expect(error).toEqual(new Error('no')))
            if (!fails) saved = model
            isAs(saved, records, table)
          }
          const copy = new MemoryDisk()
          copy.copyFrom(disk)
          isAs(saved, new Records(copy.open(), () => undefined), table)
        }),
        { numRuns: 30 },
      )
    },
  )

  test('know which rows they have touched, and what stood there before', async () => {
    const records = new Records(new MemoryDisk().open(), () => undefined)
    const [first, other] = [
      keyIn('senders', { group: 1n, id: 1n }),
      keyIn('senders', { group: 1n, id: 2n }),
    ] as const
    await records.transaction(tx => void tx.put('senders', first, { received: countOf(1n) }))
    await records.transaction(tx => {
      expect(tx.touched('senders')).toEqual([])
      tx.put('senders', first, { received: countOf(2n) })
      tx.put('senders', other, { received: countOf(3n) })
      tx.delete('senders', other)
      expect(tx.touched('senders')).toEqual([first, other])
      expect([tx.saved('senders', first)?.received, tx.saved('senders', other)]).toEqual([1n, undefined])
      expect([tx.get('senders', first)?.received, tx.get('senders', other)]).toEqual([2n, undefined])
    })
  })
})
