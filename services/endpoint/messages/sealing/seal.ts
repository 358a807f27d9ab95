// Sealing: what is said is numbered and sealed in the group's present epoch, and saved before it is sent.

import { MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { pad } from '../../../protocol/content/padding.js'
import { sameKey } from '../../../protocol/keys.js'
import type { MessageId } from '../../events.js'
import { accountsIn, isOwn } from '../../groups/membership.js'
import { needsFreshKeys } from '../../groups/state/fresh-keys.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { type ConversationNumber, type Count, countOf, type MessageNumber, messageNumber } from '../../ids.js'
import { wipe } from '../../mls/engine.js'
import type { Transaction } from '../../vault/records.js'
import { presentTag } from '../fork-detection.js'
import { encodeContent } from './format.js'
import { hold } from './held.js'
import type { BodyInit } from './line-types.js'
import type { Queued, SealedContent } from './outbox.js'
import type { MessageParts } from './parts.js'
import { waitNoMore } from './unsent.js'

/**
 * Nothing is said in it for now: it is with somebody who is blocked, or whose changed key is not accepted; or somebody
 * is in it who is not of its conversation.
 */
export const isSilent = (
  parts: Pick<MessageParts, 'account' | 'contacts' | 'conversations' | 'engine'>,
  group: LiveGroup,
): boolean => isStopped(parts, group.record.conversation) || !isTheirs(parts, group)

/** A conversation with one person goes out to the two of them and to nobody else, that of own devices to them alone. */
function isTheirs(
  parts: Pick<MessageParts, 'account' | 'conversations' | 'engine'>,
  group: LiveGroup,
): boolean {
  const { conversation } = group.record
  const kind = parts.conversations.kind(conversation)
  if (kind === 'room') return true
  const [other, ...more] = accountsIn(parts, group).filter(account => !isOwn(parts, account))
  if (kind === 'own-devices') return other === undefined
  const peer = parts.conversations.with(conversation)
  if (!other || more.length > 0 || !peer || !('accountKey' in peer)) return false
  return sameKey(other.accountKey, peer.accountKey)
}

/** The same of a conversation, also of one with somebody whose key is not known yet. */
export function isStopped(
  { contacts, conversations }: Pick<MessageParts, 'contacts' | 'conversations'>,
  conversation: ConversationNumber,
): boolean {
  const peer = conversations.with(conversation)
  if (!peer) return false
  if ('accountKey' in peer) return contacts.isStopped(peer.accountKey)
  return contacts.handles.hasChanged(peer.awaited) || contacts.handles.get(peer.awaited)?.blocked === true
}

/** The group that a conversation's lines go out in: of several, the same one for everybody. */
export function sendingGroup(
  parts: Pick<MessageParts, 'account' | 'contacts' | 'conversations' | 'engine' | 'groups'>,
  conversation: ConversationNumber,
): LiveGroup | undefined {
  return parts.groups
    .of(conversation)
    .filter(group => can(group.phase, 'send') && !isSilent(parts, group))
    .sort((a, b) => Buffer.compare(a.record.conversationId, b.record.conversationId))[0]
}

/** The groups of this account's own devices that are in use: one, or more where several were made at once. */
export function ownDeviceGroups(
  parts: Pick<MessageParts, 'account' | 'conversations' | 'engine' | 'groups'>,
): LiveGroup[] {
  const conversation = parts.conversations.ownDevices()
  if (conversation === undefined) return []
  return parts.groups
    .of(conversation)
    .filter(group => can(group.phase, 'tell-devices') && isTheirs(parts, group))
}

/** Seals what a person has written, if it still waits; where fresh keys are needed, it goes on waiting. */
export async function sealLine(
  parts: Pick<MessageParts, 'clock' | 'conversations' | 'engine' | 'groups' | 'lines' | 'outbox'>,
  tx: Transaction,
  group: LiveGroup,
  id: MessageId,
): Promise<void> {
  if (needsFreshKeys(group)) return
  waitNoMore(tx, id)
  const message = parts.conversations.message(id)
  const type = message && parts.lines.of(message)
  if (!type || message.status !== MessageStatus.WAITING) return
  const place = { group: group.number, id: group.record.nextCount }
  tx.put('undelivered', place, { message: id.message })
  if (type.saidAgain) tx.put('sent', place, { message: id.message })
  await sealBody(parts, tx, group, type.body(message), { sentAtMs: message.sentAtMs, message: id.message })
}

const NO_MESSAGE = messageNumber(0n)
const NO_COUNT = countOf(0n)

/** Seals the next content of this device, or holds it until there are fresh keys. `message`: of whose history it is, 0n where it is none. */
export async function sealBody(
  parts: Pick<MessageParts, 'clock' | 'engine' | 'groups' | 'outbox'>,
  tx: Transaction,
  group: LiveGroup,
  body: BodyInit,
  {
    sentAtMs = BigInt(parts.clock.now()),
    message = NO_MESSAGE,
    resentCount = NO_COUNT,
  }: { sentAtMs?: bigint; message?: MessageNumber; resentCount?: Count } = {},
): Promise<void> {
  if (needsFreshKeys(group)) return hold(tx, group, encodeContent({ sentAtMs, body, resentCount }))
  const logTag = presentTag(group.record.log)
  const { nextCount: count, joinedEpoch } = group.record
  parts.groups.change(tx, group, { nextCount: countOf(count + 1n) })
  const content = encodeContent({
    count,
    joinedEpoch,
    sentAtMs,
    body,
    resentCount,
    ...(logTag ? { logTag } : {}),
  })
  const value = await sealContent(parts, tx, group, { content, message })
  parts.outbox.add(tx, group.number, { case: 'content', value })
}

/** Seals the content in the group's present epoch; the ratchet's new state goes into the same transaction. */
async function sealContent(
  parts: Pick<MessageParts, 'engine' | 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  { content, message }: Pick<SealedContent, 'content' | 'message'>,
): Promise<SealedContent> {
  const { engine, groups } = parts
  const { state, ciphertext, changed, spent } = await engine.seal(group.state, pad(content))
  const epoch = engine.epoch(state)
  tx.after(() => wipe(spent))
  groups.advance(tx, group, state, changed)
  groups.change(tx, group, { sealedSinceCommit: group.record.sealedSinceCommit + 1n })
  return { $typeName: 'parley.vault.v1.OutboxContent', content, message, ciphertext, epoch }
}

/**
 * The server found an envelope's epoch too old: it is sealed anew, and with it all of that group that stand behind it,
 * even those of the present epoch. A receiver opens a sender's messages only in the order in which they were sealed
 * (mls/context.ts, retainKeysForGenerations), so the order of sealing must stay that of sending.
 */
export async function sealAnew(
  parts: Pick<MessageParts, 'engine' | 'groups' | 'outbox'>,
  tx: Transaction,
  rejected: Queued,
): Promise<void> {
  const group = parts.groups.get(rejected.item.group)
  if (!group || rejected.item.what.case !== 'content') return
  for (const queued of parts.outbox.items()) {
    const { what, clientSequence } = queued.item
    if (queued.accepted || queued.item.group !== group.number || what.case !== 'content') continue
    if (clientSequence < rejected.item.clientSequence) continue
    const value = await sealContent(parts, tx, group, what.value)
    parts.outbox.replace(tx, queued, { case: 'content', value })
  }
}
