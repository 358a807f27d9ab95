import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { isBusy, isDamaged } from './failures.js'
import { APPLICATION_ID, SCHEMA, SCHEMA_VERSION } from './schema.js'

export const DATABASE_FILE = 'parley.db'
/** Held locked as long as a process has the store open; the kernel lets go of it when the process dies. */
const LOCK_FILE = 'parley.lock'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** How long a statement waits for another process, such as an operator's backup. */
const BUSY_MS = 1_000
/** The write-ahead log is merged into the database at this many pages of 4 KiB: 16 MiB. */
const CHECKPOINT_PAGES = 4_096
/** Up to this size a database is checked in full when it is opened; it takes a moment for each 64 MiB. */
const CHECKED_BYTES = 64 * 1024 * 1024

/** The store cannot be opened. The message says why and what to do, for the operator to read. */
export class StoreOpenError extends Error {
  override name = 'StoreOpenError'
}

interface Database {
  db: DatabaseSync
  /** Merges the write-ahead log, closes the files and lets other processes open them. */
  close(): void
}

/** By position, or by name. */
type Values = SQLInputValue[] | [Record<string, SQLInputValue>]

/** A prepared statement, with the type of its rows. */
export interface Statement<Row> {
  get(...values: Values): Row | undefined
  all(...values: Values): Row[]
  iterate(...values: Values): IterableIterator<Row>
  /** Returns how many rows changed, and the key of the last one that was inserted. */
  run(...values: Values): { changes: number | bigint; lastInsertRowid: number | bigint }
}

/** Prepares a statement. The type of its rows is the caller's word: it stands beside the SQL. */
export function prepare<Row = Record<string, never>>(db: DatabaseSync, sql: string): Statement<Row> {
  return db.prepare(sql) as unknown as Statement<Row>
}

/**
 * Opens the store's database, and makes it at first. `maxBytes` limits its size.
 * Throws StoreOpenError.
 */
export function openDatabase(folder: string, maxBytes?: number): Database {
  const path = join(folder, DATABASE_FILE)
  makeFiles(folder, path)
  const lock = takeLock(folder)
  try {
    const db = openChecked(path, maxBytes)
    return {
      db,
      close: () => {
        db.close()
        lock.close()
      },
    }
  } catch (error) {
    lock.close()
    throw error
  }
}

/** SQLite gives its write-ahead log the mode of the database, so that has to be right from the start. */
function makeFiles(folder: string, path: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
    for (const file of [path, join(folder, LOCK_FILE)]) {
      closeSync(openSync(file, 'a', FILE_MODE))
      chmodSync(file, FILE_MODE)
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreOpenError(
      `The data folder ${folder} cannot be written (${reason}). Give its owner the right to write there, or name another folder.`,
      { cause },
    )
  }
}

function takeLock(folder: string): DatabaseSync {
  const lock = new DatabaseSync(join(folder, LOCK_FILE))
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock.close()
    if (!isBusy(cause)) throw cause
    throw new StoreOpenError(
      `The data folder ${folder} is in use by another process. Stop that one first, or name another folder.`,
      { cause },
    )
  }
}

function openChecked(path: string, maxBytes: number | undefined): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    checkVersion(db, path)
    configure(db, maxBytes)
    if (pragma(db, 'user_version') === 0) create(db)
    if (statSync(path).size <= CHECKED_BYTES) checkIntegrity(db, path)
    return db
  } catch (cause) {
    db.close()
    if (!isDamaged(cause)) throw cause
    throw damaged(path, cause)
  }
}

/** Reads only, so that a file which is not ours stays as it is. */
function checkVersion(db: DatabaseSync, path: string): void {
  const version = pragma(db, 'user_version')
  const isNew = prepare(db, 'SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined && version === 0
  if (isNew) return
  if (pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new StoreOpenError(`${path} is not Parley's database. Move it away, or name another data folder.`)
  }
  if (version > SCHEMA_VERSION) {
    throw new StoreOpenError(
      `${path} is from a newer version of Parley (format ${version}; this one knows ${SCHEMA_VERSION}). ` +
        'Start that version, or restore a backup from before it.',
    )
  }
  if (version < SCHEMA_VERSION) {
    throw new StoreOpenError(
      `${path} is from an older version of Parley (format ${version}; this one knows ${SCHEMA_VERSION} only). ` +
        'Start that version, or move the file and its -wal file away to begin anew.',
    )
  }
}

function configure(db: DatabaseSync, maxBytes: number | undefined): void {
  // FULL: a commit returns when the write-ahead log is on disk. NORMAL would lose the last ones at a power cut.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  db.exec(
    `PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY`,
  )
  if (maxBytes !== undefined) {
    db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pragma(db, 'page_size')))}`)
  }
}

function create(db: DatabaseSync): void {
  db.exec(
    `BEGIN; ${SCHEMA} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`,
  )
}

function checkIntegrity(db: DatabaseSync, path: string): void {
  const row = prepare<{ quick_check: string }>(db, 'PRAGMA quick_check(1)').get()
  if (row?.quick_check !== 'ok') throw damaged(path, row?.quick_check)
}

function damaged(path: string, cause: unknown): StoreOpenError {
  return new StoreOpenError(
    `${path} is damaged. Restore it from a backup together with its -wal file, or move both away to begin anew.`,
    { cause },
  )
}

function pragma(db: DatabaseSync, name: string): number {
  const row = prepare<Record<string, number>>(db, `PRAGMA ${name}`).get()
  return row?.[name] ?? 0
}
