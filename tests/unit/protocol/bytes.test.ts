import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  compareBytes,
  concatBytes,
  copyBytes,
  equalBytes,
  fromBase64,
  fromBase64url,
  fromHex,
  toBase64,
  toBase64url,
  toHex,
  uint64Bytes,
  utf8,
} from '../../../services/protocol/bytes.js'

const bytes = fc.uint8Array({ maxLength: 100 })
// Short ones, so that equal ones and prefixes of each other come up.
const short = fc.uint8Array({ maxLength: 3, max: 2 })

describe('bytes', () => {
  test('compare as Buffer.compare does, of which Node’s sort makes an order', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, short), fc.oneof(bytes, short), (one, other) => {
        expect(compareBytes(one, other)).toBe(Buffer.compare(one, other))
        expect(equalBytes(one, other)).toBe(Buffer.compare(one, other) === 0)
      }),
    )
    expect(compareBytes(Uint8Array.of(255), Uint8Array.of(1, 0))).toBe(1)
  })

  test('join to one in their order', () => {
    fc.assert(
      fc.property(fc.array(bytes), parts => {
        const whole = concatBytes(...parts)
        expect(Buffer.compare(whole, Buffer.concat(parts))).toBe(0)
        expect(Object.getPrototypeOf(whole)).toBe(Uint8Array.prototype)
      }),
    )
  })

  test('are copied, also out of a Buffer, whose slice() is a view', () => {
    const given = Buffer.of(1, 2, 3)
    const copy = copyBytes(given.subarray(1))
    given.fill(9)
    expect(copy).toEqual(Uint8Array.of(2, 3))
  })
})

describe('text', () => {
  test('is UTF-8, as Node has it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(Buffer.compare(utf8(text), Buffer.from(text))).toBe(0)
      }),
    )
  })
})

describe.each([
  ['hexadecimal', toHex, fromHex, 'hex'],
  ['base64', toBase64, fromBase64, 'base64'],
  ['base64url', toBase64url, fromBase64url, 'base64url'],
] as const)('%s', (_, write, read, encoding) => {
  test('is what Node writes, without padding, and is read again', () => {
    fc.assert(
      fc.property(bytes, value => {
        expect(write(value)).toBe(Buffer.from(value).toString(encoding).replaceAll('=', ''))
        expect(read(write(value))).toEqual(value)
      }),
    )
  })

  test('of hostile text is refused, or writes to that text again', () => {
    const near = fc
      .tuple(bytes, fc.nat(), fc.string({ maxLength: 2 }))
      .map(([value, at, piece]) => write(value).slice(0, at % 140) + piece)
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), text => {
        const value = read(text)
        if (value !== undefined) expect(write(value)).toBe(text.replace(/[A-F]/g, canonical(encoding)))
      }),
      { numRuns: 1000 },
    )
  })
})

/** Hexadecimal alone has two ways to write a digit. */
const canonical = (encoding: string) => (digit: string) => (encoding === 'hex' ? digit.toLowerCase() : digit)

test.each(['A', 'AB', 'AAB', 'AA=', 'AA==', 'A A', 'AA\n', '+/', 'AAAAA', 'ÀA'])(
  '%j is no base64url: cut, padded, of other characters, or with bits that stand for nothing',
  text => {
    expect(fromBase64url(text)).toBeUndefined()
  },
)

test('numbers of eight bytes have the most significant first, and only those that fit', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
      expect(BigInt(`0x${toHex(uint64Bytes(value))}`)).toBe(value)
    }),
  )
  expect(uint64Bytes(1n)).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1))
  expect(() => uint64Bytes(-1n)).toThrow(new RangeError('A number of eight bytes is from 0 to 2^64 - 1'))
  expect(() => uint64Bytes(2n ** 64n)).toThrow(
    new RangeError('A number of eight bytes is from 0 to 2^64 - 1'),
  )
})
