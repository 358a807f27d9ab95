import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BytesCache } from '../../../services/protocol/bytes-cache.js'

const of = (...bytes: number[]) => Uint8Array.from(bytes)

describe('a cache by bytes', () => {
  test('makes a value once for the same bytes, in whatever array they come', () => {
    let made = 0
    const cache = new BytesCache<number>(10)
    const make = () => ++made
    expect(cache.get(of(1, 2), make)).toBe(1)
    expect(cache.get(Buffer.of(0, 1, 2).subarray(1), make)).toBe(1)
    expect(cache.get(of(2, 1), make)).toBe(2)
    expect(cache.get(of(1, 2, 0), make)).toBe(3)
  })

  test('forgets the one that was used longest ago', () => {
    const cache = new BytesCache<string>(2)
    cache.get(of(1), () => 'one')
    cache.get(of(2), () => 'two')
    cache.get(of(1), () => 'not made')
    cache.get(of(3), () => 'three')
    expect(cache.get(of(1), () => 'again')).toBe('one')
    expect(cache.get(of(2), () => 'again')).toBe('again')
  })

  test('keeps nothing of bytes whose making failed', () => {
    const cache = new BytesCache<string>(2)
    const failing = () => {
      throw new Error('no')
    }
    expect(() => cache.get(of(1), failing)).toThrow('no')
    expect(cache.get(of(1), () => 'made')).toBe('made')
  })

  test('holds the later one of two that end alike', () => {
    const cache = new BytesCache<string>(10)
    const [one, other] = [of(1, 9, 9, 9, 9, 9, 9), of(2, 9, 9, 9, 9, 9, 9)]
    cache.get(one, () => 'one')
    expect(cache.get(other, () => 'other')).toBe('other')
    expect(cache.get(other, () => 'again')).toBe('other')
    expect(cache.get(one, () => 'again')).toBe('again')
  })

  test('takes no bytes for others, and knows them though the array is used for something else', () => {
    // Short ones, and ones that end alike, so that some are the same and some nearly.
    const endings = fc.constantFrom([], [0], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6])
    const bytes = fc
      .tuple(fc.uint8Array({ maxLength: 2, max: 1 }), endings)
      .map(parts => of(...parts.flatMap(part => [...part])))
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 30 }), fc.integer({ min: 1, max: 20 }), (all, limit) => {
        const cache = new BytesCache<Uint8Array>(limit)
        const used = new Uint8Array(8)
        for (const each of [...all, ...all]) {
          used.set(each)
          expect(cache.get(used.subarray(0, each.length), made => made.slice())).toEqual(each)
        }
      }),
    )
  })
})
