// The changes that this device is to commit, group by group.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { IntentList } from '../../../../services/endpoint/groups/intent-list.js'
import { removeAccount } from '../../../../services/endpoint/groups/intents.js'
import { type GroupNumber, groupNumber } from '../../../../services/endpoint/ids.js'
import { Records } from '../../../../services/endpoint/vault/records.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { MemoryDisk } from '../../../support/memory/vault.js'
import { numbered } from '../../../support/numbers.js'

const ONE = { number: groupNumber(1n) }
const TWO = { number: groupNumber(2n) }
const removal = (fill: number) => ({ change: removeAccount(accountKey(new Uint8Array(32).fill(fill))) })

let records: Records
beforeEach(() => {
  records = new Records(new MemoryDisk().open(), () => undefined)
})

const act = (work: (list: IntentList, tx: Parameters<IntentList['add']>[0]) => void) =>
  records.transaction(tx => work(new IntentList(tx), tx))
const of = (group: { number: GroupNumber }) =>
  new IntentList(records)
    .of(group)
    .map(({ intent: { change } }) => (change.case === 'removeAccount' ? change.value.accountKey[0] : 0))

describe('intents', () => {
  beforeEach(() =>
    act((list, tx) => {
      list.add(tx, ONE, removal(1))
      list.add(tx, TWO, removal(2))
      list.add(tx, ONE, removal(3))
    }),
  )

  test('are kept by group, in the order in which they came up', () => {
    expect([of(ONE), of(TWO)]).toEqual([[1, 3], [2]])
    expect(new IntentList(records).all().map(({ group, id }) => [group, id])).toEqual([
      [1n, 1n],
      [1n, 2n],
      [2n, 1n],
    ])
    expect(new IntentList(records).get(ONE, numbered(2n))).toMatchObject(removal(3))
    expect(new IntentList(records).get(TWO, numbered(2n))).toBeUndefined()
  })

  test('are replaced in their place', async () => {
    await act((list, tx) => list.save(tx, ONE, { id: numbered(1n), intent: { ...removal(9), alone: true } }))
    expect(of(ONE)).toEqual([9, 3])
    expect(new IntentList(records).get(ONE, numbered(1n))?.alone).toBe(true)
  })

  test('go one by one, or all of a group', async () => {
    await act((list, tx) => list.drop(tx, ONE, numbered(1n)))
    expect([of(ONE), of(TWO)]).toEqual([[3], [2]])
    await act((list, tx) => {
      list.add(tx, ONE, removal(4))
      list.dropAll(tx, ONE)
    })
    expect([of(ONE), of(TWO)]).toEqual([[], [2]])
  })

  test('are written by the unit of work that reads them, and by no other', async () => {
    const saved = new IntentList(records)
    await expect(act((_, tx) => saved.add(tx, ONE, removal(5)))).rejects.toThrow()
    await expect(act((_, tx) => saved.drop(tx, ONE, numbered(1n)))).rejects.toThrow()
    await expect(act((_, tx) => saved.dropAll(tx, ONE))).rejects.toThrow()
    expect(of(ONE)).toEqual([1, 3])
  })
})
