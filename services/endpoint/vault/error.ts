import { types } from 'node:util'
import { SQLITE_FULL, sqliteCode } from '../../sqlite/result-codes.js'
import type { VaultCause } from '../codes/vault-cause.js'
import { IN_USE, isSqliteError, NOT_WRITABLE } from './sqlite.js'

export type VaultReason = VaultCause['code']

/** The vault cannot be opened or written. Nothing of it is secret. */
export class VaultError extends Error {
  override name = 'VaultError'

  constructor(
    readonly why: VaultCause,
    options?: ErrorOptions,
  ) {
    super(Object.values(why).join(': '), options)
  }

  get reason(): VaultReason {
    return this.why.code
  }
}

/** The error for a file whose content is not what was written to it. */
export function damaged(file: string, cause?: unknown): VaultError {
  return new VaultError({ code: 'damaged', file }, { cause })
}

/** The error of SQLite or the file system about `file`, as a VaultError; a defect of ours comes back as it is. */
export function vaultErrorOf(error: unknown, file: string): unknown {
  if (isSqliteError(error)) return fromSqlite(error, file)
  if (types.isNativeError(error) && 'code' in error && 'syscall' in error) {
    return error.code === 'ENOSPC' || error.code === 'EDQUOT'
      ? full(file, error)
      : notWritable(file, String(error.code), error)
  }
  return error
}

function fromSqlite(cause: Error, file: string): VaultError {
  const code = sqliteCode(cause) ?? 0
  if (IN_USE.has(code)) return new VaultError({ code: 'in-use', file }, { cause })
  if (code === SQLITE_FULL) return full(file, cause)
  return NOT_WRITABLE.has(code) ? notWritable(file, cause.message, cause) : damaged(file, cause)
}

function full(file: string, cause: Error): VaultError {
  return new VaultError({ code: 'full', file }, { cause })
}

function notWritable(file: string, detail: string, cause: Error): VaultError {
  return new VaultError({ code: 'not-writable', file, detail }, { cause })
}
