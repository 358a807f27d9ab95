// A vault's answers to files that are not as it left them.

import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from '@jest/globals'
import { openVault, VaultError, type VaultReason } from '../../../../services/endpoint/vault/vault.js'
import { withFolder } from '../../../support/folder.js'

const ROWS = 300
const PAGE_BYTES = 4096
const wordsOf = (id: bigint) => Buffer.from(`value ${id} `.repeat(10))

/** Runs `use` with the folder of a closed vault that has ROWS messages. */
function withClosedVault(use: (folder: string, file: string) => Promise<void>, passphrase?: string) {
  return withFolder(async folder => {
    const vault = await openVault({ folder, passphrase })
    const ids = Array.from({ length: ROWS }, (_, id) => BigInt(id))
    vault.write(ids.map(id => ({ put: 'messages', key: { group: 1n, id }, value: wordsOf(id) })))
    vault.write([{ put: 'outbox', key: { group: 1n, id: 1n }, value: wordsOf(1n) }])
    vault.close()
    await use(folder, join(folder, 'vault.db'))
  })
}

/** Opens and reads everything, which must be what was written, and all of it; the reason if that fails. */
async function readAll(folder: string, passphrase?: string): Promise<VaultReason | undefined> {
  try {
    const vault = await openVault({ folder, passphrase })
    try {
      const rows = [...vault.list('messages')]
      expect(rows.map(row => row.key.id)).toEqual(Array.from({ length: ROWS }, (_, id) => BigInt(id)))
      for (const row of rows) expect(wordsOf(row.key.id).equals(row.value)).toBe(true)
    } finally {
      vault.close()
    }
    return undefined
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    if (error.reason === 'damaged') expect(error.message).toContain(folder)
    return error.reason
  }
}

function changeByte(file: string, offset: number): void {
  const content = readFileSync(file)
  content[offset]! ^= 0xff
  writeFileSync(file, content)
}

function sql(file: string, statements: string): void {
  const database = new DatabaseSync(file)
  database.exec(statements)
  database.close()
}

describe('a vault says that it is damaged', () => {
  test('wherever a byte is changed, or else gives back all that was written', async () => {
    await withClosedVault(async (folder, file) => {
      copyFileSync(file, join(folder, 'sound'))
      const size = readFileSync(file).length
      const found: (VaultReason | undefined)[] = []
      for (let offset = 0; offset < size; offset += 1 + Math.floor(Math.random() * (PAGE_BYTES / 2))) {
        copyFileSync(join(folder, 'sound'), file)
        changeByte(file, offset)
        found.push(await readAll(folder))
      }
      // Where nothing was written a change shows nowhere; in its own format numbers a file may look newer.
      expect(found.filter(reason => reason === 'damaged').length).toBeGreaterThan(20)
      for (const reason of found) {
        expect([undefined, 'damaged', 'newer-version', 'older-version', 'not-writable']).toContain(reason)
      }
    })
  }, 60_000)

  // The format's name, our version's highest and lowest byte; https://sqlite.org/fileformat.html, section 1.3.
  test.each<[number, VaultReason]>([
    [0, 'damaged'],
    [60, 'damaged'],
    [63, 'newer-version'],
  ])('when byte %i of its header is changed', async (offset, reason) => {
    await withClosedVault(async (folder, file) => {
      changeByte(file, offset)
      expect(await readAll(folder)).toBe(reason)
    })
  })

  test.each([100, PAGE_BYTES, PAGE_BYTES * 9 + 50])('when it is cut off at byte %i', async length => {
    await withClosedVault(async (folder, file) => {
      truncateSync(file, length)
      expect(await readAll(folder)).toBe('damaged')
    })
  })

  test('when the file is something else', async () => {
    await withClosedVault(async (folder, file) => {
      writeFileSync(file, 'no database at all '.repeat(500))
      expect(await readAll(folder)).toBe('damaged')
      rmSync(file)
      sql(file, 'CREATE TABLE recipes (name TEXT)')
      expect(await readAll(folder)).toBe('damaged')
    })
  })

  test.each([
    [
      'two values of a table change places',
      `UPDATE messages SET value = (SELECT m.value FROM messages m WHERE m.id = 5 - messages.id) WHERE id IN (2, 3)`,
    ],
    [
      'a value comes from another table',
      'UPDATE messages SET value = (SELECT value FROM outbox WHERE id = 1) WHERE id = 1',
    ],
    [
      'a value comes from another group',
      'INSERT INTO messages SELECT 0, id, value FROM messages WHERE id = 4',
    ],
    ['a value is too short to be one', "UPDATE messages SET value = x'00' WHERE id = 7"],
  ])('when %s', async (_, statements) => {
    await withClosedVault(async (folder, file) => {
      sql(file, statements)
      expect(await readAll(folder)).toBe('damaged')
    })
  })

  test('when a value is moved to another key', async () => {
    await withClosedVault(async (folder, file) => {
      sql(file, 'DELETE FROM messages WHERE id = 9; UPDATE messages SET id = 9 WHERE id = 8')
      expect(await readAll(folder)).toBe('damaged')
    })
  })

  test('when its record of the key is changed, which is not taken for a wrong passphrase', async () => {
    await withClosedVault(async (folder, file) => {
      const database = new DatabaseSync(file)
      const record = database.prepare('SELECT record FROM lock').get()?.record as Uint8Array
      const put = (bytes: Uint8Array) => database.prepare('UPDATE lock SET record = ?').run(bytes)
      for (const offset of [0, 2, 6, 15, 40, record.length - 1]) {
        const changed = record.slice()
        changed[offset]! ^= 1
        put(changed)
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
        const copy = join(folder, `copy-${offset}`)
        mkdirSync(copy)
        copyFileSync(file, join(copy, 'vault.db'))
        expect(await readAll(copy, 'open sesame')).toBe('damaged')
      }
      database.close()
    }, 'open sesame')
  })

  test('when its tables are others', async () => {
    await withClosedVault(async (folder, file) => {
      sql(file, 'ALTER TABLE messages RENAME COLUMN value TO valuf')
      expect(await readAll(folder)).toBe('damaged')
    })
  })

  test('when the key file is another, or not one', async () => {
    await withClosedVault(async folder => {
      for (const bytes of [new Uint8Array(32), new Uint8Array(5), new Uint8Array(0)]) {
        writeFileSync(join(folder, 'key'), bytes)
        const opened = openVault({ folder })
        await expect(opened).rejects.toMatchObject({
          reason: 'damaged',
          why: { code: 'damaged', file: expect.stringMatching(/\/key$/) },
        })
      }
    })
  })
})

test.each<[version: number, VaultReason]>([
  [1, 'older-version'],
  [2, 'older-version'],
  [4, 'newer-version'],
])('a vault of version %i is refused, and left as it is', async (version, reason) => {
  await withClosedVault(async (folder, file) => {
    sql(file, `PRAGMA user_version = ${version}`)
    const before = readFileSync(file)
    expect(await readAll(folder)).toBe(reason)
    expect(readFileSync(file).equals(before)).toBe(true)
  })
})

// Its tables: "links", "pending" and "counters" were not among them.
test('a vault as the version before made it is refused by its number, not as damaged', async () => {
  await withClosedVault(async (folder, file) => {
    sql(file, 'DROP TABLE links; DROP TABLE pending; DROP TABLE counters; PRAGMA user_version = 1')
    expect(await readAll(folder)).toBe('older-version')
  })
})
