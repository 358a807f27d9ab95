// The common part of what an account signs about one of its devices.

import { copyBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import {
  type AccountKey,
  type DeviceKey,
  accountKey as toAccountKey,
  deviceKey as toDeviceKey,
} from '../keys.js'
import { isSoundKey, type Label, verify } from '../signature.js'
import { KEY_BYTES, MAX_STATEMENT_BYTES, SERVER_ID_BYTES, SIGNATURE_BYTES } from '../sizes.js'
import { isTime } from '../time.js'
import { isHandle } from './handle.js'

/** A statement as it was decoded; nothing of it is checked. */
export interface DecodedStatement {
  /** The bytes that are signed, as they came. */
  signed: Uint8Array
  signature: Uint8Array
  accountKey: Uint8Array
  deviceKey: Uint8Array
  serverId: Uint8Array
  timeMs: bigint
}

/** The content of a statement. */
export interface Statement {
  accountKey: AccountKey
  deviceKey: DeviceKey
  /** 16 bytes. */
  serverId: Uint8Array
  /** ms since 1970-01-01 UTC, by the clock of the device that signed. */
  time: number
}

/** One kind of statement. */
export interface StatementKind {
  /** Its name in errors. */
  name: string
  label: Label
  /** May throw anything. */
  decode(bytes: Uint8Array): DecodedStatement
}

/** Throws IdentityError for a handle that breaks the rule. */
export function checkHandle(handle: string): void {
  if (!isHandle(handle)) throw new IdentityError('handle', handle)
}

/**
 * Decodes a statement and verifies its signature. The keys are copies, so that they do not keep a whole frame in memory.
 * Throws nothing but IdentityError.
 */
export function readStatement(crypto: CryptoProvider, bytes: Uint8Array, kind: StatementKind): Statement {
  const decoded = decodeWellFormed(bytes, kind)
  const { signed, signature, accountKey } = decoded
  if (!verify(crypto, { label: kind.label, bytes: signed, signature, publicKey: accountKey })) {
    throw new IdentityError('signature', kind.name)
  }
  return statementOf(decoded)
}

/** As readStatement, for what was verified before. */
export function parseVerifiedStatement(bytes: Uint8Array, kind: StatementKind): Statement {
  return statementOf(decodeWellFormed(bytes, kind))
}

function statementOf({ accountKey, deviceKey, serverId, timeMs }: DecodedStatement): Statement {
  return {
    accountKey: toAccountKey(copyBytes(accountKey)),
    deviceKey: toDeviceKey(copyBytes(deviceKey)),
    serverId: copyBytes(serverId),
    time: Number(timeMs),
  }
}

function decodeWellFormed(bytes: Uint8Array, { name, decode }: StatementKind): DecodedStatement {
  const decoded = decodeBounded(bytes, { name, limit: MAX_STATEMENT_BYTES, decode })
  if (!isWellFormed(decoded)) throw new IdentityError('malformed', name)
  return decoded
}

/** Decodes bytes of anybody's, of at most `limit`. Throws IdentityError, whatever `decode` throws. */
export function decodeBounded<T>(
  bytes: Uint8Array,
  { name, limit, decode }: { name: string; limit: number; decode: (bytes: Uint8Array) => T },
): T {
  if (bytes.length > limit) throw new IdentityError('malformed', name)
  try {
    return decode(bytes)
  } catch (cause) {
    throw new IdentityError('malformed', name, { cause })
  }
}

function isWellFormed({ accountKey, deviceKey, serverId, signature, timeMs }: DecodedStatement): boolean {
  return (
    accountKey.length === KEY_BYTES &&
    // This key signs the device's leaves, which are verified apart from here.
    isSoundKey(deviceKey) &&
    serverId.length === SERVER_ID_BYTES &&
    signature.length === SIGNATURE_BYTES &&
    isTime(timeMs)
  )
}
