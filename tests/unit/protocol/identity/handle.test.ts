import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isHandle } from '../../../../services/protocol/identity/handle.js'

const FIRST = 'abcdefghijklmnopqrstuvwxyz0123456789'
const LATER = `${FIRST}-_.`

describe('handles', () => {
  test('are what the rule says, character by character', () => {
    const characters = fc.oneof(fc.constantFrom(...LATER), fc.string({ unit: 'binary', maxLength: 1 }))
    const texts = fc.array(characters, { maxLength: 40, size: 'max' }).map(all => all.join(''))
    fc.assert(
      fc.property(texts, text => {
        const isFirst = text !== '' && FIRST.includes(text[0]!)
        const expected = isFirst && text.length <= 32 && [...text].every(each => LATER.includes(each))
        expect(isHandle(text)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })

  test.each(['a', '0', 'anna-b.c_d', 'x'.repeat(32)])('%s is one', text => {
    expect(isHandle(text)).toBe(true)
  })

  test.each(['', '-a', '.a', '_a', 'Ada', 'a b', 'a\n', 'ä', 'x'.repeat(33), 'a\u0000', 'ａ'])(
    '%j is none',
    text => {
      expect(isHandle(text)).toBe(false)
    },
  )
})
