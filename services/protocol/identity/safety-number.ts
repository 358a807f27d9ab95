// Two people compare their safety number by another way than this chat. Where it is the same on both sides,
// each has the account key that the other really holds, and no server stands between them.
//
// Made as the NumericFingerprint of libsignal makes it (rust/protocol/src/fingerprint.rs, version 0), with an identifier of
// no bytes, for a person is their key and a handle is a label: 30 digits out of an iterated SHA-512 for each person. The iterations make it dear to look for a key whose digits
// resemble somebody's.

import { compareBytes, concatBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import type { AccountKey } from '../keys.js'

/** Two bytes, big endian; another one when anything below changes. */
const VERSION = Uint8Array.of(0, 0)
const ROUNDS = 5200
const GROUPS_PER_PERSON = 6
const GROUP_DIGITS = 5
/** Bytes of the hash that one group is made of: 40 bits, so that the remainder is nearly even. */
const GROUP_BYTES = 5
const DIGITS = 2 * GROUPS_PER_PERSON * GROUP_DIGITS

const NO_IDENTIFIER = new Uint8Array()

/**
 * The 60 digits of two accounts in 12 groups of 5, parted by spaces; the same whichever is named first. Takes about
 * 20 ms with Node's cryptography.
 */
export function safetyNumber(
  crypto: CryptoProvider,
  accounts: readonly [one: AccountKey, other: AccountKey],
): string {
  return [...accounts]
    .sort(compareBytes)
    .flatMap(key => fingerprintGroups(crypto, { key, identifier: NO_IDENTIFIER }))
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

/** The content of a safety number's QR code: the two, one behind the other. */
interface SafetyCode {
  /** The number in it is the version of this text. */
  prefix: 'parley-safety:1:'
  /** 60, without spaces. */
  digits: string
}

/** Throws RangeError for what is not a safety number. */
export function safetyCode(number: string): SafetyCode {
  const digits = number.replaceAll(' ', '')
  if (!/^\d+$/.test(digits) || digits.length !== DIGITS) {
    throw new RangeError(`A safety number has ${DIGITS} digits`)
  }
  return { prefix: 'parley-safety:1:', digits }
}
