import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sanitise } from '../../../services/terminal/sanitise.js'
import { clip, widthOf, wrap } from '../../../services/terminal/text.js'
import { anyText } from './arbitrary.js'

describe('wrap', () => {
  test.each([
    ['short text stays', 'hello', 10, ['hello']],
    ['rows break after words', 'the quick brown fox', 10, ['the quick', 'brown fox']],
    ['a newline breaks, an empty line stays', 'a\n\nb', 10, ['a', '', 'b']],
    ['a word that no row holds begins where it stands', 'see abcdefghijkl', 8, ['see abcd', 'efghijkl']],
    ['indentation stays', '    code that wraps', 12, ['    code', 'that wraps']],
    ['wide characters break anywhere, never in half', '漢字漢字漢字', 5, ['漢字', '漢字', '漢字']],
    ['wide text fills the row that it begins in', 'ab 漢字漢字', 8, ['ab 漢字', '漢字']],
    ['an emoji of several code points stays whole', 'abcdef 👍🏽x', 8, ['abcdef', '👍🏽x']],
  ])('%s', (_what, text, room, rows) => {
    expect(wrap(text, room)).toEqual(rows)
  })

  test('no row is wider than its room, and nothing but spaces is lost', () => {
    fc.assert(
      fc.property(anyText.map(sanitise), fc.integer({ min: 4, max: 80 }), (text, room) => {
        const rows = wrap(text, room)
        for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(room)
        expect(rows.join('').replace(/\s/gu, '')).toBe(text.replace(/\s/gu, ''))
      }),
      { numRuns: 500 },
    )
  })
})

test('clip keeps what fits and says that something is missing', () => {
  expect(clip('connected', 9)).toBe('connected')
  expect(clip('connected', 5)).toBe('conn…')
  expect(clip('漢字漢字', 6)).toBe('漢字…')
})
