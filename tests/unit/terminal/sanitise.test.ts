import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sanitise, sanitiseRow } from '../../../services/terminal/sanitise.js'
import { anyText } from './arbitrary.js'

describe('sanitise', () => {
  test.each([
    ['escape sequences are shown', '\x1b[31mred\x1b[0m', '␛[31mred␛[0m'],
    ['so are other controls', 'a\x00\x07\x08\x7f\rb', 'a␀␇␈␡␍b'],
    ['a C1 control sequence introducer is replaced', '\x9b2J', '\uFFFD2J'],
    ['line ends of all kinds are newlines', 'a\r\nb\u2028c\u2029d\u0085e\nf', 'a\nb\nc\nd\ne\nf'],
    ['tabs are spaces', '\tx', '    x'],
    ['bidi overrides and isolates go', 'a\u202eb\u202cc\u2066d\u2069', 'abcd'],
    ['invisible characters go', 'op\u200ber\u200da\u200ct\u00ado\ufeffr\u3164', 'operator'],
    ['tags that spell nothing visible go', 'a\u{E0068}\u{E0069}', 'a'],
    ['lone surrogates are replaced', 'a\ud83d b\udc00', 'a\uFFFD b\uFFFD'],
    ['joined emoji stay', '👨‍👩‍👧‍👦 👍🏽 ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿', '👨‍👩‍👧‍👦 👍🏽 ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
    ['joiners stay in scripts that need them', 'می\u200cخواهم क्\u200dष', 'می\u200cخواهم क्\u200dष'],
    ['piles of marks are cut', `a${'\u0300'.repeat(50)}b`, `a${'\u0300'.repeat(8)}b`],
  ])('%s', (_what, given, expected) => {
    expect(sanitise(given)).toBe(expected)
  })

  test('a row has no newline', () => {
    expect(sanitiseRow('bob\n12:00 alice')).toBe('bob␊12:00 alice')
  })

  test('leaves no control but the newline, nothing that reorders, and itself unchanged', () => {
    fc.assert(
      fc.property(anyText, text => {
        const safe = sanitise(text)
        expect(safe).not.toMatch(/[\p{Cc}--\n]|[\u202A-\u202E\u2066-\u2069\u2028\u2029]/v)
        expect(safe.isWellFormed()).toBe(true)
        expect(sanitise(safe)).toBe(safe)
      }),
      { numRuns: 500 },
    )
  })
})
