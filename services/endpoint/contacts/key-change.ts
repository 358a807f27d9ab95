// Whom this endpoint takes for whom. A handle belongs to the account key that was pinned for it; another key that goes
// by it stops the sending until a person, or the policy that a person has set, accepts it.
//
// Who can make a key change: the person, who began anew on a server that was set up anew; a server that lies; and
// anybody at all who opens a conversation under a handle that is not theirs, since nobody but the server says whose a
// handle is. So what a welcome shows is checked against the server's directory, and what only the welcome shows is
// not taken for a change.

import { GroupStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { accountFingerprint, formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { safetyNumber, safetyNumberQr } from '../../protocol/identity/safety-number.js'
import { Refusal } from '../codes/refusal.js'
import type { Context } from '../context.js'
import { crypto } from '../crypto.js'
import type { LiveGroup } from '../groups/groups.js'
import type { Batch } from '../vault/records.js'
import { changeOf } from './contacts.js'

/** What to do about a changed key: wait for a person, accept it and say so, or accept it. */
export type KeyChangePolicy = 'block' | 'warn' | 'accept'

export interface Verification {
  /** 60 digits in 12 groups; the same at the other side. */
  number: string
  /** Rows of a QR code of it. */
  qr: string[]
  /** It is of a key that is not accepted yet. */
  isNew: boolean
  /** The pinned key was compared before. */
  isVerified: boolean
}

/** The safety number with this person: of the changed key, where there is one. Throws Refusal. */
export function verification({ account, contacts }: Context, handle: string): Verification {
  const contact = contacts.get(handle)
  const isNew = (contact?.changedAccountKey.length ?? 0) > 0
  const accountKey = isNew ? contact?.changedAccountKey : contact?.accountKey
  if (!accountKey || accountKey.length === 0) throw unknown(handle)
  const own = { handle: account.handle, accountKey: account.account.publicKey }
  const number = safetyNumber(crypto, [own, { handle, accountKey }])
  return { number, qr: safetyNumberQr(number), isNew, isVerified: contacts.isVerified(handle) }
}

/** A person has compared the safety number. Throws Refusal. */
export function markVerified({ contacts }: Context, batch: Batch, handle: string): void {
  if (contacts.hasChanged(handle)) throw new Refusal({ code: 'key-changed', handle })
  if (!contacts.get(handle)?.accountKey.length) throw unknown(handle)
  contacts.verify(batch, handle)
  batch.tell({ type: 'contact', handle, change: 'verified' })
}

/** A person takes the changed key for theirs. What waits goes out to it, and nothing to the former. Throws Refusal. */
export function acceptKey(context: Context, batch: Batch, handle: string): void {
  if (!context.contacts.hasChanged(handle)) throw new Refusal({ code: 'key-not-changed', handle })
  pinChanged(context, batch, handle)
  batch.tell({ type: 'contact', handle, change: 'accepted' })
}

/** Throws Refusal for somebody who was never met. */
export function setBlocked({ contacts }: Context, batch: Batch, handle: string, blocked: boolean): void {
  if (contacts.isBlocked(handle) === blocked)
    throw new Refusal({ code: blocked ? 'already-blocked' : 'not-blocked', handle })
  contacts.block(batch, handle, blocked)
  batch.tell({ type: 'contact', handle, change: blocked ? 'blocked' : 'unblocked' })
}

/**
 * Decides on a changed key by what the server's directory says of the handle. True: sending goes on, to the new key or
 * because the change was none.
 */
export function settleChange(
  context: Context,
  batch: Batch,
  handle: string,
  { listed, policy }: { listed: readonly Uint8Array[]; policy: KeyChangePolicy },
): boolean {
  const contact = context.contacts.get(handle)
  const change = contact && changeOf(contact)
  if (!change) return true
  const lists = (fingerprint: Uint8Array) =>
    listed.some(key => Buffer.compare(accountFingerprint(crypto, key), fingerprint) === 0)
  const { pinned, seen } = change
  if (contact.changedAccountKey.length > 0 && lists(pinned) && !lists(seen)) {
    context.contacts.dismiss(batch, handle)
    retireOthers(context, batch, handle)
    batch.tell({ type: 'notice', level: 'warning', notice: { code: 'impostor', handle } })
    return true
  }
  // Nobody else decides where the server does not stand by the key.
  const decided = lists(seen) ? policy : 'block'
  batch.tell({
    type: 'key-changed',
    handle,
    pinned: formatFingerprint(pinned),
    seen: formatFingerprint(seen),
    policy: decided,
  })
  if (decided === 'block') return false
  pinChanged(context, batch, handle)
  return true
}

function pinChanged(context: Context, batch: Batch, handle: string): void {
  context.contacts.accept(batch, handle)
  retireOthers(context, batch, handle)
}

/** Ends the groups of the conversation with this person in which they show another key than the pinned one. */
function retireOthers(context: Context, batch: Batch, handle: string): void {
  const { contacts, conversations, groups } = context
  const conversation = conversations.withPeer(handle)
  const isOther = (group: LiveGroup) =>
    context.engine
      .members(group.state)
      .map(({ identity }) => parseVerifiedCertificate(identity))
      .some(member => member.handle === handle && contacts.trust(handle, member.accountKey) === 'other')
  for (const group of groups.all()) {
    const { record } = group
    if (record.conversation !== conversation || record.status === GroupStatus.ENDED || !isOther(group))
      continue
    // What was sealed for it before may be at the server already, and stays as it is.
    record.status = GroupStatus.ENDED
    record.left = true
    groups.savePending(batch, group, undefined)
    groups.save(batch, group)
    context.intents.dropAll(batch, group)
  }
}

const unknown = (handle: string) => new Refusal({ code: 'key-unknown', handle })
