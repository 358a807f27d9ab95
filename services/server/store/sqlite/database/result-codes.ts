// SQLite's result codes, and what they mean to those who call the store (sqlite.org/rescode.html).

const SQLITE_BUSY = 5
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26
/** An extended result code carries the primary one in its lowest byte. */
const PRIMARY_CODE = 0xff

/** By the error's shape: SQLite's errors have no class of their own. */
function primaryCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode & PRIMARY_CODE : undefined
}

/** The disk, or the operator's limit, has no room. A failed write counts as such: its remedy is the same. */
export function isFull(error: unknown): boolean {
  const code = primaryCode(error)
  return code === SQLITE_FULL || code === SQLITE_IOERR
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY
}

export function isDamaged(error: unknown): boolean {
  const code = primaryCode(error)
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB
}
