import type { DatabaseSync } from 'node:sqlite'
import { LIMITS } from '../../limits.js'
import type { StoreLimits } from '../rules.js'
import type { Store } from '../store.js'
import { createAdmission } from './accounts/admission.js'
import { createDirectory } from './accounts/directory.js'
import { createKeyPackages } from './accounts/key-packages.js'
import { openDatabase } from './database.js'
import { createLog } from './log/log.js'
import { createState } from './state.js'
import { createWriter, type TransactionEnd, type Writer } from './writer.js'

export type { StoreLimits } from '../rules.js'
export { StoreOpenError } from './database.js'

export interface SqliteStoreOptions {
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
  const state = createState(db)
  const now = options.now ?? Date.now
  const limits: StoreLimits = { ...LIMITS, ...options.limits }
  // The writer tells the log of each transaction, and the log writes through the writer.
  let end: TransactionEnd | undefined
  const writer: Writer = createWriter(db, {
    committed: () => end?.committed(),
    rolledBack: () => end?.rolledBack(),
  })
  const shared = { db, state, limits, now, writer }
  const parts = createLog(shared)
  end = parts.end
  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    await parts.close()
    await writer.close()
    database.close()
  }

  return {
    directory: createDirectory(shared),
    keyPackages: createKeyPackages(shared),
    admission: createAdmission(shared),
    log: parts.log,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}
