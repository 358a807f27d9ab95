// Trust in keys. A handle is the name of the account key that was pinned for it; when the server's directory says another
// one, sending stops until a person, or the policy that a person has set, accepts it.
//
// The directory says another one when the person began anew on a server that was set up anew, and when the server lies.
// A certificate that somebody else makes of themselves changes nothing.

import { accountFingerprint, formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { isHandle } from '../../protocol/identity/handle.js'
import { safetyNumber } from '../../protocol/identity/safety-number.js'
import type { AccountKey } from '../../protocol/keys.js'
import { Refusal } from '../codes/refusal.js'
import { crypto } from '../crypto.js'
import { isKey, NO_KEY } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import type { ContactParts } from './parts.js'

/** The policy for a changed key: wait for a person, accept it and say so, or accept it. */
export type KeyChangePolicy = 'block' | 'warn' | 'accept'

export interface Verification {
  /** 60 digits in 12 groups; the same at the other side. */
  number: string
  /** Of the key that it is of: by it a person says which key they have compared. */
  fingerprint: string
  /** It is of a key that is not accepted yet. */
  isNew: boolean
  /** The pinned key was compared before. */
  isVerified: boolean
}

/** The safety number with whoever is shown by this name: of the changed key, where there is one. Throws Refusal. */
export function verification(
  { account, contacts }: Pick<ContactParts, 'account' | 'contacts'>,
  name: string,
): Verification {
  const known = contacts.find(name)
  const seen = contacts.handles.get(name)?.seenAccountKey ?? NO_KEY
  const isNew = isKey(seen)
  const accountKey = isNew ? seen : known
  if (!accountKey) throw unknown(name)
  const number = safetyNumber(crypto, [account.account.publicKey, accountKey])
  return {
    number,
    fingerprint: fingerprintOf(accountKey),
    isNew,
    isVerified: known !== undefined && contacts.isVerified(known),
  }
}

const fingerprintOf = (accountKey: AccountKey): string =>
  formatFingerprint(accountFingerprint(crypto, accountKey))

/** A person has compared the safety number. `shown`: the fingerprint of the key that it was of. Throws Refusal. */
export function markVerified(
  { contacts }: Pick<ContactParts, 'contacts'>,
  tx: Transaction,
  name: string,
  shown?: string,
): void {
  if (contacts.handles.hasChanged(name)) throw new Refusal({ code: 'key-changed', handle: name })
  const accountKey = contacts.find(name)
  if (!accountKey) throw unknown(name)
  const seen = fingerprintOf(accountKey)
  if (shown !== undefined && shown !== seen)
    throw new Refusal({ code: 'key-swapped', handle: name, shown, seen })
  contacts.verify(tx, accountKey)
  tx.tell({ type: 'contact', handle: name, change: 'verified' })
}

/** Somebody who is not known yet is blocked as soon as the handle is pinned to them. Throws Refusal. */
export function setBlocked(
  { contacts }: Pick<ContactParts, 'contacts'>,
  tx: Transaction,
  name: string,
  blocked: boolean,
): void {
  const accountKey = contacts.find(name)
  if (!accountKey && !isHandle(name)) throw new Refusal({ code: 'bad-handle', handle: name })
  if (isBlockedBy({ contacts }, name, accountKey) === blocked)
    throw new Refusal({ code: blocked ? 'already-blocked' : 'not-blocked', handle: name })
  if (accountKey) contacts.block(tx, accountKey, blocked)
  else contacts.handles.block(tx, name, blocked)
  tx.tell({ type: 'contact', handle: name, change: blocked ? 'blocked' : 'unblocked' })
}

const isBlockedBy = (
  { contacts }: Pick<ContactParts, 'contacts'>,
  name: string,
  accountKey: AccountKey | undefined,
): boolean => (accountKey ? contacts.isBlocked(accountKey) : contacts.handles.get(name)?.blocked === true)

const unknown = (handle: string) => new Refusal({ code: 'key-unknown', handle })
