// A line of the history that nobody wrote: somebody came, left, or changed the room.

import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { MessageKind, MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import type { SystemMessage } from '../codes/system-message.js'
import { isMissing, type Unreadable } from '../codes/unreadable.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { Placed } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { type Known, systemRecord, unreadableRecord } from '../vault/said.js'
import type { MessageParts } from './sealing/parts.js'

/** Where in the order it happened, and when. */
export type PlaceInOrder = Pick<Placed<Envelope>, 'sequence' | 'storedAtMs'>

export function appendSystemMessage(
  parts: Pick<MessageParts, 'conversations'>,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
  said: Known<SystemMessage>,
): void {
  parts.conversations.append(tx, group.record.conversation, {
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
  why: Known<Unreadable>,
): void {
  const { conversation } = group.record
  if (!can(group.phase, 'show') || parts.contacts.isBlocked(parts.conversations.peer(conversation))) return
  parts.conversations.append(tx, conversation, {
    kind: isMissing(why) ? MessageKind.GAP : MessageKind.UNREADABLE,
    fromHandle: 'from' in why ? why.from : '',
    unreadable: unreadableRecord(why),
    sentAtMs: place.storedAtMs,
    status: MessageStatus.RECEIVED,
    sequence: place.sequence,
  })
}
