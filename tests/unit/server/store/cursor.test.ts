import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { CURSOR_BYTES, Cursors } from '../../../../services/server/store/cursor.js'
import { openMemoryStore } from '../../../../services/server/store/memory/store.js'
import { nextShown, sequenceAt } from '../../../../services/server/store/sequence.js'
import { BadCursorError } from '../../../../services/server/store/store.js'
import { bytesOf } from '../../../support/store-world.js'

const NEW_YEAR_2025 = Date.UTC(2025, 0, 1)

const cursorsOf = (store: string, device: string) => new Cursors(bytesOf(store), bytesOf(device))
const cursors = cursorsOf('store', 'device')

const places = fc.maxSafeNat()

describe('a cursor', () => {
  test('opens to the place that it was sealed for', () => {
    fc.assert(fc.property(places, place => expect(cursors.open(cursors.seal(place))).toBe(place)))
    expect(cursors.open(new Uint8Array())).toBe(0)
  })

  test('shows nothing of the place: always as long, never twice the same', () => {
    fc.assert(
      fc.property(places, places, (one, other) => {
        const [first, second] = [cursors.seal(one), cursors.seal(other)]
        expect([first.length, second.length]).toEqual([CURSOR_BYTES, CURSOR_BYTES])
        expect(first.subarray(1)).not.toEqual(second.subarray(1))
      }),
    )
    expect(cursors.seal(7)).not.toEqual(cursors.seal(7))
    expect(CURSOR_BYTES).toBe(37)
  })

  test('does not open when a bit of it was changed', () => {
    fc.assert(
      fc.property(places, fc.nat(CURSOR_BYTES * 8 - 1), (place, bit) => {
        const changed = cursors.seal(place)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(() => cursors.open(changed)).toThrow(BadCursorError)
      }),
    )
  })

  test.each([
    ['another device', cursorsOf('store', 'other device')],
    ['another store', cursorsOf('other store', 'device')],
  ])('does not open for %s', (_, others) => {
    expect(() => others.open(cursors.seal(7))).toThrow(BadCursorError)
  })

  test('of any other bytes is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), bytes => {
        expect(() => cursors.open(bytes)).toThrow(BadCursorError)
      }),
    )
  })

  test('is sealed by a key that each store draws for itself', () => {
    const [one, other] = [openMemoryStore().cursorKey, openMemoryStore().cursorKey]
    expect([one.length, other.length]).toEqual([32, 32])
    expect(one).not.toEqual(other)
  })
})

describe('numbers', () => {
  test('of a log begin where no earlier opening has reached, for centuries', () => {
    expect(sequenceAt(NEW_YEAR_2025)).toBe(0)
    // A million envelopes a second, without a pause, would be needed to overtake it.
    expect(sequenceAt(NEW_YEAR_2025 + 1_000)).toBe(1_000_000)
    expect(Number.isSafeInteger(sequenceAt(Date.UTC(2300, 0, 1)))).toBe(true)
  })

  test('of a conversation go up, and stand for the time at the least', () => {
    const times = fc.integer({ min: 1, max: 10 ** 12 })
    fc.assert(
      fc.property(places, times, (last, ms) => {
        const next = nextShown(last, NEW_YEAR_2025 + ms)
        expect(next).toBe(last >= ms * 1_000 ? last + 1 : ms * 1_000)
      }),
    )
  })
})
