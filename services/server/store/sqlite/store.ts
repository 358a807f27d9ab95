import type { DatabaseSync } from 'node:sqlite'
import { LIMITS } from '../../limits.js'
import type { StoreLimits } from '../rules.js'
import type { Store } from '../store.js'
import { SqliteAdmission } from './accounts/admission.js'
import { SqliteDirectory } from './accounts/directory.js'
import { SqliteKeyPackages } from './accounts/key-packages.js'
import { openDatabase, prepare } from './database/database.js'
import { cursorKeyOf, directoryKeyOf } from './database/drawn-keys.js'
import type { StoreParts } from './database/parts.js'
import { StateCache } from './database/state.js'
import { Writer } from './database/writer.js'
import { SqliteLog } from './log/log.js'

export type { StoreLimits } from '../rules.js'
export { StoreOpenError } from './database/database.js'

interface SqliteStoreOptions {
  /** Made if it is not there, readable by its owner only. */
  folder: string
  /** Those left out are the server's. */
  limits?: Partial<StoreLimits>
  /** The database file grows no further: beyond that, the store is full. */
  maxBytes?: number
  /** The clock: milliseconds since 1970-01-01 UTC. */
  now?: () => number
}

/**
 * Opens the embedded store: one SQLite database that only this process has open.
 * Rejects with StoreOpenError, whose message says what to do.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const database = openDatabase(options.folder, options.maxBytes)
  try {
    return createStore(database, options)
  } catch (error) {
    database.close()
    throw error
  }
}

function createStore(database: { db: DatabaseSync; close(): void }, options: SqliteStoreOptions): Store {
  const { db } = database
  // The writer tells the log of each transaction, and the log writes through the writer.
  const writer: Writer = new Writer(db, {
    committed: () => log.committed(),
    rolledBack: () => log.rolledBack(),
  })
  const limits: StoreLimits = { ...LIMITS, ...options.limits }
  const parts: StoreParts = { db, writer, limits, state: new StateCache(db), now: options.now ?? Date.now }
  const log = new SqliteLog(parts)
  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    await log.close()
    await writer.close()
    database.close()
  }

  return {
    serverId: serverIdOf(db),
    directoryKey: directoryKeyOf(db),
    directory: new SqliteDirectory(parts),
    keyPackages: new SqliteKeyPackages(parts),
    admission: new SqliteAdmission(parts),
    log,
    cursorKey: cursorKeyOf(db),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

function serverIdOf(db: DatabaseSync): Uint8Array {
  const row = prepare<{ id: Uint8Array }>(db, 'SELECT id FROM server').get()
  if (row === undefined) throw new Error('the store has no id of its server')
  return row.id
}
