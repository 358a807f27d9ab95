// The server's directory says another account for a handle than the one that is pinned: what is decided on it, and what
// becomes of the conversation with whoever goes by the handle.

import { equalBytes } from '../../../protocol/bytes.js'
import { accountFingerprint, formatFingerprint } from '../../../protocol/identity/fingerprint.js'
import { type AccountKey, sameKey } from '../../../protocol/keys.js'
import { Refusal } from '../../codes/refusal.js'
import { changeOf } from '../../contacts/handles.js'
import type { KeyChangePolicy } from '../../contacts/trust.js'
import type { Context } from '../../context.js'
import { crypto } from '../../crypto.js'
import { accountsIn, isOwn } from '../../groups/membership.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { transition } from '../../groups/transition.js'
import type { ConversationNumber } from '../../ids.js'
import type { Transaction } from '../../vault/records.js'
import { goOnWith } from './pins.js'

/**
 * A person takes the changed key for theirs. Waiting messages go to it, and none to the former. `shown`: the fingerprint
 * of the key that they decide on, which may be another one by now. Throws Refusal.
 */
export function acceptKey(context: Context, tx: Transaction, handle: string, shown: string): void {
  const record = context.contacts.handles.get(handle)
  const change = record && changeOf(record)
  if (!change) throw new Refusal({ code: 'key-not-changed', handle })
  const seen = formatFingerprint(change.seen)
  if (seen !== shown) throw new Refusal({ code: 'key-swapped', handle, shown, seen })
  pinChanged(context, tx, handle)
  tx.tell({ type: 'contact', handle, change: 'accepted' })
}

/**
 * Decides on a changed key by what the server's directory says of the handle. True: sending goes on, to the new key or
 * because the change was none.
 */
export function settleChange(
  context: Context,
  tx: Transaction,
  handle: string,
  { listed, policy }: { listed: readonly AccountKey[]; policy: KeyChangePolicy },
): boolean {
  const { handles } = context.contacts
  const record = handles.get(handle)
  const change = record && changeOf(record)
  if (!change) return true
  const lists = (fingerprint: Uint8Array) =>
    listed.some(key => equalBytes(accountFingerprint(crypto, key), fingerprint))
  const { pinned, seen } = change
  if (record.seenAccountKey.length > 0 && lists(pinned) && !lists(seen)) {
    handles.dismiss(tx, handle)
    tx.tell({ type: 'notice', level: 'warning', notice: { code: 'impostor', handle } })
    return true
  }
  // Nobody else decides where the server does not stand by the key.
  const decided = lists(seen) ? policy : 'block'
  tx.tell({
    type: 'key-changed',
    handle,
    pinned: formatFingerprint(pinned),
    seen: formatFingerprint(seen),
    policy: decided,
  })
  if (decided === 'block') return false
  pinChanged(context, tx, handle)
  return true
}

/** The conversation with whoever went by the handle goes on with the account that it is pinned to now. */
function pinChanged(context: Context, tx: Transaction, handle: string): void {
  const { contacts, conversations } = context
  const former = contacts.handles.pinned(handle)
  contacts.accept(tx, handle)
  const accountKey = contacts.handles.pinned(handle)
  const conversation = former ? conversations.withPerson(former) : conversations.awaiting(handle)
  if (!accountKey || conversation === undefined) return
  retireOthers(context, tx, conversation, accountKey)
  goOnWith(context, tx, conversation, accountKey)
}

/** Ends the groups of the conversation in which somebody else is. */
function retireOthers(
  context: Context,
  tx: Transaction,
  conversation: ConversationNumber,
  accountKey: AccountKey,
): void {
  const isOther = (group: LiveGroup) =>
    accountsIn(context, group).some(
      account => !isOwn(context, account) && !sameKey(account.accountKey, accountKey),
    )
  for (const group of context.groups.of(conversation)) {
    if (group.phase.name === 'ended' || !isOther(group)) continue
    // A message sealed for it before may be at the server already, and stays as it is.
    transition(context, tx, group, { input: 'replaced' })
  }
}
