// The first start, and what stands against a start: accounts, devices, folders, passphrases and the 24 words.

import { listed } from './words.js'

export const version = (number: string): string => `parley client ${number}`

export const said = (text: string): string => `parley: ${text}`

export const aDefect = (text: string): string => `a defect, please report it: ${text}`

export const noHistory = (data: string, handle: string | undefined): string =>
  `there is no history in ${data}${handle ? ` of ${handle}` : ''}`

export const NOBODY_HERE = 'nobody has an account here yet: say who you are with --handle'

export const severalAccounts = (handles: readonly string[]): string =>
  `there are several accounts here: say who you are with --handle (${listed(handles)})`

export const NO_OPERATOR = 'this server has no operator: say whom to write to with --to'

export const YOUR_HANDLE = 'your handle: '
export const HANDLE_OF_ACCOUNT = 'the handle of your account: '

export const whoAreYou = (handles: readonly string[]): string =>
  `who are you (${listed(handles)}, or a new handle)? `

/** `link`: what a person types in place of a handle. */
export const newHandleOr = (link: string): string =>
  `a new handle makes a new account; "${link}" makes this a further device of yours`

export const WRONG_WORDS =
  'these words are of another account than the one that goes by this handle on this server: compare both'

export const alreadyHere = (handle: string, folder: string): string =>
  `${handle} is on this device already, in ${folder}: start without "link"`

export const yourDevices = (rows: readonly string[]): string => `your devices:\n${rows.join('\n')}`

export const WHICH_TO_END = 'which one to end for good, for this one? A number, or nothing: '

export const WHOSE_ACCOUNT = 'whose account? Say it with --handle'

export const END_ONE = '--revoke NUMBER, or the fingerprint, ends one of them for good and lets this one in'

export const noSuchDevice = (text: string): string =>
  `--revoke "${text}" is none of them: say its number or its fingerprint`

export const inTheInput = (why: string): string => `the input: ${why}`

export const PASSPHRASE = 'passphrase: '
export const WRONG_PASSPHRASE = 'that is not it. passphrase: '

export const YOUR_WORDS = 'your 24 words (not shown): '

/** `program`: how a person calls it. */
export const phraseAdvice = (program: string): string =>
  'your recovery phrase. Write it down on paper: whoever has these 24 words is you, and without them nobody brings ' +
  `your account back. On another device "${program} link" asks for them. /phrase shows them again`

/** Three to a row, which fit a terminal of 40 columns. */
const WORDS_PER_ROW = 3
/** Columns of a number and the longest word of the list. */
const WORD_COLUMNS = 12

/** The words of a phrase with their numbers. */
export function phraseRows(phrase: string): string[] {
  const words = phrase
    .split(' ')
    .map((word, at) => `${String(at + 1).padStart(2)}. ${word}`.padEnd(WORD_COLUMNS))
  const rows: string[] = []
  for (let from = 0; from < words.length; from += WORDS_PER_ROW)
    rows.push(
      words
        .slice(from, from + WORDS_PER_ROW)
        .join(' ')
        .trimEnd(),
    )
  return rows
}
