// The recovery phrase as a person types it.

import { RecoveryPhraseError, seedOf } from '../../protocol/identity/recovery-phrase.js'
import type { Terminal } from '../../terminal/entry.js'
import { YOUR_WORDS } from '../words/start.js'
import { phraseCause } from '../words/typed.js'

/** Asks for the words until they hold together. undefined: the person went away. Secret. */
export async function askPhrase(terminal: Pick<Terminal, 'ask' | 'print'>): Promise<Uint8Array | undefined> {
  for (;;) {
    const text = await terminal.ask(YOUR_WORDS, { secret: true })
    if (text === undefined) return undefined
    try {
      return seedOf(text)
    } catch (error) {
      if (!(error instanceof RecoveryPhraseError)) throw error
      terminal.print({ kind: 'notice', at: new Date(), level: 'warning', text: phraseCause(error.why) })
    }
  }
}
