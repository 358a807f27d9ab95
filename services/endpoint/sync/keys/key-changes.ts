// Somebody shows another account key than the one that is pinned: what is decided on it, and what becomes of the groups
// in which they show the other one.

import { equalBytes } from '../../../protocol/bytes.js'
import { parseVerifiedCertificate } from '../../../protocol/identity/certificate.js'
import { accountFingerprint, formatFingerprint } from '../../../protocol/identity/fingerprint.js'
import type { AccountKey } from '../../../protocol/keys.js'
import { Refusal } from '../../codes/refusal.js'
import { changeOf } from '../../contacts/contacts.js'
import type { KeyChangePolicy } from '../../contacts/trust.js'
import type { Context } from '../../context.js'
import { crypto } from '../../crypto.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { transition } from '../../groups/transition.js'
import type { Transaction } from '../../vault/records.js'

/** A person takes the changed key for theirs. Waiting messages go to it, and none to the former. Throws Refusal. */
export function acceptKey(
  context: Pick<Context, 'contacts' | 'conversations' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  handle: string,
): void {
  if (!context.contacts.hasChanged(handle)) throw new Refusal({ code: 'key-not-changed', handle })
  pinChanged(context, tx, handle)
  tx.tell({ type: 'contact', handle, change: 'accepted' })
}

/**
 * Decides on a changed key by what the server's directory says of the handle. True: sending goes on, to the new key or
 * because the change was none.
 */
export function settleChange(
  context: Pick<Context, 'contacts' | 'conversations' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  handle: string,
  { listed, policy }: { listed: readonly AccountKey[]; policy: KeyChangePolicy },
): boolean {
  const contact = context.contacts.get(handle)
  const change = contact && changeOf(contact)
  if (!change) return true
  const lists = (fingerprint: Uint8Array) =>
    listed.some(key => equalBytes(accountFingerprint(crypto, key), fingerprint))
  const { pinned, seen } = change
  if (contact.changedAccountKey.length > 0 && lists(pinned) && !lists(seen)) {
    context.contacts.dismiss(tx, handle)
    retireOthers(context, tx, handle)
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

function pinChanged(
  context: Pick<Context, 'contacts' | 'conversations' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  handle: string,
): void {
  context.contacts.accept(tx, handle)
  retireOthers(context, tx, handle)
}

/** Ends the groups of the conversation with this person in which they show another key than the pinned one. */
function retireOthers(
  context: Pick<Context, 'contacts' | 'conversations' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  handle: string,
): void {
  const { contacts, conversations, groups } = context
  const conversation = conversations.withPeer(handle)
  const isOther = (group: LiveGroup) =>
    context.engine
      .members(group.state)
      .map(({ identity }) => parseVerifiedCertificate(identity))
      .some(member => member.handle === handle && contacts.trust(handle, member.accountKey) === 'other')
  for (const group of conversation === undefined ? [] : groups.of(conversation)) {
    if (group.phase.name === 'ended' || !isOther(group)) continue
    // A message sealed for it before may be at the server already, and stays as it is.
    transition(context, tx, group, { input: 'replaced' })
  }
}
