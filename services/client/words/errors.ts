// Errors that are for a person.

import { Refusal, type VaultCause, VaultError } from '../../endpoint/index.js'
import { UsageError } from '../../options/options.js'
import { refusal } from './refusals.js'
import { say, type Words } from './words.js'

/** An error as a person is told of it; undefined for one that is a defect of ours. */
export function errorWords(error: unknown): string | undefined {
  if (error instanceof Refusal) return refusal(error.why)
  if (error instanceof VaultError) return vaultCause(error.why)
  return error instanceof UsageError ? error.message : undefined
}

/** Why a vault cannot be opened or written. */
export const vaultCause = (why: VaultCause): string => say(VAULT, why)

const VAULT: Words<VaultCause> = {
  'passphrase-needed': ({ file }) =>
    `The vault ${file} has a passphrase. Give it in the environment, PARLEY_PASSPHRASE.`,
  'passphrase-wrong': () => 'The passphrase is wrong. Nothing was changed; try again.',
  'passphrase-empty': () => 'A passphrase cannot be empty.',
  'passphrase-not-set': ({ file }) =>
    `The vault ${file} has no passphrase. Open it without one; then you can set one.`,
  'in-use': ({ file }) => `The file ${file} is in use by another process. End that one first.`,
  'newer-version': ({ file }) =>
    `The file ${file} was written by a newer version of this program. Update it; nothing was changed.`,
  'older-version': ({ file }) =>
    `The file ${file} was written by an older version of this program, whose vaults this one does not read; nothing was changed. Move its folder away and start anew: with "link" and the 24 words of the account, which the older version shows, this becomes a new device of it.`,
  damaged: ({ file }) =>
    `The file ${file} is damaged. Put a backup of its folder in place, or move the folder away to begin anew.`,
  'key-missing': ({ file }) =>
    `The file ${file} is missing, without which the vault does not open. Put it back.`,
  full: ({ file }) => `There is no room left to write ${file}; nothing was changed.`,
  'not-writable': ({ file, detail }) =>
    `Cannot read and write ${file} (${detail}). Check the owner and the permissions of its folder.`,
}
