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

export const NOBODY_ELSE = 'no other device of it is listed on this server'

export const MAY_LINK = 'sign a list with these devices and this one? An unknown one reads along. yes or no: '
export const neitherYesNorNo = (question: string): string => `that is neither yes nor no. ${question}`
export const NOT_SIGNED = 'nothing was signed'

export const WHICH_STAY =
  'which of them stay? Numbers with commas, "all" or "none"; all others are ended for good: '

/** `rows`: of the devices that stay. */
export const newList = (rows: readonly string[]): string =>
  rows.length === 0
    ? 'from here on this device is the only one'
    : `this device first, and:\n${rows.join('\n')}`

export const MAY_RECOVER = 'sign that list? All other devices are ended. yes or no: '

export const AGREE_WITH_YES =
  'these are the devices of the account: --yes agrees to a list with them and this one'
export const SAY_KEEP =
  'say which of these devices stay, with --keep (numbers or fingerprints with commas, all, or none), and --yes'
export const noSuchKept = (text: string): string =>
  `--keep "${text}" names none of them: say numbers or fingerprints with commas, all, or none`

export const WORDS_UNCONFIRMED =
  'the 24 words of your account are kept on this device until you confirm that you have them: until then whoever copies ' +
  'this folder has the account for good. /phrase shows and confirms them'

export const wordsBelow = (phrase: string): string =>
  `the 24 words of your new account, which are not kept here (--phrase-to FILE writes them to a file): ${phrase}`

export const WORDS_GONE = 'the words of this account are not kept here'

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
  `your account back. On another device "${program} link" asks for them. They are kept here until /phrase has seen that ` +
  'you have them'

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
