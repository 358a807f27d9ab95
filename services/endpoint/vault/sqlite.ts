// The meaning of SQLite's errors to a vault.

import { types } from 'node:util'
import {
  SQLITE_BUSY,
  SQLITE_CANTOPEN,
  SQLITE_CORRUPT,
  SQLITE_FULL,
  SQLITE_IOERR,
  SQLITE_LOCKED,
  SQLITE_NOTADB,
  SQLITE_PERM,
  SQLITE_READONLY,
  sqliteCode,
} from '../../sqlite/result-codes.js'

export const IN_USE: ReadonlySet<number> = new Set([SQLITE_BUSY, SQLITE_LOCKED])
export const NOT_WRITABLE: ReadonlySet<number> = new Set([
  SQLITE_PERM,
  SQLITE_READONLY,
  SQLITE_IOERR,
  SQLITE_CANTOPEN,
])
const KNOWN: ReadonlySet<number> = new Set([
  ...IN_USE,
  ...NOT_WRITABLE,
  SQLITE_FULL,
  SQLITE_CORRUPT,
  SQLITE_NOTADB,
])

/** Whether SQLite says so of its files; of wrong SQL and the like it is a defect of ours. */
export function isSqliteError(error: unknown): error is Error {
  const code = types.isNativeError(error) ? sqliteCode(error) : undefined
  return code !== undefined && KNOWN.has(code)
}
