// An endpoint's vault: one SQLite file in which every value is sealed, and beside it, where there is no passphrase,
// the key. A thief of the database alone learns how many values there are, their sizes and their integer keys. One
// process at a time opens it.

import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { emptyLog, openDatabase } from './database.js'
import { VaultError } from './error.js'
import { SealedRows } from './sealed-rows.js'
import { checkKey, type Key, type Range, type Row, type RowChange, type Table } from './table.js'
import { changePassphrase, type DataKeys, unlock, type VaultFiles } from './unlock.js'

export { VaultError, type VaultReason } from './error.js'
export { type Key, type Range, type Row, type RowChange, TABLES, type Table } from './table.js'

const DATABASE_FILE = 'vault.db'
const KEY_FILE = 'key'
/** How often a vault that is in use is tried, and the longest wait in between in ms: 0.25 s in the mean. */
const OPEN_ATTEMPTS = 6
const MAX_OPEN_WAIT_MS = 100
/** So long at most a row that was written over or deleted stays in the log, in ms. */
const LOG_MS = 1_000

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
  /**
   * Sets, changes or (undefined) removes the passphrase, with a new data key: an old key file, or who knew the
   * passphrase before, opens nothing that is written from here on. Durable when it resolves; what was written before is
   * sealed anew in the background, over several starts if need be. Throws VaultError.
   */
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
      await delay(randomInt(MAX_OPEN_WAIT_MS))
    }
  }
}

function makeVault(place: VaultFiles, keys: DataKeys): Vault {
  const { database, file } = place
  const rows = new SealedRows(place, keys)
  const log = new Log(() => emptyLog(database, file))
  // One after the other: each needs the key that the one before has made.
  let changing = Promise.resolve()
  return {
    write: changes => {
      for (const change of changes) checkKey('key' in change ? change.key : { group: change.group, id: 0n })
      rows.write(changes)
      log.grew()
    },
    get: (table, key) => rows.get(table, key),
    *list(table, range = {}) {
      for (const key of rows.keys(table, range)) {
        const value = rows.get(table, key)
        if (value) yield { key, value }
      }
    },
    keys: (table, range = {}) => rows.keys(table, range),
    changePassphrase: passphrase => {
      const change = changing.then(async () => {
        rows.finish()
        const next = await changePassphrase(place, rows.dataKey, passphrase)
        if (next) rows.takeKey(next)
      })
      changing = change.catch(() => undefined)
      return change
    },
    close: () => {
      log.close()
      if (database.isOpen) database.close()
      rows.close()
    },
  }
}

/** The database's log, which has rows as they were before: secrets that were used are in it until it is emptied. */
class Log {
  #timer: NodeJS.Timeout | undefined

  constructor(private readonly empty: () => void) {}

  grew(): void {
    this.#timer ??= setTimeout(() => this.#elapsed(), LOG_MS).unref()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #elapsed(): void {
    this.#timer = undefined
    try {
      this.empty()
    } catch {
      // The next write tells of a disk that fails.
    }
  }
}
