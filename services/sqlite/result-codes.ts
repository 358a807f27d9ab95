// SQLite's primary result codes (sqlite.org/rescode.html), as far as a server's store or an endpoint's vault tells
// them apart.

export const SQLITE_PERM = 3
export const SQLITE_BUSY = 5
export const SQLITE_LOCKED = 6
export const SQLITE_READONLY = 8
export const SQLITE_IOERR = 10
export const SQLITE_CORRUPT = 11
export const SQLITE_FULL = 13
export const SQLITE_CANTOPEN = 14
export const SQLITE_NOTADB = 26

/** An extended result code carries the primary one in its lowest byte. */
const PRIMARY_CODE = 0xff

/** The primary code of an error of SQLite's, which has no class of its own; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode & PRIMARY_CODE : undefined
}
