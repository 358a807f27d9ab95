// The recovery phrase as a person sees and types it.

import { RecoveryPhraseError, seedOf } from '../../protocol/identity/recovery-phrase.js'
import type { Terminal } from '../../terminal/entry.js'
import { phraseCause } from '../words/typed.js'

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

export const PHRASE_ADVICE =
  'your recovery phrase. Write it down on paper: whoever has these 24 words is you, and without them nobody brings ' +
  'your account back. On another device "npm run client -- link" asks for them. /phrase shows them again'

/** Asks for the words until they hold together. undefined: the person went away. Secret. */
export async function askPhrase(terminal: Pick<Terminal, 'ask' | 'print'>): Promise<Uint8Array | undefined> {
  for (;;) {
    const text = await terminal.ask('your 24 words (not shown): ', { secret: true })
    if (text === undefined) return undefined
    try {
      return seedOf(text)
    } catch (error) {
      if (!(error instanceof RecoveryPhraseError)) throw error
      terminal.print({ kind: 'notice', at: new Date(), level: 'warning', text: phraseCause(error.why) })
    }
  }
}
