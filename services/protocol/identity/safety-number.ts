// Two people compare their safety number by another way than this chat. Where it is the same on both sides,
// each has the account key that the other really holds, and no server stands between them.
//
// Made as the NumericFingerprint of libsignal makes it (rust/protocol/src/fingerprint.rs, version 0): 30 digits
// out of an iterated SHA-512 for each person. The iterations make it dear to look for a key whose digits
// resemble somebody's.

import { compareBytes, concatBytes, utf8 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import type { AccountKey } from '../keys.js'
import { isHandle } from './handle.js'

/** Two bytes, big endian; another one when anything below changes. */
const VERSION = Uint8Array.of(0, 0)
const ROUNDS = 5200
const GROUPS_PER_PERSON = 6
const GROUP_DIGITS = 5
/** Bytes of the hash that one group is made of: 40 bits, so that the remainder is nearly even. */
const GROUP_BYTES = 5
const DIGITS = 2 * GROUPS_PER_PERSON * GROUP_DIGITS

interface SafetyPerson {
  handle: string
  accountKey: AccountKey
}

/**
 * The 60 digits of two people in 12 groups of 5, parted by spaces; the same whoever is named first. Takes
 * about 20 ms with Node's cryptography. Throws IdentityError for a handle that breaks the rule.
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

function checkPerson(person: SafetyPerson): SafetyPerson {
  if (!isHandle(person.handle)) throw new IdentityError('handle', person.handle)
  return person
}
