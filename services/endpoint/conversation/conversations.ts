// What a person sees as conversations, and their histories.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type Conversation,
  ConversationKind,
  ConversationSchema,
  type Message,
  MessageKind,
  MessageSchema,
  MessageStatus,
} from '../../../gen/parley/vault/v1/records_pb.js'
import type { HistoryEntry, MessageId, MessageState } from '../events.js'
import { at, type Batch, type Records } from '../records.js'

export type Kind = 'direct' | 'room' | 'own-devices'

export interface KnownConversation {
  number: bigint
  kind: Kind
  /** The other person's handle, a room's name behind "#", or "your devices": what a person calls it by. */
  peer: string
}

export interface Conversations {
  all(): KnownConversation[]
  peer(number: bigint): string
  kind(number: bigint): Kind
  /** The one with a person. */
  withPeer(handle: string): bigint | undefined
  /** The conversation with this handle, made now if there is none. */
  open(batch: Batch, handle: string): bigint
  /** A new one for a room, whatever others are called. */
  openRoom(batch: Batch, name: string): bigint
  rename(batch: Batch, conversation: bigint, name: string): void
  append(batch: Batch, conversation: bigint, message: MessageInitShape<typeof MessageSchema>): HistoryEntry
  /** Changes a message's status, and its place in the server's order where it is given one. */
  update(
    batch: Batch,
    id: MessageId,
    change: { status: MessageStatus; sequence?: bigint; failure?: string },
  ): void
  message(id: MessageId): Message | undefined
  /** In the order of arrival; the last `limit` where that is given. */
  history(conversation: bigint, limit?: number): HistoryEntry[]
  reload(): void
}

const STATES: Record<MessageStatus, MessageState> = {
  [MessageStatus.UNSPECIFIED]: 'received',
  [MessageStatus.WAITING]: 'waiting',
  [MessageStatus.STORED]: 'stored',
  [MessageStatus.DELIVERED]: 'delivered',
  [MessageStatus.FAILED]: 'failed',
  [MessageStatus.RECEIVED]: 'received',
}
const KINDS = {
  [MessageKind.UNSPECIFIED]: 'text',
  [MessageKind.TEXT]: 'text',
  [MessageKind.UNREADABLE]: 'unreadable',
  [MessageKind.GAP]: 'gap',
  [MessageKind.EVENT]: 'event',
} as const

const KIND_OF: Record<ConversationKind, Kind> = {
  [ConversationKind.UNSPECIFIED]: 'direct',
  [ConversationKind.DIRECT]: 'direct',
  [ConversationKind.ROOM]: 'room',
  [ConversationKind.OWN_DEVICES]: 'own-devices',
}
const OWN_DEVICES = 'your devices'

/** "#name"; of rooms that are called alike, the later ones have their number behind it. */
function roomTitle(known: ReadonlyMap<bigint, Conversation>, number: bigint, name: string): string {
  const alike = [...known].filter(([, each]) => each.kind === ConversationKind.ROOM && each.roomName === name)
  return alike[0]?.[0] === number ? `#${name}` : `#${name}~${number}`
}

export function openConversations(records: Records): Conversations {
  const known = new Map<bigint, Conversation>()
  let nextMessage = 1n
  const reload = () => {
    known.clear()
    for (const { key, record } of records.list('conversations')) {
      known.set(key.id, record)
      const last = records.list('messages', { group: key.id, reverse: true, limit: 1 })[0]
      if (last && last.key.id >= nextMessage) nextMessage = last.key.id + 1n
    }
  }
  reload()

  const kind = (number: bigint): Kind => KIND_OF[known.get(number)?.kind ?? ConversationKind.DIRECT]
  const peer = (number: bigint): string => {
    const conversation = known.get(number)
    if (conversation?.kind === ConversationKind.ROOM) return roomTitle(known, number, conversation.roomName)
    return conversation?.kind === ConversationKind.OWN_DEVICES
      ? OWN_DEVICES
      : (conversation?.peerHandle ?? '?')
  }
  const withPeer = (handle: string) =>
    [...known].find(([number, { peerHandle }]) => kind(number) === 'direct' && peerHandle === handle)?.[0]
  const add = (batch: Batch, init: MessageInitShape<typeof ConversationSchema>) => {
    const number = [...known.keys()].reduce((top, taken) => (taken > top ? taken : top), 0n) + 1n
    const made = create(ConversationSchema, { ...init, createdAtMs: BigInt(Date.now()) })
    known.set(number, made)
    batch.put('conversations', at(number), made)
    batch.tell({ type: 'conversation', peer: peer(number), conversation: number, state: 'opened' })
    return number
  }
  const entry = (id: MessageId, message: Message): HistoryEntry => ({
    id,
    kind: KINDS[message.kind],
    peer: peer(id.conversation),
    from: message.fromHandle,
    own: message.own,
    text: message.failure && message.kind !== MessageKind.TEXT ? message.failure : message.text,
    sentAt: new Date(Number(message.sentAtMs)),
    state: STATES[message.status],
    sequence: message.sequence,
    ...(message.remedy ? { remedy: message.remedy } : {}),
    ...(message.otherKey ? { otherKey: true as const } : {}),
  })
  const keyOf = (id: MessageId) => ({ group: id.conversation, id: id.message })
  const message = (id: MessageId) => records.get('messages', keyOf(id))

  return {
    all: () => [...known.keys()].map(number => ({ number, kind: kind(number), peer: peer(number) })),
    peer,
    kind,
    withPeer,
    open: (batch, handle) =>
      withPeer(handle) ?? add(batch, { peerHandle: handle, kind: ConversationKind.DIRECT }),
    openRoom: (batch, name) => add(batch, { roomName: name, kind: ConversationKind.ROOM }),
    rename(batch, number, name) {
      const conversation = known.get(number)
      if (!conversation) return
      conversation.roomName = name
      batch.put('conversations', at(number), conversation)
    },
    append(batch, conversation, init) {
      const id = { conversation, message: nextMessage++ }
      const made = create(MessageSchema, init)
      batch.put('messages', keyOf(id), made)
      const shown = entry(id, made)
      batch.tell({ type: 'message', entry: shown })
      return shown
    },
    update(batch, id, change) {
      const known = batch.get('messages', keyOf(id))
      if (!known) return
      // A receipt may overtake the echo: a message never goes back from delivered to stored.
      const advanced = known.status !== MessageStatus.DELIVERED && known.status !== change.status
      if (advanced) known.status = change.status
      if (change.sequence !== undefined) known.sequence = change.sequence
      if (change.failure !== undefined) known.failure = change.failure
      batch.put('messages', keyOf(id), known)
      if (!advanced) return
      const cause = change.failure
      const state = STATES[known.status]
      batch.tell({
        type: 'state',
        id,
        peer: peer(id.conversation),
        state,
        sequence: known.sequence,
        ...(cause ? { cause } : {}),
      })
    },
    message,
    history(conversation, limit) {
      const range =
        limit === undefined ? { group: conversation } : { group: conversation, reverse: true, limit }
      const listed = records
        .list('messages', range)
        .map(({ key, record }) => entry({ conversation, message: key.id }, record))
      return limit === undefined ? listed : listed.reverse()
    },
    reload,
  }
}
