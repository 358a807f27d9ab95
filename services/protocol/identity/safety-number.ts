// Two people compare their safety number by another way than this chat. Where it is the same on both sides,
// each has the account key that the other really holds, and no server stands between them.
//
// Made as the NumericFingerprint of libsignal makes it (rust/protocol/src/fingerprint.rs, version 0): 30 digits
// out of an iterated SHA-512 for each person. The iterations make it dear to look for a key whose digits
// resemble somebody's.

import qrcode from 'qrcode-generator'
import { compareBytes, concatBytes, utf8 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import { KEY_BYTES } from '../sizes.js'
import { isHandle } from './handle.js'

/** Two bytes, big endian; another one when anything below changes. */
const VERSION = Uint8Array.of(0, 0)
const ROUNDS = 5200
const GROUPS_PER_PERSON = 6
const GROUP_DIGITS = 5
/** Bytes of the hash that one group is made of: 40 bits, so that the remainder is nearly even. */
const GROUP_BYTES = 5
const DIGITS = 2 * GROUPS_PER_PERSON * GROUP_DIGITS

/** What the QR code holds before the digits; the number is the version of this text. */
const QR_PREFIX = 'parley-safety:1:'
/** Light modules around the code (ISO/IEC 18004:2015 section 6.3.8). */
const QUIET_ZONE = 4

export interface SafetyPerson {
  handle: string
  /** The account's public key, 32 bytes. */
  accountKey: Uint8Array
}

/**
 * The 60 digits of two people in 12 groups of 5, parted by spaces; the same whoever is named first. Takes
 * about 20 ms with Node's cryptography. Throws RangeError for a key of another length, IdentityError for a handle that
 * breaks the rule.
 */
export function safetyNumber(
  crypto: CryptoProvider,
  people: readonly [one: SafetyPerson, other: SafetyPerson],
): string {
  return people
    .map(checkPerson)
    .map(({ handle, accountKey }) => ({ key: accountKey, identifier: utf8(handle) }))
    .sort((a, b) => compareBytes(a.key, b.key) || compareBytes(a.identifier, b.identifier))
    .flatMap(person => fingerprintGroups(crypto, person))
    .join(' ')
}

/** The half of a safety number that is one person's: 6 groups of 5 digits. Exported for libsignal's vectors. */
export function fingerprintGroups(
  crypto: CryptoProvider,
  { key, identifier }: { key: Uint8Array; identifier: Uint8Array },
): string[] {
  const digest = crypto.sha512(concatBytes(VERSION, key, identifier, key))
  // Each further round hashes the digest of the last one and the key, in the same memory.
  const input = concatBytes(digest, key)
  for (let round = 1; round < ROUNDS; round += 1) input.set(crypto.sha512(input))
  return Array.from({ length: GROUPS_PER_PERSON }, (_, at) => {
    const bytes = input.subarray(at * GROUP_BYTES, (at + 1) * GROUP_BYTES)
    // 40 bits: a number holds 53 exactly.
    const group = bytes.reduce((number, byte) => number * 256 + byte, 0) % 10 ** GROUP_DIGITS
    return String(group).padStart(GROUP_DIGITS, '0')
  })
}

/**
 * A QR code of "parley-safety:1:" and the digits, as 19 rows of 37 half blocks. Light modules are drawn and
 * dark ones left out, which is right where the background is dark; on a light one the code comes out inverted,
 * which readers may but need not take ("reflectance reversal", ISO/IEC 18004:2015 section 6.2). Throws RangeError for what is not a safety number.
 */
export function safetyNumberQr(number: string): string[] {
  const digits = number.replaceAll(' ', '')
  if (!/^\d+$/.test(digits) || digits.length !== DIGITS) {
    throw new RangeError(`A safety number has ${DIGITS} digits`)
  }
  // Nobody smudges a screen, so the lowest correction: with it, and digits packed as digits, 40 columns do.
  const code = qrcode(0, 'L')
  code.addData(QR_PREFIX, 'Byte')
  code.addData(digits, 'Numeric')
  code.make()
  return halfBlocks(code.getModuleCount(), code.isDark)
}

function halfBlocks(modules: number, isDark: (row: number, column: number) => boolean): string[] {
  const isInside = (at: number) => at >= 0 && at < modules
  const isLight = (row: number, column: number) => !(isInside(row) && isInside(column) && isDark(row, column))
  const side = modules + 2 * QUIET_ZONE
  const columns = Array.from({ length: side }, (_, at) => at - QUIET_ZONE)
  return Array.from({ length: Math.ceil(side / 2) }, (_, at) => {
    const row = 2 * at - QUIET_ZONE
    return columns.map(column => halfBlock(isLight(row, column), isLight(row + 1, column))).join('')
  })
}

function halfBlock(upper: boolean, lower: boolean): string {
  if (upper) return lower ? '█' : '▀'
  return lower ? '▄' : ' '
}

function checkPerson(person: SafetyPerson): SafetyPerson {
  if (person.accountKey.length !== KEY_BYTES) throw new RangeError(`An account key has ${KEY_BYTES} bytes`)
  if (!isHandle(person.handle)) throw new IdentityError('handle', person.handle)
  return person
}
