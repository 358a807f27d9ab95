// The disk as somebody sees it who has the files of a vault.

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from '@jest/globals'
import { openVault, type RowChange, TABLES } from '../../../../services/endpoint/vault/vault.js'
import { filesWith, withFolder } from '../../../support/folder.js'

/** All rows of a closed vault, as they are on the disk. */
function sealedIn(folder: string): { table: string; sealed: Buffer }[] {
  const database = new DatabaseSync(join(folder, 'vault.db'), { readOnly: true })
  try {
    return TABLES.flatMap(table =>
      database
        .prepare(`SELECT value FROM ${table} ORDER BY id`)
        .all()
        .map(row => ({ table, sealed: Buffer.from(row.value as Uint8Array) })),
    )
  } finally {
    database.close()
  }
}

/** Cuts into blocks, in hex. */
function blocksOf(sealed: Buffer, length: number): string[] {
  return Array.from({ length: Math.ceil(sealed.length / length) }, (_, at) =>
    sealed.subarray(at * length, (at + 1) * length).toString('hex'),
  )
}

describe('a vault on the disk', () => {
  test('seals the same value each time into other bytes, for a row as for all others', () =>
    withFolder(async folder => {
      const vault = await openVault({ folder })
      const value = new Uint8Array(1_000)
      const keys = [1n, 2n, 3n].map(id => ({ group: 0n, id }))
      for (const table of ['meta', 'messages'] as const)
        vault.write(keys.map(key => ({ put: table, key, value })))
      vault.close()
      const before = sealedIn(folder)
      const again = await openVault({ folder })
      again.write(keys.map(key => ({ put: 'messages', key, value })))
      again.close()
      const blocks = [...before, ...sealedIn(folder).filter(({ table }) => table === 'messages')].flatMap(
        ({ sealed }) => blocksOf(sealed, 16),
      )
      expect(blocks.length).toBe(9 * Math.ceil(1_028 / 16))
      expect(new Set(blocks).size).toBe(blocks.length)
    }))

  test('overwrites what is deleted and what is written again: the sealed bytes are in no file', () =>
    withFolder(async folder => {
      const vault = await openVault({ folder })
      // One that fits into a page of the file, one that takes many, and one that is replaced.
      const sizes = [200, 50_000, 300]
      const put = (id: number, fill: number): RowChange => ({
        put: 'ratchets',
        key: { group: 0n, id: BigInt(id) },
        value: new Uint8Array(sizes[id]!).fill(fill),
      })
      vault.write(sizes.map((_, id) => put(id, 1)))
      vault.close()
      const gone = sealedIn(folder).flatMap(({ sealed }) => blocksOf(sealed, 64))
      expect(filesWith(folder, Buffer.from(gone[0]!, 'hex'))).toEqual(['vault.db'])
      const again = await openVault({ folder })
      again.write([
        { delete: 'ratchets', key: { group: 0n, id: 0n } },
        { delete: 'ratchets', key: { group: 0n, id: 1n } },
        put(2, 2),
      ])
      again.close()
      const content = readFileSync(join(folder, 'vault.db')).toString('hex')
      expect(gone.length).toBeGreaterThan(700)
      expect(gone.filter(block => content.includes(block))).toEqual([])
      expect(sealedIn(folder)).toHaveLength(1)
    }))

  test('cuts its log off when it begins anew, after what was in it went into the file', () =>
    withFolder(async folder => {
      const vault = await openVault({ folder })
      const log = join(folder, 'vault.db-wal')
      const large = (id: bigint): RowChange => ({
        put: 'messages',
        key: { group: 0n, id },
        value: new Uint8Array(1 << 20),
      })
      // With the write that makes 1,000 pages of it, SQLite empties the log into the file, and begins it anew with the next.
      const full = 1_000 * 4_096
      let id = 0n
      for (; id === 0n || statSync(log).size < full; id += 1n) vault.write([large(id)])
      vault.write([{ put: 'messages', key: { group: 1n, id: 1n }, value: new Uint8Array(9) }])
      expect(statSync(log).size).toBeLessThan(full / 20)
      vault.close()
    }))
})
