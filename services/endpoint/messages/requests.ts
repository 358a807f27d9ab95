// Strangers ask first. Somebody whom nobody has let in, and nobody has written to first, may open a conversation with this
// account or take it into a room: it is a request until a person decides. Nothing goes out to them before, so they do not
// learn whether anybody is there.

import { create, toBinary } from '@bufbuild/protobuf'
import { RosterLeaveSchema } from '../../../gen/parley/v1/chat_pb.js'
import { OutboxLeaveSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { sameKey } from '../../protocol/keys.js'
import { makeLeave } from '../../protocol/log/roster-leave.js'
import { Refusal } from '../codes/refusal.js'
import { crypto } from '../crypto.js'
import type { HistoryEntry } from '../events.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { transition } from '../groups/transition.js'
import type { AccountKey, ConversationNumber } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import type { MessageParts } from './sealing/parts.js'

/** Requests that wait at most; further ones are dropped. */
export const REQUESTS = 32

/** They wait for a person, or are let in at once. */
export type RequestPolicy = 'accept' | 'hold'

/** A request, for a person to see. */
export interface RequestView {
  /** As the conversation would be called. */
  peer: string
  /** As whoever asks is shown. */
  from: string
  conversation: ConversationNumber
  /** All that they have said in it so far. */
  lines: HistoryEntry[]
}

type RequestParts = Pick<MessageParts, 'contacts' | 'conversations'>

export function viewRequests({ contacts, conversations }: RequestParts): RequestView[] {
  return conversations.requests().flatMap(({ number, peer }) => {
    const by = conversations.askedBy(number)
    if (!by) return []
    return [{ peer, from: contacts.nameOf(by), conversation: number, lines: conversations.history(number) }]
  })
}

/** Whether what this account opens is a request. One whom nobody asks for is let in here, where a person wants it so. */
export function isRequest(
  parts: Pick<MessageParts, 'contacts' | 'requests'>,
  tx: Transaction,
  by: AccountKey,
): boolean {
  if (parts.contacts.isAdmitted(by)) return false
  if (parts.requests === 'hold') return true
  parts.contacts.admit(tx, by)
  return false
}

/** False: there are too many, or they have asked too often. */
export const mayAsk = ({ contacts, conversations }: RequestParts, tx: Transaction, by: AccountKey): boolean =>
  conversations.requests().length < REQUESTS && contacts.ask(tx, by)

/** A person lets them in: all that they have asked for is there, and they hear of this account. */
export function admit(
  parts: MessageParts,
  tx: Transaction,
  accountKey: AccountKey,
  { isToTell = true }: { isToTell?: boolean } = {},
): void {
  parts.contacts.admit(tx, accountKey, isToTell)
  for (const { number } of askedFor(parts, accountKey)) {
    parts.conversations.admit(tx, number)
    for (const group of parts.groups.of(number)) transition(parts, tx, group, { input: 'admitted' })
    const peer = parts.conversations.peer(number)
    tx.tell({ type: 'conversation', peer, conversation: number, state: 'ready' })
  }
}

/** Nothing of what they have asked for is kept, and this device leaves the roster of all of it. */
export function decline(parts: MessageParts, tx: Transaction, accountKey: AccountKey): void {
  for (const { number } of askedFor(parts, accountKey)) {
    parts.conversations.decline(tx, number)
    for (const group of parts.groups.of(number)) leaveRoster(parts, tx, group)
  }
}

const askedFor = ({ conversations }: Pick<MessageParts, 'conversations'>, accountKey: AccountKey) =>
  conversations.requests().filter(({ number }) => {
    const by = conversations.askedBy(number)
    return by !== undefined && sameKey(by, accountKey)
  })

function leaveRoster(parts: MessageParts, tx: Transaction, group: LiveGroup): void {
  if (group.phase.name !== 'requested') return
  transition(parts, tx, group, { input: 'declined' })
  const { conversationId, joinedEpoch: epoch } = group.record
  const leave = makeLeave(crypto, { conversationId, epoch, device: parts.account.device })
  const value = create(OutboxLeaveSchema, { leave: toBinary(RosterLeaveSchema, leave) })
  parts.outbox.add(tx, group.number, { case: 'leave', value })
}

/** The account whose request goes by this name: its own, or the conversation's. Throws Refusal. */
export function askerOf(parts: RequestParts, name: string): AccountKey {
  const request = viewRequests(parts).find(({ from, peer }) => from === name || peer === name)
  const by = request && parts.conversations.askedBy(request.conversation)
  if (!by) throw new Refusal({ code: 'no-request', handle: name })
  return by
}
