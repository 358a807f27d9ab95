import { Refusal, VaultError } from '../../endpoint/index.js'
import { refusal } from './refusals.js'
import { vaultCause } from './vault.js'

/** What a person is told of an error; undefined for one that is a defect of ours. */
export function errorWords(error: unknown): string | undefined {
  if (error instanceof Refusal) return refusal(error.why)
  if (error instanceof VaultError) return vaultCause(error.why)
  return undefined
}
