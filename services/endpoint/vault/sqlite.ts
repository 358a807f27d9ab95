// SQLite's result codes, as far as a vault tells them apart (sqlite.org/rescode.html).

import { types } from 'node:util'

const SQLITE_PERM = 3
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_CANTOPEN = 14
const SQLITE_NOTADB = 26

export const FULL = 13
export const IN_USE: ReadonlySet<number> = new Set([SQLITE_BUSY, SQLITE_LOCKED])
export const NOT_WRITABLE: ReadonlySet<number> = new Set([
  SQLITE_PERM,
  SQLITE_READONLY,
  SQLITE_IOERR,
  SQLITE_CANTOPEN,
])
const DAMAGED: ReadonlySet<number> = new Set([SQLITE_CORRUPT, SQLITE_NOTADB])

interface SqliteError extends Error {
  /** The extended result code. */
  errcode: number
}

/** Whether SQLite says so of its files; of wrong SQL and the like it is a defect of ours. */
export function isSqliteError(error: unknown): error is SqliteError {
  if (!(types.isNativeError(error) && 'errcode' in error && typeof error.errcode === 'number')) return false
  const code = error.errcode & 0xff
  return code === FULL || [IN_USE, NOT_WRITABLE, DAMAGED].some(codes => codes.has(code))
}

/** The code that the extended one is a case of: its low byte. */
export function primaryCode(error: SqliteError): number {
  return error.errcode & 0xff
}
