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
import type { SendFailure } from '../codes/send-failure.js'
import type { HistoryEntry, MessageId, MessageState, Said } from '../events.js'
import type { Clock } from '../ports.js'
import { at, type Batch, type Reader } from '../vault/records.js'
import { failureRecord, systemMessageOf, unreadableOf } from '../vault/said.js'
import type { Range } from '../vault/vault.js'

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
  /** The same, for what was said earlier: a new one needs no group until somebody writes in it. */
  openForHistory(batch: Batch, handle: string): bigint
  isFromHistory(number: bigint): boolean
  /** The one of this account's devices. A person does not see it. */
  openOwnDevices(batch: Batch): bigint
  /** A new one for a room, whatever others are called. */
  openRoom(batch: Batch, name: string): bigint
  rename(batch: Batch, conversation: bigint, name: string): void
  append(batch: Batch, conversation: bigint, message: MessageInitShape<typeof MessageSchema>): HistoryEntry
  /** Puts a message that was handed over before those that came by themselves. False: it is here already. */
  file(batch: Batch, conversation: bigint, message: MessageInitShape<typeof MessageSchema>): boolean
  /** Counts lines that were handed over. Returns how many they are by now; with `last` the next count begins at 0. */
  countHanded(batch: Batch, conversation: bigint, lines: number, last: boolean): number
  /** Changes a message's status, and its place in the server's order where it is given one. */
  update(
    batch: Batch,
    id: MessageId,
    change: { status: MessageStatus; sequence?: bigint; failure?: SendFailure },
  ): void
  message(id: MessageId): Message | undefined
  /** In the order of arrival, what was handed over at its place in that; the last `limit` where that is given. */
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
/** What sort of line it is, and what it says where nobody wrote it. */
function saidIn({ kind, unreadable, system }: Message): Said {
  if (kind === MessageKind.UNREADABLE) return { kind: 'unreadable', cause: unreadableOf(unreadable) }
  if (kind === MessageKind.GAP) return { kind: 'gap', cause: unreadableOf(unreadable) }
  if (kind === MessageKind.EVENT) return { kind: 'event', system: systemMessageOf(system) }
  return { kind: 'text' }
}

const KIND_OF: Record<ConversationKind, Kind> = {
  [ConversationKind.UNSPECIFIED]: 'direct',
  [ConversationKind.DIRECT]: 'direct',
  [ConversationKind.ROOM]: 'room',
  [ConversationKind.OWN_DEVICES]: 'own-devices',
}
const OWN_DEVICES = 'your devices'
/** Numbers from here on are of messages that came by themselves, those below of what was handed over. */
const FIRST_MESSAGE = 2n ** 32n

/** By the server's order; what has no place in it yet comes last. */
function byPlace(a: HistoryEntry, b: HistoryEntry): number {
  if (a.sequence === b.sequence) return 0
  if (a.sequence === 0n || b.sequence === 0n) return a.sequence === 0n ? 1 : -1
  return a.sequence < b.sequence ? -1 : 1
}

/** The same for one message on all devices that have it: who sent it, and its place in the server's order. */
const nameOf = ({ fromDevice, sequence }: Pick<Message, 'fromDevice' | 'sequence'>): string =>
  `${sequence} ${Buffer.from(fromDevice).toString('base64')}`

/** "#name"; of rooms that are called alike, the later ones have their number behind it. */
function roomTitle(known: ReadonlyMap<bigint, Conversation>, number: bigint, name: string): string {
  const alike = [...known].filter(([, each]) => each.kind === ConversationKind.ROOM && each.roomName === name)
  return alike[0]?.[0] === number ? `#${name}` : `#${name}~${number}`
}

