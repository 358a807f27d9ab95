import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { pad, unpad } from '../../../../services/protocol/content/padding.js'

const bytes = fc.uint8Array({ maxLength: 3000, size: 'max' })

describe('padding', () => {
  test('is cut off again, whatever the content ends with', () => {
    const endings = fc.constantFrom([], [0], [0x80], [0x80, 0, 0])
    fc.assert(
      fc.property(bytes, endings, (content, ending) => {
        const whole = Uint8Array.from([...content, ...ending])
        expect(unpad(pad(whole))).toEqual(whole)
      }),
    )
  })

  test('fills a bucket, the smallest that has room for it', () => {
    fc.assert(
      fc.property(bytes, content => {
        const { length } = pad(content)
        expect(length).toBeGreaterThan(content.length)
        expect(Math.log2(length / 256) % 1).toBe(0)
        if (length > 256) expect(content.length + 1).toBeGreaterThan(length / 2)
      }),
    )
    expect(pad(new Uint8Array(255))).toHaveLength(256)
    expect(pad(new Uint8Array(256))).toHaveLength(512)
    expect(pad(new Uint8Array(128 * 1024 - 1))).toHaveLength(128 * 1024)
    expect(() => pad(new Uint8Array(128 * 1024))).toThrow('over the largest bucket')
  })

  test('is 0x80 and zeros', () => {
    expect(pad(Uint8Array.of(1, 2)).subarray(0, 4)).toEqual(Uint8Array.of(1, 2, 0x80, 0))
    expect(pad(Uint8Array.of(1, 2)).subarray(3)).toEqual(new Uint8Array(253))
  })

  test.each([[[]], [[0]], [[0x81, 0]], [[0x80, 1]], [new Array(256).fill(0)]])('%j has none', hostile => {
    expect(unpad(Uint8Array.from(hostile))).toBeUndefined()
  })

  test('of hostile bytes ends at the last 0x80, or is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), hostile => {
        const content = unpad(hostile)
        const end = hostile.lastIndexOf(0x80)
        const isPadded = end >= 0 && hostile.subarray(end + 1).every(byte => byte === 0)
        expect(content).toEqual(isPadded ? hostile.subarray(0, end) : undefined)
      }),
      { numRuns: 1000 },
    )
  })
})
