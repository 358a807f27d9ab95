// A record that is read again and again is not opened again and again, and the memory for that stays bounded.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { groupNumber } from '../../../../../services/endpoint/ids.js'
import { Records, type RecordTable } from '../../../../../services/endpoint/vault/records.js'
import type { Vault } from '../../../../../services/endpoint/vault/vault.js'
import { MemoryDisk } from '../../../../support/memory/vault.js'
import { keyIn } from '../../../../support/numbers.js'

let vault: Vault
let records: Records
/** Values that were read from the disk, and opened. */
let opened: number
beforeEach(() => {
  vault = new MemoryDisk().open()
  const get = vault.get.bind(vault)
  vault.get = (table, key) => {
    opened++
    return get(table, key)
  }
  records = new Records(vault, () => undefined)
})

/** How many values are opened for this. */
function opening(read: () => void): number {
  opened = 0
  read()
  return opened
}
const fill = (table: RecordTable, rows: number) =>
  records.transaction(tx => {
    for (let id = 1; id <= rows; id++) tx.put(table, key(table, id), {})
  })
const reopen = () => {
  records = new Records(vault, () => undefined)
}
const key = <T extends RecordTable>(table: T, id: number) => keyIn(table, { group: 0n, id: BigInt(id) })

describe('a record', () => {
  test('is opened once', async () => {
    await fill('contacts', 3)
    reopen()
    expect(opening(() => records.list('contacts'))).toBe(3)
    expect(opening(() => records.list('contacts'))).toBe(0)
    expect(opening(() => records.get('contacts', key('contacts', 2)))).toBe(0)
    // One that is not there is looked for.
    expect(opening(() => records.get('contacts', key('contacts', 9)))).toBe(1)
  })

  test('that was just saved need not be opened', async () => {
    await fill('contacts', 3)
    expect(opening(() => records.list('contacts'))).toBe(0)
  })

  test('that was not used for long is forgotten, and one that was used stays', async () => {
    await fill('contacts', 2047)
    records.get('contacts', key('contacts', 1))
    await fill('conversations', 2)
    expect(opening(() => records.get('contacts', key('contacts', 1)))).toBe(0)
    expect(opening(() => records.get('contacts', key('contacts', 2)))).toBe(1)
  })

  test('of a history, or another long list, displaces nothing', async () => {
    await fill('contacts', 1)
    await fill('messages', 3000)
    records.list('messages')
    expect(opening(() => records.get('contacts', key('contacts', 1)))).toBe(0)
    expect(opening(() => records.get('messages', key('messages', 1)))).toBe(1)
  })

  test('is gone when it was deleted, by itself or with its group', async () => {
    await fill('sent', 2)
    await fill('intents', 2)
    await records.transaction(tx => {
      tx.delete('sent', key('sent', 1))
      tx.deleteGroup('intents', groupNumber(0n))
    })
    expect([records.get('sent', key('sent', 1)), records.get('sent', key('sent', 2))?.message]).toEqual([
      undefined,
      0n,
    ])
    expect([records.list('intents'), records.get('intents', key('intents', 1))]).toEqual([[], undefined])
    await records.transaction(tx => tx.deleteGroup('sent', groupNumber(0n)))
    expect(records.get('sent', key('sent', 2))).toBeUndefined()
  })
})

describe('a table of what is to be done', () => {
  test('is read once, with its keys', async () => {
    await fill('outbox', 3)
    reopen()
    expect(opening(() => records.keys('outbox'))).toBe(3)
    expect(opening(() => records.list('outbox'))).toBe(0)
    expect(opening(() => records.get('outbox', key('outbox', 9)))).toBe(0)
    await fill('outbox', 4)
    expect(opening(() => records.list('outbox', { group: 0n }))).toBe(0)
    expect(records.keys('outbox').length).toBe(4)
  })
})