export function openConversations(records: Reader, clock: Pick<Clock, 'now'>): Conversations {
  const known = new Map<bigint, Conversation>()
  let nextMessage = FIRST_MESSAGE
  let nextEarlier = 1n
  /** Of conversations that are being handed over: the names of the messages that are here. */
  const filing = new Map<bigint, Set<string>>()
  /** The names of messages that are not saved yet. */
  const unsaved = new Map<bigint, Set<string>>()
  const reload = () => {
    known.clear()
    filing.clear()
    unsaved.clear()
    for (const { key, record } of records.list('conversations')) {
      known.set(key.id, record)
      const lastBefore = (before?: bigint) =>
        records.list('messages', {
          group: key.id,
          reverse: true,
          limit: 1,
          ...(before === undefined ? {} : { before }),
        })[0]?.key.id ?? 0n
      const [last, lastEarlier] = [lastBefore(), lastBefore(FIRST_MESSAGE)]
      if (last >= nextMessage) nextMessage = last + 1n
      if (lastEarlier >= nextEarlier) nextEarlier = lastEarlier + 1n
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
    const made = create(ConversationSchema, { ...init, createdAtMs: BigInt(clock.now()) })
    known.set(number, made)
    batch.put('conversations', at(number), made)
    if (kind(number) !== 'own-devices')
      batch.tell({ type: 'conversation', peer: peer(number), conversation: number, state: 'opened' })
    return number
  }
  const entry = (id: MessageId, message: Message): HistoryEntry => ({
    id,
    ...saidIn(message),
    peer: peer(id.conversation),
    from: message.fromHandle,
    own: message.own,
    text: message.text,
    sentAt: new Date(Number(message.sentAtMs)),
    state: STATES[message.status],
    sequence: message.sequence,
    ...(message.otherKey ? { otherKey: true as const } : {}),
  })
  const keyOf = (id: MessageId) => ({ group: id.conversation, id: id.message })
  const message = (id: MessageId) => records.get('messages', keyOf(id))
  const namesIn = (conversation: bigint): Set<string> => {
    const names =
      filing.get(conversation) ??
      new Set(records.list('messages', { group: conversation }).map(({ record }) => nameOf(record)))
    for (const name of unsaved.get(conversation) ?? []) names.add(name)
    filing.set(conversation, names)
    return names
  }
  const noteName = (batch: Batch, conversation: bigint, message: Message) => {
    filing.get(conversation)?.add(nameOf(message))
    const names = unsaved.get(conversation) ?? new Set()
    if (names.size === 0) batch.after(() => unsaved.delete(conversation))
    unsaved.set(conversation, names.add(nameOf(message)))
  }
  const listed = (conversation: bigint, range: Omit<Range, 'group'>) =>
    records
      .list('messages', { group: conversation, ...range })
      .map(({ key, record }) => entry({ conversation, message: key.id }, record))

  return {
    all: () => [...known.keys()].map(number => ({ number, kind: kind(number), peer: peer(number) })),
    peer,
    kind,
    withPeer,
    open: (batch, handle) =>
      withPeer(handle) ?? add(batch, { peerHandle: handle, kind: ConversationKind.DIRECT }),
    openForHistory: (batch, handle) =>
      withPeer(handle) ??
      add(batch, { peerHandle: handle, kind: ConversationKind.DIRECT, fromHistory: true }),
    isFromHistory: number => known.get(number)?.fromHistory === true,
    openOwnDevices: batch =>
      [...known.keys()].find(number => kind(number) === 'own-devices') ??
      add(batch, { kind: ConversationKind.OWN_DEVICES }),
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
      noteName(batch, conversation, made)
      const shown = entry(id, made)
      batch.tell({ type: 'message', entry: shown })
      return shown
    },
    file(batch, conversation, init) {
      const made = create(MessageSchema, init)
      const names = namesIn(conversation)
      if (names.has(nameOf(made))) return false
      names.add(nameOf(made))
      batch.put('messages', { group: conversation, id: nextEarlier++ }, made)
      return true
    },
    countHanded(batch, number, lines, last) {
      const conversation = known.get(number)
      if (!conversation) return 0
      const handed = conversation.handedLines + lines
      conversation.handedLines = last ? 0 : handed
      // Until then what was filed is not yet where the names are read from.
      if (last) batch.after(() => filing.delete(number))
      batch.put('conversations', at(number), conversation)
      return handed
    },
    update(batch, id, change) {
      const known = batch.get('messages', keyOf(id))
      if (!known) return
      // A receipt may overtake the echo: a message never goes back from delivered to stored.
      const advanced = known.status !== MessageStatus.DELIVERED && known.status !== change.status
      if (advanced) known.status = change.status
      if (change.sequence !== undefined) known.sequence = change.sequence
      if (change.failure !== undefined) known.failure = failureRecord(change.failure)
      batch.put('messages', keyOf(id), known)
      noteName(batch, id.conversation, known)
      if (!advanced) return
      const { failure } = change
      const state = STATES[known.status]
      batch.tell({
        type: 'state',
        id,
        peer: peer(id.conversation),
        state,
        sequence: known.sequence,
        ...(failure ? { failure } : {}),
      })
    },
    message,
    history(conversation, limit) {
      const last = limit === undefined ? {} : { reverse: true, limit }
      const handed = listed(conversation, { ...last, before: FIRST_MESSAGE })
      const came = listed(conversation, { ...last, after: FIRST_MESSAGE - 1n })
      if (limit !== undefined) came.reverse()
      return handed.length === 0 ? came : [...handed, ...came].sort(byPlace).slice(-(limit ?? 0))
    },
    reload,
  }
}
