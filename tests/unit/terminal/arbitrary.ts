// Texts that hurt terminals, shared by the properties of this folder.

import fc from 'fast-check'
import type { Entry } from '../../../services/terminal/entry.js'

const NASTY = [
  ...[
    '\x1b[31m',
    '\x1b]0;title\x07',
    '\x1b[2J',
    '\x9b31m',
    '\x1bP',
    '\r',
    '\b',
    '\x7f',
    '\x00',
    '\x85',
    '\u2028',
  ],
  ...[
    '\u202e',
    '\u2066',
    '\u200b',
    '\u200d',
    '\u200c',
    '\ufeff',
    '\u00ad',
    '\ud800',
    '\udfff',
    '\u{E0041}',
    '\u3164',
  ],
  ...[
    '👨‍👩‍👧‍👦',
    '👍🏽',
    '🇩🇪',
    '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
    '❤️',
    '1️⃣',
    '漢字',
    'ﾊﾞ',
    'שלום',
    'سلام',
    'क्षि',
    'e\u0301',
    '\u0300'.repeat(40),
  ],
  ...['\n', '\t', ' ', '   ', 'word', 'a-very-long-word-that-fits-into-no-narrow-row'],
]

/** Ordinary and hostile text, any UTF-16 included. */
export const anyText = fc
  .array(
    fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })),
    {
      maxLength: 12,
    },
  )
  .map(parts => parts.join(''))

const at = fc.date({ min: new Date(2026, 0, 1), max: new Date(2026, 0, 4), noInvalidDate: true })

export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    kind: fc.constant('notice'),
    at,
    level: fc.constantFrom('info', 'warning', 'error'),
    text: anyText,
  }),
  fc.record(
    {
      kind: fc.constant('message'),
      id: fc.constantFrom('1', '2', '3'),
      at,
      from: anyText,
      to: anyText,
      own: fc.boolean(),
      text: anyText,
      mark: fc.constantFrom('waiting', 'stored', 'delivered', 'failed'),
    },
    { requiredKeys: ['kind', 'id', 'at', 'from', 'own', 'text'] },
  ),
)
