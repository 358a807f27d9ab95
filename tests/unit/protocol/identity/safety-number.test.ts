import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { IdentityError } from '../../../../services/protocol/error.js'
import {
  fingerprintGroups,
  safetyCode,
  safetyNumber,
} from '../../../../services/protocol/identity/safety-number.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

const ada = { handle: 'ada', accountKey: accountKey(new Uint8Array(32).fill(2)) }
const bob = { handle: 'bob', accountKey: accountKey(new Uint8Array(32).fill(1)) }

const person = fc.record({
  handle: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,31}$/),
  accountKey: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(accountKey),
})

describe('safety numbers', () => {
  // rust/protocol/src/fingerprint.rs of libsignal: identity keys with their type byte, and telephone numbers.
  test.each([
    [
      '0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868',
      '+14152222222',
      '300354477692869396892869876765',
    ],
    [
      '05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b',
      '+14153333333',
      '458257569162576843440918079131',
    ],
  ])('the vector of libsignal for %s', (key, identifier, digits) => {
    const groups = fingerprintGroups(crypto, {
      key: Buffer.from(key, 'hex'),
      identifier: Buffer.from(identifier),
    })
    expect(groups.join('')).toBe(digits)
  })

  // Computed apart from this code, with hashlib of Python. The smaller account key comes first.
  test.each([
    [ada, bob, '77878 34428 27411 50259 03273 04027 26110 65452 07435 71452 88629 06279'],
    [
      ada,
      { ...ada, handle: 'bob' },
      '26110 65452 07435 71452 88629 06279 02389 48933 41874 00641 97031 86220',
    ],
  ])('the number of two people stays as it was published', (one, other, number) => {
    expect(safetyNumber(crypto, [one, other])).toBe(number)
    expect(safetyNumber(crypto, [other, one])).toBe(number)
  })

  test('both sides see the same 60 digits, and each key and handle changes them', () => {
    fc.assert(
      fc.property(person, person, fc.nat(255), (one, other, bit) => {
        const number = safetyNumber(crypto, [one, other])
        expect(number).toMatch(/^\d{5}( \d{5}){11}$/)
        expect(safetyNumber(crypto, [other, one])).toBe(number)
        const changed = accountKey(one.accountKey.slice())
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(safetyNumber(crypto, [{ ...one, accountKey: changed }, other])).not.toBe(number)
        const handle = one.handle === 'mallory' ? 'eve' : 'mallory'
        expect(safetyNumber(crypto, [{ ...one, handle }, other])).not.toBe(number)
      }),
      { numRuns: 20 },
    )
  })

  test('a handle that breaks the rule has none', () => {
    expect(() => safetyNumber(crypto, [{ ...ada, handle: 'Ada' }, bob])).toThrow(IdentityError)
  })
})

describe('their codes', () => {
  test('are a prefix with a version, and the digits without spaces', () => {
    const number = safetyNumber(crypto, [ada, bob])
    expect(safetyCode(number)).toEqual({ prefix: 'parley-safety:1:', digits: number.replaceAll(' ', '') })
    expect(safetyCode(number.replaceAll(' ', ''))).toEqual(safetyCode(number))
  })

  test.each(['', '1', '1'.repeat(59), '1'.repeat(61), `${'1'.repeat(59)}x`, '١'.repeat(60)])(
    '%p is no safety number',
    text => {
      expect(() => safetyCode(text)).toThrow(RangeError)
    },
  )
})
