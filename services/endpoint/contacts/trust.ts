// Trust in keys. A handle belongs to the account key that was pinned for it; another key that goes
// by it stops the sending until a person, or the policy that a person has set, accepts it.
//
// A key can be changed by the person, who began anew on a server that was set up anew; by a server that lies; and by
// anybody at all who opens a conversation under a handle that is not theirs, since nobody but the server says whose a
// handle is. So what a welcome shows is checked against the server's directory, and what only the welcome shows is
// not taken for a change.

import { safetyNumber } from '../../protocol/identity/safety-number.js'
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
  /** It is of a key that is not accepted yet. */
  isNew: boolean
  /** The pinned key was compared before. */
  isVerified: boolean
}

/** The safety number with this person: of the changed key, where there is one. Throws Refusal. */
export function verification(
  { account, contacts }: Pick<ContactParts, 'account' | 'contacts'>,
  handle: string,
): Verification {
  const { accountKey: pinned = NO_KEY, changedAccountKey: changed = NO_KEY } = contacts.get(handle) ?? {}
  const isNew = isKey(changed)
  const accountKey = isNew ? changed : pinned
  if (!isKey(accountKey)) throw unknown(handle)
  const number = safetyNumber(crypto, [account.account.publicKey, accountKey])
  return { number, isNew, isVerified: contacts.isVerified(handle) }
}

/** A person has compared the safety number. Throws Refusal. */
export function markVerified(
  { contacts }: Pick<ContactParts, 'contacts'>,
  tx: Transaction,
  handle: string,
): void {
  if (contacts.hasChanged(handle)) throw new Refusal({ code: 'key-changed', handle })
  if (!contacts.get(handle)?.accountKey.length) throw unknown(handle)
  contacts.verify(tx, handle)
  tx.tell({ type: 'contact', handle, change: 'verified' })
}

/** Throws Refusal for somebody who was never met. */
export function setBlocked(
  { contacts }: Pick<ContactParts, 'contacts'>,
  tx: Transaction,
  handle: string,
  blocked: boolean,
): void {
  if (contacts.isBlocked(handle) === blocked)
    throw new Refusal({ code: blocked ? 'already-blocked' : 'not-blocked', handle })
  contacts.block(tx, handle, blocked)
  tx.tell({ type: 'contact', handle, change: blocked ? 'blocked' : 'unblocked' })
}

const unknown = (handle: string) => new Refusal({ code: 'key-unknown', handle })
