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

  test('never takes some bytes for others, of whatever length', () => {
    const long = fc.uint8Array({ minLength: 4000, maxLength: 9000, size: 'max' })
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array(), long), { maxLength: 5 }), all => {
        const cache = new BytesCache<Uint8Array>(100)
        for (const bytes of [...all, ...all]) expect(cache.get(bytes, made => made.slice())).toEqual(bytes)
      }),
      { numRuns: 30 },
    )
  })
})
