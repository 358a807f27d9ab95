import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  fingerprintGroups,
  safetyCode,
  safetyNumber,
} from '../../../../services/protocol/identity/safety-number.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

const ada = accountKey(new Uint8Array(32).fill(2))
const bob = accountKey(new Uint8Array(32).fill(1))

const account = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(accountKey)

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
  test('the number of two people stays as it was published', () => {
    const number = '90065 10035 03980 63284 48565 52618 09660 03372 41519 75212 31969 66406'
    expect(safetyNumber(crypto, [ada, bob])).toBe(number)
    expect(safetyNumber(crypto, [bob, ada])).toBe(number)
  })

  test('both sides see the same 60 digits, and each key changes them', () => {
    fc.assert(
      fc.property(account, account, fc.nat(255), (one, other, bit) => {
        const number = safetyNumber(crypto, [one, other])
        expect(number).toMatch(/^\d{5}( \d{5}){11}$/)
        expect(safetyNumber(crypto, [other, one])).toBe(number)
        const changed = accountKey(one.slice())
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(safetyNumber(crypto, [changed, other])).not.toBe(number)
      }),
      { numRuns: 20 },
    )
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
