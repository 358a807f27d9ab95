// What is common to all that an account signs about one of its devices: a certificate, a revocation.

import { IdentityError } from '../error.js'
import { KEY_BYTES, type Label, SIGNATURE_BYTES, verify } from '../signature.js'
import { HANDLE_RULE, isHandle } from './handle.js'

/** Size in bytes up to which a statement is read; ours have about 190, the rest is room for new fields. */
export const MAX_STATEMENT_BYTES = 1024
/** The latest time that a Date can hold, in ms since 1970 (ECMA-262, "Time Values"). */
const MAX_TIME_MS = 8_640_000_000_000_000n

/** A statement as it was decoded; nothing of it is checked. */
export interface DecodedStatement {
  /** The bytes that are signed, as they came. */
  signed: Uint8Array
  signature: Uint8Array
  handle: string
  accountKey: Uint8Array
  deviceKey: Uint8Array
  timeMs: bigint
}

/** Verified. */
export interface Statement {
  handle: string
  /** The account's public key, 32 bytes. */
  accountKey: Uint8Array
  /** The device's public key, 32 bytes. */
  deviceKey: Uint8Array
  /** ms since 1970-01-01 UTC, by the clock of the device that signed. */
  time: number
}

/** Throws, for what readStatement would refuse: IdentityError for a handle, RangeError for a key. */
export function checkSubject({ handle, deviceKey }: { handle: string; deviceKey: Uint8Array }): void {
  if (!isHandle(handle)) throw new IdentityError('handle', HANDLE_RULE)
  if (deviceKey.length !== KEY_BYTES) throw new RangeError(`A device key has ${KEY_BYTES} bytes`)
}

/**
 * Decodes and verifies a statement; `name` is what the errors call it, `decode` may throw anything. The keys
 * are copies, so that they do not keep a whole frame in memory. Throws nothing but IdentityError.
 */
export function readStatement(
  bytes: Uint8Array,
  { name, label, decode }: { name: string; label: Label; decode(bytes: Uint8Array): DecodedStatement },
): Statement {
  const statement = decodeBounded(bytes, name, decode)
  const { signed, signature, handle, accountKey, deviceKey, timeMs } = statement
  if (!isSized(statement)) throw new IdentityError('malformed', `A field of the ${name} has the wrong size`)
  if (!isHandle(handle)) throw new IdentityError('handle', HANDLE_RULE)
  if (!verify(label, accountKey, signed, signature)) {
    throw new IdentityError('signature', `The ${name} is not signed by its account`)
  }
  return { handle, accountKey: accountKey.slice(), deviceKey: deviceKey.slice(), time: Number(timeMs) }
}

function decodeBounded(
  bytes: Uint8Array,
  name: string,
  decode: (bytes: Uint8Array) => DecodedStatement,
): DecodedStatement {
  if (bytes.length > MAX_STATEMENT_BYTES) {
    throw new IdentityError('malformed', `A ${name} has at most ${MAX_STATEMENT_BYTES} bytes`)
  }
  try {
    return decode(bytes)
  } catch (cause) {
    throw new IdentityError('malformed', `These bytes are not a ${name}`, { cause })
  }
}

function isSized({ accountKey, deviceKey, signature, timeMs }: DecodedStatement): boolean {
  return (
    accountKey.length === KEY_BYTES &&
    deviceKey.length === KEY_BYTES &&
    signature.length === SIGNATURE_BYTES &&
    timeMs >= 0n &&
    timeMs <= MAX_TIME_MS
  )
}
