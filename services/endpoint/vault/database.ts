// One SQLite file, opened for one process alone.

import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { types } from 'node:util'
import { damaged, VaultError, vaultErrorOf } from './error.js'
import { OWNER_ONLY } from './keyfile.js'
import { TABLES } from './table.js'

/** The version of the tables below; a file with another one is left untouched. */
const SCHEMA_VERSION = 3
/** Marks the file as ours for programs such as file(1): "Prly". */
const APPLICATION_ID = 0x50726c79
/**
 * Up to this size in bytes the whole file is checked when it is opened (about 7 ms at this size). In a larger one damage
 * is found where it is read: each value is sealed, and SQLite checks the cells of the pages that it uses.
 */
const CHECK_UP_TO = 4 * 1024 * 1024

// locking_mode comes first: in WAL mode an exclusive lock is then held from here to the end, and the kernel lets
// go of it however the process ends. secure_delete overwrites what is deleted, and journal_size_limit cuts the log
// off when it begins anew: keys that were thrown away for forward secrecy must not stay on the disk.
const PRAGMAS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA secure_delete = ON;
  PRAGMA journal_size_limit = 0;
  PRAGMA temp_store = MEMORY;
  PRAGMA cell_size_check = ON;
`

// Tables with a rowid, because values may have megabytes: the tree that is searched then holds the keys alone, and
// a value that is written again leaves that tree untouched.
const TABLE_STATEMENTS = [
  ...TABLES.map(
    table =>
      `CREATE TABLE ${table} (grp INTEGER NOT NULL, id INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (grp, id)) STRICT`,
  ),
  'CREATE TABLE lock (id INTEGER PRIMARY KEY CHECK (id IN (0, 1)), record BLOB NOT NULL) STRICT',
]

const SCHEMA = `
  ${TABLE_STATEMENTS.join(';\n')};
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/**
 * Opens the file, or makes an empty one, and keeps everybody else out until it is closed. It counts as full when it
 * would have more than `maxBytes`, or when the disk is. Throws VaultError.
 */
export function openDatabase(file: string, maxBytes?: number): DatabaseSync {
  return guarded(file, () => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    createFile(file)
    const database = new DatabaseSync(file, { timeout: 0 })
    try {
      database.exec(PRAGMAS)
      checkSchema(database, file)
      checkContent(database, file)
      // A process that was killed has left its log.
      emptyLog(database, file)
      if (maxBytes !== undefined) limitSize(database, maxBytes)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/** How the data key is kept. */
interface LockRecords {
  /** As lock.ts makes it. */
  lock: Uint8Array
  /** The data key before, sealed under the present one, as long as a row is sealed under it. */
  former: Uint8Array | undefined
}

const LOCK = 0
const FORMER = 1

/** undefined in a file that is still empty. */
export function readLock(database: DatabaseSync, file: string): LockRecords | undefined {
  return guarded(file, () => {
    if (number(database, 'PRAGMA user_version') === 0) return undefined
    const read = database.prepare('SELECT record FROM lock WHERE id = ?')
    const lock = read.get(LOCK)?.record
    const former = read.get(FORMER)?.record
    if (!(lock instanceof Uint8Array)) throw damaged(file)
    if (former !== undefined && !(former instanceof Uint8Array)) throw damaged(file)
    return { lock, former }
  })
}

/** Makes the tables if there are none, and sets the records of the lock, in one transaction. */
export function writeLock(database: DatabaseSync, file: string, { lock, former }: LockRecords): void {
  guarded(file, () =>
    inTransaction(database, () => {
      if (number(database, 'PRAGMA user_version') === 0) database.exec(SCHEMA)
      const write = database.prepare('INSERT OR REPLACE INTO lock VALUES (?, ?)')
      write.run(LOCK, lock)
      if (former) write.run(FORMER, former)
    }),
  )
}

/** No row is sealed under the former data key any more. Its record is in no file afterwards. */
export function forgetFormer(database: DatabaseSync, file: string): void {
  guarded(file, () => {
    inTransaction(database, () => void database.prepare('DELETE FROM lock WHERE id = ?').run(FORMER))
    emptyLog(database, file)
  })
}

/** Puts the log's content into the file and cuts it off: rows as they were before the newest writes stand in it. */
export function emptyLog(database: DatabaseSync, file: string): void {
  guarded(file, () => database.exec('PRAGMA wal_checkpoint(TRUNCATE)'))
}

/** All or nothing, and durable when it returns. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    // Some failures, a full disk among them, have ended the transaction already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Runs `work`, and throws what SQLite or the file system says of the file as VaultError. */
export function guarded<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw vaultErrorOf(error, file)
  }
}

/**
 * SQLite would make the file readable for everybody. A file that is there is not opened here: closing it would end
 * the locks that this process holds on it (fcntl(2), "record locks").
 */
function createFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', OWNER_ONLY))
  } catch (error) {
    if (!(types.isNativeError(error) && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function checkSchema(database: DatabaseSync, file: string): void {
  const version = number(database, 'PRAGMA user_version')
  if (version > SCHEMA_VERSION) throw new VaultError({ code: 'newer-version', file })
  if (version > 0 && version < SCHEMA_VERSION) throw new VaultError({ code: 'older-version', file })
  const found = database.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid').all()
  const expected = version === 0 ? [] : TABLE_STATEMENTS
  if (version < 0 || found.map(row => row.sql).join() !== expected.join()) throw damaged(file)
}

function checkContent(database: DatabaseSync, file: string): void {
  const size = number(database, 'PRAGMA page_count') * number(database, 'PRAGMA page_size')
  if (size > CHECK_UP_TO) return
  const [row] = database.prepare('PRAGMA integrity_check(1)').all()
  if (row?.integrity_check !== 'ok') throw damaged(file)
}

function limitSize(database: DatabaseSync, maxBytes: number): void {
  const pages = Math.floor(maxBytes / number(database, 'PRAGMA page_size'))
  database.exec(`PRAGMA max_page_count = ${pages}`)
}

function number(database: DatabaseSync, query: string): number {
  return Number(Object.values(database.prepare(query).get() ?? {})[0])
}
