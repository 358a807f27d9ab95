import { VaultError, type VaultReason } from '../../endpoint/index.js'
import type { Terminal } from '../../terminal/entry.js'
import { PASSPHRASE, WRONG_PASSPHRASE } from '../words/start.js'

const ASKED_AGAIN: readonly VaultReason[] = ['passphrase-needed', 'passphrase-wrong', 'passphrase-empty']

/** Opens a vault, and asks for its passphrase where it has one that was not given, or was given wrongly. Throws VaultError. */
export async function openWithPassphrase<T>(
  terminal: Pick<Terminal, 'ask'> | undefined,
  given: string | undefined,
  open: (passphrase: string | undefined) => Promise<T>,
): Promise<T> {
  let passphrase = given
  let question = PASSPHRASE
  for (;;) {
    try {
      return await open(passphrase)
    } catch (error) {
      const asks = error instanceof VaultError && ASKED_AGAIN.includes(error.reason)
      if (!asks || !terminal || (passphrase === given && given !== undefined)) throw error
      if (error.reason === 'passphrase-wrong') question = WRONG_PASSPHRASE
      passphrase = await terminal.ask(question, { secret: true })
      if (passphrase === undefined) throw error
    }
  }
}
