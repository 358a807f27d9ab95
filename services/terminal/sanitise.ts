// Text of others is made harmless here, once, where it enters. Rules:
// - no control character is left but the newline, so no escape sequence can be formed;
// - nothing reorders the row (bidi overrides, Trojan Source, CVE-2021-42574);
// - nothing invisible stands inside a word, so that two handles that look alike are alike;
// - a pile of combining marks is cut before it overdraws the rows around it.

import type { Entry } from './entry.js'

/** Combining marks kept on one base; the languages in use need four or fewer. */
const MAX_MARKS = 8
const TAB = '    '

// The scripts in whose words a joiner or non-joiner changes the letter's form (Unicode 16, 9.2 and 12).
const JOINING = [
  ...['Arabic', 'Syriac', 'Mongolian', 'Nko', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati'],
  ...['Oriya', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar'],
]
  .map(script => `\\p{Script=${script}}`)
  .join('')

const LINE_END = /\r\n|[\u0085\u2028\u2029]/g
const CONTROL = /[\p{Cc}--\n]/gv
// Tags spell the flags of England, Scotland and Wales after a black flag; anywhere else they hide text.
const INVISIBLE =
  /(?<!\u{1F3F4}[\u{E0020}-\u{E007F}]*)[\u{E0020}-\u{E007F}]|[[\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]--[\uFE00-\uFE0F\u200C\u200D\u{E0020}-\u{E007F}]]/gv
const STRAY_JOINER = new RegExp(
  `(?<![${JOINING}])\\u200C|(?<![${JOINING}\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\uFE0F])\\u200D`,
  'gv',
)
const MARK_PILE = new RegExp(`(\\p{M}{${MAX_MARKS}})\\p{M}+`, 'gu')
const PRINTABLE_ASCII = /^[\n\x20-\x7e]*$/

/** Text that is safe to draw: lines are parted by \n, tabs are spaces, controls are shown as symbols. */
export function sanitise(text: string): string {
  if (PRINTABLE_ASCII.test(text)) return text
  return text
    .toWellFormed()
    .replace(LINE_END, '\n')
    .replaceAll('\t', TAB)
    .replace(CONTROL, symbol)
    .replace(INVISIBLE, '')
    .replace(STRAY_JOINER, '')
    .replace(MARK_PILE, '$1')
}

/** As `sanitise`, for what must stay on one row: a handle, a prompt, a status. */
export function sanitiseRow(text: string): string {
  return sanitise(text).replaceAll('\n', '\u240A')
}

/** An entry whose every text is safe to draw. */
export function sanitiseEntry(entry: Entry): Entry {
  if (entry.kind === 'notice') {
    const figure = entry.figure ? { figure: entry.figure.map(sanitiseRow) } : {}
    return { ...entry, ...figure, text: sanitise(entry.text) }
  }
  const to = entry.to === undefined ? {} : { to: sanitiseRow(entry.to) }
  return { ...entry, ...to, from: sanitiseRow(entry.from), text: sanitise(entry.text) }
}

/** U+2400.. shows each C0 control and DEL by its name; C1 has no such symbols. */
function symbol(control: string): string {
  const code = control.charCodeAt(0)
  if (code === 0x7f) return '\u2421'
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\uFFFD'
}
