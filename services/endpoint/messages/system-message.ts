// A line of the history that nobody wrote: somebody came, left, or changed the room.

import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { MessageKind, MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { isMissing } from '../codes/unreadable.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { type ConversationNumber, NO_KEY, type Placed } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import {
  type KnownSystemMessage,
  type KnownUnreadable,
  systemRecord,
  unreadableRecord,
} from '../vault/said.js'
import type { MessageParts } from './sealing/parts.js'

/** Where in the order it happened, and when. */
export type PlaceInOrder = Pick<Placed<Envelope>, 'sequence' | 'storedAtMs'>

export function appendSystemMessage(
  parts: Pick<MessageParts, 'conversations'>,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
  said: KnownSystemMessage,
): void {
  const { conversation } = group.record
  if (parts.conversations.isFull(conversation)) return
  parts.conversations.append(tx, conversation, {
    kind: MessageKind.EVENT,
    system: systemRecord(said),
    sentAtMs: place.storedAtMs,
    status: MessageStatus.RECEIVED,
    sequence: place.sequence,
  })
}

/** A line for something that cannot be read, or is missing. */
export function appendUnreadable(
  parts: Pick<MessageParts, 'contacts' | 'conversations'>,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
  why: KnownUnreadable,
): void {
  const { conversation } = group.record
  if (!can(group.phase, 'show') || isBlocked(parts, conversation)) return
  if (parts.conversations.isFull(conversation)) return
  parts.conversations.append(tx, conversation, {
    kind: isMissing(why) ? MessageKind.GAP : MessageKind.UNREADABLE,
    fromAccount: 'from' in why ? why.from : NO_KEY,
    unreadable: unreadableRecord(why),
    sentAtMs: place.storedAtMs,
    status: MessageStatus.RECEIVED,
    sequence: place.sequence,
  })
}

/** It is with one person, of whom nothing is shown. */
export function isBlocked(
  { contacts, conversations }: Pick<MessageParts, 'contacts' | 'conversations'>,
  conversation: ConversationNumber,
): boolean {
  const peer = conversations.with(conversation)
  return peer !== undefined && 'accountKey' in peer && contacts.isBlocked(peer.accountKey)
}
