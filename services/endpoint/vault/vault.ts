// An endpoint's vault: one SQLite file in which every value is sealed, and beside it, where there is no passphrase,
// the key. A thief of the database alone learns how many values there are, their sizes and their integer keys. One
// process at a time opens it.

import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { guarded, inTransaction, openDatabase } from './database.js'
import { damaged, VaultError } from './error.js'
import { openRows } from './rows.js'
import { makeSealer } from './seal.js'
import { checkKey, type Key, type Range, type Row, type RowChange, type Table } from './table.js'
import { changePassphrase, unlock, type VaultFiles } from './unlock.js'

export { VaultError, type VaultReason } from './error.js'
export { type Key, type Range, type Row, type RowChange, TABLES, type Table } from './table.js'

const DATABASE_FILE = 'vault.db'
const KEY_FILE = 'key'
/** How often a vault that is in use is tried, and the longest wait in between in ms: 0.25 s in the mean. */
const OPEN_ATTEMPTS = 6
const MAX_OPEN_WAIT_MS = 100

export interface Vault {
  /**
   * Makes all the changes, in their order, or none, and returns when they are on the disk. Throws VaultError: 'full'
   * with nothing changed, 'not-writable', 'damaged'. RangeError for what is not a key.
   */
  write(changes: readonly RowChange[]): void
  /** The value, a copy of the caller's own; undefined if there is none. Throws VaultError 'damaged'. */
  get(table: Table, key: Key): Uint8Array | undefined
  /**
   * The rows of the range in the order of their keys, each read when it is asked for; the vault may be written
   * meanwhile. Throws VaultError 'damaged'; RangeError for ids without a group.
   */
  list(table: Table, range?: Range): Iterable<Row>
  /** The keys of the range, as `list` has them, without opening the values. */
  keys(table: Table, range?: Range): Iterable<Key>
  /** Sets, changes or (undefined) removes the passphrase. Durable when it resolves. Throws VaultError. */
  changePassphrase(passphrase: string | undefined): Promise<void>
  /** Lets others open the vault, and overwrites the keys in memory. Closing again does nothing; any other use is a defect. */
  close(): void
}

/**
 * Opens the vault in a folder, and makes both where they are absent: the folder and the files for their owner alone.
 * With a passphrase it takes some 0.1 s and 64 MiB (Argon2id). `maxBytes`: the size at which the vault counts as full.
 * Throws VaultError.
 */
export async function openVault(options: {
  folder: string
  passphrase?: string | undefined
  maxBytes?: number
}): Promise<Vault> {
  const { folder, passphrase, maxBytes } = options
  const file = join(folder, DATABASE_FILE)
  const place = { database: await openAlone(file, maxBytes), file, keyFile: join(folder, KEY_FILE) }
  try {
    return makeVault(place, await unlock(place, passphrase))
  } catch (error) {
    place.database.close()
    throw error
  }
}

/**
 * Waits a little for a process that is ending. The waits are random, because two that begin at the same moment can each
 * keep the other out.
 */
async function openAlone(file: string, maxBytes: number | undefined): Promise<DatabaseSync> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return openDatabase(file, maxBytes)
    } catch (error) {
      const again = error instanceof VaultError && error.reason === 'in-use' && attempt < OPEN_ATTEMPTS
      if (!again) throw error
      await setTimeout(randomInt(MAX_OPEN_WAIT_MS))
    }
  }
}

function makeVault(place: VaultFiles, dataKey: Uint8Array): Vault {
  const { database, file } = place
  const rows = openRows(database, file)
  const sealer = makeSealer(dataKey)
  const apply = (change: RowChange) => {
    if ('put' in change) rows[change.put].put(change.key, sealer.seal(change.put, change.key, change.value))
    else if ('delete' in change) rows[change.delete].delete(change.key)
    else rows[change.deleteGroup].deleteGroup(change.group)
  }
  const get = (table: Table, key: Key) => {
    const sealed = rows[table].get(key)
    const value = sealed && sealer.open(table, key, sealed)
    if (sealed && !value) throw damaged(file)
    return value
  }
  return {
    write: changes => {
      for (const change of changes) checkKey('key' in change ? change.key : { group: change.group, id: 0n })
      guarded(file, () => inTransaction(database, () => changes.forEach(apply)))
    },
    get,
    *list(table, range = {}) {
      for (const key of rows[table].keys(range)) {
        const value = get(table, key)
        if (value) yield { key, value }
      }
    },
    keys: (table, range = {}) => rows[table].keys(range),
    changePassphrase: passphrase => changePassphrase(place, dataKey, passphrase),
    close: () => {
      if (database.isOpen) database.close()
      sealer.forget()
      dataKey.fill(0)
    },
  }
}
