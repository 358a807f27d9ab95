// A line of a history as a person sees it.

import { MessageKind, MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { textIn } from '../../protocol/conversation/text-statement.js'
import { dateOf } from '../../protocol/time.js'
import type { WithNames } from '../codes/with-names.js'
import type { HistoryEntry, MessageId, MessageState, Said } from '../events.js'
import { type AccountKey, isKey, messageNumber } from '../ids.js'
import type { RecordOf } from '../vault/records.js'
import { systemMessageOf, unreadableOf } from '../vault/said.js'

export type Message = RecordOf<'messages'>

export const STATES: Record<MessageStatus, MessageState> = {
  [MessageStatus.UNSPECIFIED]: 'received',
  [MessageStatus.WAITING]: 'waiting',
  [MessageStatus.STORED]: 'stored',
  [MessageStatus.DELIVERED]: 'delivered',
  [MessageStatus.FAILED]: 'failed',
  [MessageStatus.RECEIVED]: 'received',
}

/** How people are called. */
export interface Names {
  /** `claimed`: a handle for somebody who was never met. */
  nameOf(accountKey: AccountKey, claimed?: string): string
  /** Their handle may be somebody else's. */
  isClaim(accountKey: AccountKey): boolean
  /** The same, with people's names in the places of their keys. */
  named<T extends object>(said: T): WithNames<T>
}

/** The written text: its writer's device signed it, or it is to be sealed still, or somebody tells it. */
export const textOf = ({ statement, text }: Pick<Message, 'statement' | 'text'>): string =>
  statement.length > 0 ? textIn(statement) : text

/** `peer`: what the conversation is called. */
export function entryOf(
  id: MessageId,
  message: Message,
  { peer, names }: { peer: string; names: Names },
): HistoryEntry {
  const { fromAccount, fromHandle } = message
  const hasAuthor = isKey(fromAccount)
  return {
    id,
    ...saidIn(message, names),
    peer,
    from: hasAuthor ? names.nameOf(fromAccount, fromHandle) : '',
    own: message.own,
    text: textOf(message),
    sentAt: dateOf(message.sentAtMs),
    state: STATES[message.status],
    sequence: message.sequence,
    ...(hasAuthor && names.isClaim(fromAccount) ? { otherKey: true as const } : {}),
    ...(isKey(message.toldBy) ? { hearsay: names.nameOf(message.toldBy) } : {}),
  }
}

/** The sort of the line, and what it says where nobody wrote it. */
function saidIn({ kind, unreadable, system }: Message, { named }: Pick<Names, 'named'>): Said {
  if (kind === MessageKind.UNREADABLE) return { kind: 'unreadable', cause: named(unreadableOf(unreadable)) }
  if (kind === MessageKind.GAP) return { kind: 'gap', cause: named(unreadableOf(unreadable)) }
  if (kind === MessageKind.EVENT) return { kind: 'event', system: named(systemMessageOf(system)) }
  return { kind: 'text' }
}

/** The lines that nobody wrote: all others are of a type of content. */
const NOBODYS: ReadonlySet<MessageKind> = new Set([
  MessageKind.UNREADABLE,
  MessageKind.GAP,
  MessageKind.EVENT,
])

export const isWritten = ({ kind }: Pick<Message, 'kind'>): boolean => !NOBODYS.has(kind)

/** Numbers from here on are of messages that came by themselves, those below of what was handed over. */
export const FIRST_MESSAGE = messageNumber(2n ** 32n)

/** By the server's order; what has no place in it yet comes last. */
export function byPlace(a: HistoryEntry, b: HistoryEntry): number {
  if (a.sequence === b.sequence) return 0
  if (a.sequence === 0n || b.sequence === 0n) return a.sequence === 0n ? 1 : -1
  return a.sequence < b.sequence ? -1 : 1
}
