import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeCursor, encodeCursor, openingSequence } from '../../../../services/server/store/cursor.js'
import { BadCursorError } from '../../../../services/server/store/store.js'

const sequences = fc.maxSafeNat()

const NEW_YEAR_2025 = Date.UTC(2025, 0, 1)

describe('a cursor', () => {
  test('is read as it was written, and orders as its bytes do', () => {
    fc.assert(
      fc.property(sequences, sequences, (one, other) => {
        expect(decodeCursor(encodeCursor(one))).toBe(one)
        expect(Buffer.compare(encodeCursor(one), encodeCursor(other))).toBe(Math.sign(one - other))
      }),
    )
  })

  test('any other bytes are a BadCursorError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), bytes => {
        try {
          const sequence = decodeCursor(bytes)
          expect(bytes.length === 0 ? sequence === 0 : encodeCursor(sequence)).toEqual(
            bytes.length === 0 || bytes,
          )
        } catch (error) {
          expect(error).toBeInstanceOf(BadCursorError)
        }
      }),
    )
    expect(() => decodeCursor(new Uint8Array(8).fill(0xff))).toThrow(
      new BadCursorError('the cursor is out of range'),
    )
    expect(() => decodeCursor(new Uint8Array(7))).toThrow(new BadCursorError('a cursor has 8 bytes'))
  })
})

test('a log opens at a number that no earlier opening has reached, for centuries', () => {
  expect(openingSequence(NEW_YEAR_2025)).toBe(0)
  // A million envelopes a second, without a pause, would be needed to overtake it.
  expect(openingSequence(NEW_YEAR_2025 + 1_000)).toBe(1_000_000)
  expect(Number.isSafeInteger(openingSequence(Date.UTC(2300, 0, 1)))).toBe(true)
})
