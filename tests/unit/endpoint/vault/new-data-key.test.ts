// A new passphrase is a new data key: a thief who kept the old key file, or knew the passphrase before, reads nothing
// that is written later, and in the end nothing of the vault as it is now.

import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { openLock, parseLock } from '../../../../services/endpoint/vault/lock.js'
import { makeSealer } from '../../../../services/endpoint/vault/seal.js'
import { openVault, TABLES, type Table, type Vault } from '../../../../services/endpoint/vault/vault.js'
import { filesWith, withFolder } from '../../../support/folder.js'

const at = (id: number) => ({ group: 0n, id: BigInt(id) })
/** More than are sealed anew in one write. */
const ROWS = 300
const value = (id: number) => new Uint8Array(40).fill(id % 251)

async function make(folder: string, passphrase?: string): Promise<void> {
  const vault = await openVault({ folder, passphrase })
  vault.write(Array.from({ length: ROWS }, (_, id) => ({ put: 'messages', key: at(id), value: value(id) })))
  vault.write([{ put: 'identity', key: at(0), value: value(7) }])
  vault.close()
}

function expectWhole(vault: Vault): void {
  const found = Array.from({ length: ROWS }, (_, id) => vault.get('messages', at(id)))
  expect(found).toEqual(found.map((_, id) => value(id)))
  expect(vault.get('identity', at(0))).toEqual(value(7))
}

/** Rows of a closed vault that a data key opens, and the number of all. */
function openedBy(folder: string, dataKey: Uint8Array): { opened: number; all: number } {
  const sealer = makeSealer(dataKey)
  const rows = sealedRows(folder)
  const opened = rows.filter(({ table, id, sealed }) => sealer.open(table, { group: 0n, id }, sealed))
  return { opened: opened.length, all: rows.length }
}

function sealedRows(folder: string): { table: Table; id: bigint; sealed: Uint8Array }[] {
  return withDatabase(folder, database =>
    TABLES.flatMap(table => {
      const query = database.prepare(`SELECT id, value FROM "${table}"`)
      query.setReadBigInts(true)
      return query.all().map(({ id, value }) => ({ table, id: id as bigint, sealed: value as Uint8Array }))
    }),
  )
}

function lockRecords(folder: string): Uint8Array[] {
  return withDatabase(folder, database =>
    database
      .prepare('SELECT record FROM lock ORDER BY id')
      .all()
      .map(({ record }) => record as Uint8Array),
  )
}

function withDatabase<T>(folder: string, use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(folder, 'vault.db'), { readOnly: true })
  try {
    return use(database)
  } finally {
    database.close()
  }
}

/** Opens the vault and leaves it open until the former key is in no file any more. */
async function settle(folder: string, passphrase: string): Promise<void> {
  const [, former] = lockRecords(folder)
  expect(filesWith(folder, Buffer.from(former!))).not.toEqual([])
  const vault = await openVault({ folder, passphrase })
  while (filesWith(folder, Buffer.from(former!)).length > 0) await turn()
  vault.close()
}

