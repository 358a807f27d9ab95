// Sealing: what is said is numbered and sealed in the group's present epoch, and saved before it is sent.

import { MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { pad } from '../../../protocol/content/padding.js'
import { sealingGroup } from '../../../protocol/conversation/held-group.js'
import { sameKey } from '../../../protocol/keys.js'
import { crypto } from '../../crypto.js'
import type { MessageId } from '../../events.js'
import { isNews, wrongLeaf } from '../../groups/known-devices.js'
import { needsFreshKeys } from '../../groups/state/fresh-keys.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Held } from '../../groups/state/held.js'
import { isUnheard } from '../../groups/welcome.js'
import { type ConversationNumber, type Count, countOf, type MessageNumber, messageNumber } from '../../ids.js'
import { wipe } from '../../mls/engine.js'
import type { Transaction } from '../../vault/records.js'
import { presentTag } from '../fork-detection.js'
import { encodeContent } from './format.js'
import { hold } from './held.js'
import type { BodyInit, Line, LineType } from './line-types.js'
import type { Queued, SealedContent } from './outbox.js'
import type { MessageParts } from './parts.js'
import { withPeerList } from './peer-list.js'
import { waitNoMore } from './unsent.js'

type SilenceParts = Pick<MessageParts, 'account' | 'contacts' | 'conversations' | 'lists'>

/**
 * Nothing is said in it for now: it is with somebody who is blocked, or whose changed key is not accepted; or somebody
 * is in it who is not of its conversation, or a device that is not in use by all that is known here; or it does not know
 * of all of this account's devices yet.
 */
export const isSilent = (parts: SilenceParts, group: LiveGroup): boolean =>
  isStopped(parts, group.record.conversation) || !isTheirs(parts, group) || !isRight(parts, group.held)

/** A conversation with one person goes out to the two of them and to nobody else. */
function isTheirs(
  { account, conversations }: Pick<SilenceParts, 'account' | 'conversations'>,
  { held, record }: LiveGroup,
): boolean {
  const kind = conversations.kind(record.conversation)
  if (kind === 'room') return true
  const others = held.state.members.filter(
    ({ accountKey }) => !sameKey(accountKey, account.account.publicKey),
  )
  if (kind === 'own-devices') return others.length === 0
  const peer = conversations.with(record.conversation)
  return (
    peer !== undefined &&
    'accountKey' in peer &&
    others.every(other => sameKey(other.accountKey, peer.accountKey))
  )
}

/** Asked with every line, and the same until a list comes or the group has another epoch. */
const found = new WeakMap<Held, { at: number; isRight: boolean }>()

function isRight({ account, lists }: Pick<SilenceParts, 'account' | 'lists'>, held: Held): boolean {
  const known = found.get(held)
  if (known?.at === lists.changes) return known.isRight
  const isRight = !isNews(lists, held, account.account.publicKey) && wrongLeaf(lists, held) === undefined
  found.set(held, { at: lists.changes, isRight })
  return isRight
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

/**
 * The group that a conversation's lines go out in: of several, the same one for everybody. It is none where
 * nobody is heard yet but the one who has led this device there: that one alone could hear them.
 */
export function sendingGroup(
  parts: SilenceParts & Pick<MessageParts, 'groups'>,
  conversation: ConversationNumber,
): LiveGroup | undefined {
  const groups = parts.groups.of(conversation).filter(each => can(each.phase, 'send') && !isUnheard(each))
  const group = sealingGroup(
    crypto,
    groups.map(live => ({ live, groupId: live.record.conversationId, incarnation: live.record.incarnation })),
  )?.live
  return group && !isSilent(parts, group) ? group : undefined
}

/** The groups of this account's own devices that are in use: one, or more where several were made at once. */
export function ownDeviceGroups(
  parts: Pick<MessageParts, 'account' | 'conversations' | 'groups' | 'lists'>,
): LiveGroup[] {
  const conversation = parts.conversations.ownDevices()
  if (conversation === undefined) return []
  return parts.groups
    .of(conversation)
    .filter(group => can(group.phase, 'tell-devices') && isTheirs(parts, group) && isRight(parts, group.held))
}

/** Seals what a person has written, if it still waits; where fresh keys are needed, it goes on waiting. */
export async function sealLine(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'conversations' | 'engine' | 'groups' | 'lines' | 'lists' | 'outbox'
  >,
  tx: Transaction,
  group: LiveGroup,
  id: MessageId,
): Promise<void> {
  if (needsFreshKeys(group)) return
  waitNoMore(tx, id)
  const waiting = parts.conversations.message(id)
  const type = waiting && parts.lines.of(waiting)
  if (!type || waiting.status === MessageStatus.FAILED) return
  const message = type.sign ? withSignature(parts, tx, { group, id, line: waiting, type }) : waiting
  const place = { group: group.number, id: group.record.nextCount }
  tx.put('undelivered', place, { message: id.message })
  if (type.saidAgain) tx.put('sent', place, { message: id.message })
  await sealBody(parts, tx, group, type.body(message), { sentAtMs: message.sentAtMs, message: id.message })
}

/** The line with what this device signs of it for the place where it is sealed next, as it is kept from here on. */
function withSignature(
  { account, conversations }: Pick<MessageParts, 'account' | 'conversations'>,
  tx: Transaction,
  { group, id, line, type }: { group: LiveGroup; id: MessageId; line: Line; type: LineType },
): Line {
  const { conversationId: groupId, nextCount: count, joinedEpoch } = group.record
  const place = { conversationId: group.held.state.id, groupId, count, joinedEpoch }
  const writer = { accountKey: account.account.publicKey, device: account.device }
  const signed = type.sign?.(line, place, writer)
  if (!signed) return line
  conversations.noteSigned(tx, id, signed)
  const { statement, signature } = signed
  return { ...line, statement, signature, text: '' }
}

const NO_MESSAGE = messageNumber(0n)
const NO_COUNT = countOf(0n)

/** Seals the next content of this device, or holds it until there are fresh keys. `message`: of whose history it is, 0n where it is none. */
export async function sealBody(
  parts: Pick<MessageParts, 'account' | 'clock' | 'engine' | 'groups' | 'lists' | 'outbox'>,
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

/** Seals the content in the group's present epoch, with what is known there then; the ratchet's new state goes into the same transaction. */
async function sealContent(
  parts: Pick<MessageParts, 'account' | 'engine' | 'groups' | 'lists'>,
  tx: Transaction,
  group: LiveGroup,
  { content, message }: Pick<SealedContent, 'content' | 'message'>,
): Promise<SealedContent> {
  const { engine, groups } = parts
  const { state, ciphertext, changed, spent } = await engine.seal(
    group.state,
    pad(withPeerList(parts, group, content)),
  )
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
  parts: Pick<MessageParts, 'account' | 'engine' | 'groups' | 'lists' | 'outbox'>,
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
