import { types } from 'node:util'
import { FULL, IN_USE, isSqliteError, NOT_WRITABLE, primaryCode } from './sqlite.js'

/** Why a vault cannot be opened or written. */
export type VaultReason =
  | 'passphrase-needed'
  | 'passphrase-wrong'
  /** One was given, and the vault has none. */
  | 'passphrase-not-set'
  | 'in-use'
  | 'newer-version'
  | 'damaged'
  | 'not-writable'
  | 'key-missing'
  | 'full'

/** The message is for a person: what is the matter, with which file, and what to do. It holds no secret. */
export class VaultError extends Error {
  override name = 'VaultError'
  readonly reason: VaultReason

  constructor(reason: VaultReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** The error for a file whose content is not what was written to it. */
export function damaged(file: string, cause?: unknown): VaultError {
  return new VaultError(
    'damaged',
    `The file ${file} is damaged. Put a backup of its folder in place, or move the folder away to begin anew.`,
    { cause },
  )
}

/** What SQLite or the file system said about `file`, as a VaultError; a defect of ours comes back as it is. */
export function vaultErrorOf(error: unknown, file: string): unknown {
  if (isSqliteError(error)) return fromSqlite(primaryCode(error), file, error)
  if (types.isNativeError(error) && 'code' in error && 'syscall' in error) {
    return error.code === 'ENOSPC' || error.code === 'EDQUOT'
      ? full(file, error)
      : notWritable(file, String(error.code), error)
  }
  return error
}

function fromSqlite(code: number, file: string, cause: Error): VaultError {
  if (IN_USE.has(code)) {
    return new VaultError('in-use', `The file ${file} is in use by another process. End that one first.`, {
      cause,
    })
  }
  if (code === FULL) return full(file, cause)
  return NOT_WRITABLE.has(code) ? notWritable(file, cause.message, cause) : damaged(file, cause)
}

function full(file: string, cause: Error): VaultError {
  return new VaultError('full', `There is no room left to write ${file}; nothing was changed.`, { cause })
}

function notWritable(file: string, why: string, cause: Error): VaultError {
  const message = `Cannot read and write ${file} (${why}). Check the owner and the permissions of its folder.`
  return new VaultError('not-writable', message, { cause })
}