describe('a vault whose passphrase was changed', () => {
  test('has all its rows at once, also those that are not sealed anew yet', () =>
    withFolder(async folder => {
      await make(folder)
      const vault = await openVault({ folder })
      await vault.changePassphrase('one')
      expectWhole(vault)
      vault.close()
      const again = await openVault({ folder, passphrase: 'one' })
      expectWhole(again)
      again.close()
    }))

  test('seals under the new key what is written from then on', () =>
    withFolder(async folder => {
      await make(folder)
      const stolen = readFileSync(join(folder, 'key'))
      const vault = await openVault({ folder })
      await vault.changePassphrase('one')
      vault.write([{ put: 'sent', key: at(1), value: value(1) }])
      vault.close()
      const row = sealedRows(folder).find(({ table }) => table === 'sent')!
      expect(makeSealer(stolen).open('sent', at(1), row.sealed)).toBeUndefined()
    }))

  test('was closed before it was sealed anew: the next start goes on, and the old key opens nothing then', () =>
    withFolder(async folder => {
      await make(folder)
      const stolen = readFileSync(join(folder, 'key'))
      const vault = await openVault({ folder })
      await vault.changePassphrase('one')
      vault.close()
      expect(openedBy(folder, stolen).opened).toBeGreaterThan(0)
      expect(lockRecords(folder)).toHaveLength(2)
      await settle(folder, 'one')
      expect(openedBy(folder, stolen)).toEqual({ opened: 0, all: ROWS + 1 })
      expect(lockRecords(folder)).toHaveLength(1)
      const again = await openVault({ folder, passphrase: 'one' })
      expectWhole(again)
      again.close()
    }))

  test('keeps no copy of the key that another passphrase opens', () =>
    withFolder(async folder => {
      await make(folder, 'one')
      const [before] = lockRecords(folder)
      const stolen = await openLock(parseLock(before!, 'vault.db'), 'one')
      const vault = await openVault({ folder, passphrase: 'one' })
      await vault.changePassphrase('two')
      vault.close()
      await settle(folder, 'two')
      expect(openedBy(folder, stolen).opened).toBe(0)
      await expect(openVault({ folder, passphrase: 'one' })).rejects.toMatchObject({
        reason: 'passphrase-wrong',
      })
    }))

  test('is changed again before it was sealed anew, twice at the same time: nothing is lost', () =>
    withFolder(async folder => {
      await make(folder)
      const vault = await openVault({ folder })
      await Promise.all([vault.changePassphrase('one'), vault.changePassphrase('two')])
      await vault.changePassphrase('three')
      expectWhole(vault)
      vault.close()
      const again = await openVault({ folder, passphrase: 'three' })
      expectWhole(again)
      await again.changePassphrase(undefined)
      again.close()
      const last = await openVault({ folder })
      expectWhole(last)
      last.close()
    }))

  test('without a passphrase keeps its key when none is removed', () =>
    withFolder(async folder => {
      await make(folder)
      const key = readFileSync(join(folder, 'key'))
      const vault = await openVault({ folder })
      await vault.changePassphrase(undefined)
      vault.close()
      expect(readFileSync(join(folder, 'key'))).toEqual(key)
    }))

  test('is full while it is sealed anew: it stays readable, and the next start goes on', () =>
    withFolder(async folder => {
      await make(folder)
      const vault = await openVault({ folder, maxBytes: 1 })
      const error = await vault.changePassphrase('one').catch((caught: unknown) => caught)
      for (let turns = 0; turns < 50; turns++) await turn()
      expectWhole(vault)
      vault.close()
      const again = await openVault({ folder, ...(error ? {} : { passphrase: 'one' }) })
      expectWhole(again)
      await again.changePassphrase('two')
      expectWhole(again)
      again.close()
    }))

  test('and of which a row is damaged loses that row alone', () =>
    withFolder(async folder => {
      await make(folder)
      const database = new DatabaseSync(join(folder, 'vault.db'))
      database.prepare('UPDATE messages SET value = zeroblob(640) WHERE id = 5').run()
      database.close()
      const vault = await openVault({ folder })
      await vault.changePassphrase('one')
      await vault.changePassphrase('two')
      expect(() => vault.get('messages', at(5))).toThrow(expect.objectContaining({ reason: 'damaged' }))
      expect(vault.get('messages', at(6))).toEqual(value(6))
      vault.close()
    }))
})

test('a log that a killed process has left is emptied when the vault is opened', () =>
  withFolder(async folder => {
    const vault = await openVault({ folder })
    vault.write([{ put: 'ratchets', key: at(1), value: value(1) }])
    for (const name of ['vault.db', 'vault.db-wal', 'key'])
      copyFileSync(join(folder, name), join(folder, `${name}.left`))
    vault.close()
    for (const name of ['vault.db', 'vault.db-wal', 'key'])
      writeFileSync(join(folder, name), readFileSync(join(folder, `${name}.left`)))
    expect(readFileSync(join(folder, 'vault.db-wal')).length).toBeGreaterThan(0)
    const again = await openVault({ folder })
    expect(readFileSync(join(folder, 'vault.db-wal')).length).toBe(0)
    expect(again.get('ratchets', at(1))).toEqual(value(1))
    again.close()
    expect(existsSync(join(folder, 'vault.db-wal'))).toBe(false)
  }))

test('a row that was written over is out of the log soon, while the vault is open', () =>
  withFolder(async folder => {
    const vault = await openVault({ folder })
    const secret = new Uint8Array(64).fill(1)
    vault.write([{ put: 'ratchets', key: at(1), value: secret }])
    vault.write([{ put: 'ratchets', key: at(1), value: new Uint8Array(64).fill(2) }])
    expect(readFileSync(join(folder, 'vault.db-wal')).length).toBeGreaterThan(0)
    while (readFileSync(join(folder, 'vault.db-wal')).length > 0) await turn()
    expect(vault.get('ratchets', at(1))).toEqual(new Uint8Array(64).fill(2))
    vault.close()
  }))
