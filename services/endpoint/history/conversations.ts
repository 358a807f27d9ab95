// The conversations as a person sees them, and their histories.

import { ConversationKind, MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { OWN_DEVICES } from '../codes/notice.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { HistoryEntry, MessageId } from '../events.js'
import { type ConversationNumber, type MessageNumber, messageNumber, type Sequence } from '../ids.js'
import type { Clock } from '../ports.js'
import {
  at,
  inUnit,
  nextId,
  type RangeOf,
  type Reader,
  type RecordInit,
  type RecordOf,
  recordOf,
  type Transaction,
} from '../vault/records.js'
import { failureRecord } from '../vault/said.js'
import { byPlace, entryOf, isWritten, type Message, STATES } from './entry.js'
import type { FiledNames } from './filed-names.js'
import type { Recents } from './recents.js'

export type Kind = 'direct' | 'room' | 'own-devices'

export interface KnownConversation {
  number: ConversationNumber
  kind: Kind
  /** The other person's handle, a room's name behind "#", or OWN_DEVICES. */
  peer: string
}

const KIND_OF: Record<ConversationKind, Kind> = {
  [ConversationKind.UNSPECIFIED]: 'direct',
  [ConversationKind.DIRECT]: 'direct',
  [ConversationKind.ROOM]: 'room',
  [ConversationKind.OWN_DEVICES]: 'own-devices',
}
/** Numbers from here on are of messages that came by themselves, those below of what was handed over. */
const FIRST_MESSAGE = messageNumber(2n ** 32n)
const FIRST_HANDED = messageNumber(1n)
const ONLY = at(0n)

type Conversation = RecordOf<'conversations'>
const keyOf = (id: MessageId) => ({ group: id.conversation, id: id.message })

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Conversations {
  constructor(
    private readonly reader: Reader,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly parts: { filed: FiledNames; recents: Recents },
  ) {}

  /** Every one: for what a person asks for, and what happens rarely. */
  all(): KnownConversation[] {
    return this.reader.keys('conversations').flatMap(({ id }) => this.get(id) ?? [])
  }

  get(number: ConversationNumber): KnownConversation | undefined {
    return this.#get(number) && { number, kind: this.kind(number), peer: this.peer(number) }
  }

  /** The name that a person calls it by. */
  peer(number: ConversationNumber): string {
    const conversation = this.#get(number)
    if (!conversation) return '?'
    if (conversation.kind === ConversationKind.ROOM) return this.#roomTitle(number, conversation.roomName)
    return conversation.kind === ConversationKind.OWN_DEVICES ? OWN_DEVICES : conversation.peerHandle
  }

  kind(number: ConversationNumber): Kind {
    return KIND_OF[this.#get(number)?.kind ?? ConversationKind.DIRECT]
  }

  /** The one with a person. */
  withPeer(handle: string): ConversationNumber | undefined {
    return this.reader.linked('direct', handle, 1)[0]
  }

  /** The one of this account's devices. A person does not see it. */
  ownDevices(): ConversationNumber | undefined {
    return this.reader.linked('conversations', 'own-devices', 1)[0]
  }

  /** Those with a person that have no group: it is to be made. */
  unopened(): ConversationNumber[] {
    return this.reader.linked('conversations', 'unopened')
  }

  /** The conversation with this handle, made now if there is none. */
  open(tx: Transaction, handle: string): ConversationNumber {
    return this.withPeer(handle) ?? this.#add(tx, { peerHandle: handle, kind: ConversationKind.DIRECT })
  }

  /** The same, for what was said earlier: a new one needs no group until somebody writes in it. */
  openForHistory(tx: Transaction, handle: string): ConversationNumber {
    const made = { peerHandle: handle, kind: ConversationKind.DIRECT, fromHistory: true }
    return this.withPeer(handle) ?? this.#add(tx, made)
  }

  isFromHistory(number: ConversationNumber): boolean {
    return this.#get(number)?.fromHistory === true
  }

  openOwnDevices(tx: Transaction): ConversationNumber {
    return this.ownDevices() ?? this.#add(tx, { kind: ConversationKind.OWN_DEVICES })
  }

  /** A new one for a room, whatever others are called. */
  openRoom(tx: Transaction, name: string): ConversationNumber {
    return this.#add(tx, { roomName: name, kind: ConversationKind.ROOM })
  }

  rename(tx: Transaction, number: ConversationNumber, name: string): void {
    const conversation = this.#get(number)
    if (!conversation) return
    tx.unlink('room', conversation.roomName, number)
    tx.link('room', name, number)
    this.#put(tx, number, { ...conversation, roomName: name })
  }

  append(tx: Transaction, conversation: ConversationNumber, message: RecordInit<'messages'>): HistoryEntry {
    const id = { conversation, message: this.#nextNumber(tx, 'message', FIRST_MESSAGE) }
    const made = tx.put('messages', keyOf(id), message)
    this.parts.filed.note(tx, conversation, made)
    if (isWritten(made)) this.#used(tx, conversation, made)
    const entry = entryOf(id, made, this.peer(conversation))
    tx.tell({ type: 'message', entry })
    return entry
  }

  /** Puts a message that was handed over before those that came by themselves. False: it is here already. */
  file(
    tx: Transaction,
    conversation: ConversationNumber,
    message: RecordInit<'messages'> & Pick<Message, 'fromDevice' | 'sequence' | 'sentAtMs'>,
  ): boolean {
    if (this.parts.filed.has(tx, conversation, message)) return false
    this.parts.filed.add(tx, conversation, message)
    const id = this.#nextNumber(tx, 'handedMessage', FIRST_HANDED)
    tx.put('messages', { group: conversation, id }, message)
    return true
  }

  /** Counts lines that were handed over. Returns how many they are by now; with `last` the next count begins at 0. */
  countHanded(tx: Transaction, number: ConversationNumber, lines: number, last: boolean): number {
    const conversation = this.#get(number)
    if (!conversation) return 0
    const handed = conversation.handedLines + lines
    if (last) this.parts.filed.end(tx, number)
    this.#put(tx, number, { ...conversation, handedLines: last ? 0 : handed })
    return handed
  }

  /** Changes a message's status, and its place in the server's order where it is given one. */
  update(
    tx: Transaction,
    id: MessageId,
    { status, sequence, failure }: { status: MessageStatus; sequence?: Sequence; failure?: SendFailure },
  ): void {
    inUnit(this.reader, tx)
    const known = tx.get('messages', keyOf(id))
    if (!known) return
    // A receipt may overtake the echo: a message never goes back from delivered to stored.
    const advanced = known.status !== MessageStatus.DELIVERED && known.status !== status
    const message = tx.put('messages', keyOf(id), {
      ...known,
      ...(advanced ? { status } : {}),
      ...(sequence === undefined ? {} : { sequence }),
      ...(failure === undefined ? {} : { failure: failureRecord(failure) }),
    })
    this.parts.filed.note(tx, id.conversation, message)
    if (!advanced) return
    tx.tell({
      type: 'state',
      id,
      peer: this.peer(id.conversation),
      state: STATES[status],
      sequence: message.sequence,
      ...(failure ? { failure } : {}),
    })
  }

  message(id: MessageId): Message | undefined {
    return this.reader.get('messages', keyOf(id))
  }

  /** In the order of arrival, what was handed over at its place in that; the last `limit` where that is given. */
  history(conversation: ConversationNumber, limit?: number): HistoryEntry[] {
    const last = limit === undefined ? {} : { reverse: true, limit }
    const handed = this.#listed(conversation, { ...last, before: FIRST_MESSAGE })
    const came = this.#listed(conversation, { ...last, after: messageNumber(FIRST_MESSAGE - 1n) })
    if (limit !== undefined) came.reverse()
    return handed.length === 0 ? came : [...handed, ...came].sort(byPlace).slice(-(limit ?? 0))
  }

  #get(number: ConversationNumber): Conversation | undefined {
    return this.reader.get('conversations', at(number))
  }

  #put(tx: Transaction, number: ConversationNumber, conversation: RecordInit<'conversations'>): void {
    inUnit(this.reader, tx)
    tx.put('conversations', at(number), conversation)
  }

  #add(tx: Transaction, conversation: RecordInit<'conversations'>): ConversationNumber {
    const number = nextId(tx, 'conversations')
    this.#put(tx, number, { ...conversation, createdAtMs: BigInt(this.clock.now()) })
    this.parts.recents.use(tx, number)
    const { kind, peerHandle = '', roomName = '' } = conversation
    if (kind === ConversationKind.DIRECT) tx.link('direct', peerHandle, number)
    else if (kind === ConversationKind.ROOM) tx.link('room', roomName, number)
    else tx.link('conversations', 'own-devices', number)
    if (kind !== ConversationKind.OWN_DEVICES)
      tx.tell({ type: 'conversation', peer: this.peer(number), conversation: number, state: 'opened' })
    return number
  }

  /** Something was said in it, here or elsewhere. */
  #used(tx: Transaction, number: ConversationNumber, { status }: Message): void {
    this.parts.recents.use(tx, number)
    const conversation = this.#get(number)
    if (conversation?.fromHistory && status === MessageStatus.WAITING)
      this.#put(tx, number, { ...conversation, fromHistory: false })
  }

  /** "#name"; of rooms that are called alike, the later ones have their number behind it. */
  #roomTitle(number: ConversationNumber, name: string): string {
    return this.reader.linked('room', name, 1)[0] === number ? `#${name}` : `#${name}~${number}`
  }

  /** Messages are numbered through all conversations, in the order in which they came or were written. */
  #nextNumber(tx: Transaction, series: 'message' | 'handedMessage', first: MessageNumber): MessageNumber {
    inUnit(this.reader, tx)
    const counters = tx.get('counters', ONLY) ?? recordOf('counters', {})
    const number = counters[series] || first
    tx.put('counters', ONLY, { ...counters, [series]: messageNumber(number + 1n) })
    return number
  }

  #listed(conversation: ConversationNumber, range: Omit<RangeOf<'messages'>, 'group'>): HistoryEntry[] {
    const peer = this.peer(conversation)
    return this.reader
      .list('messages', { group: conversation, ...range })
      .map(({ key, record }) => entryOf({ conversation, message: key.id }, record, peer))
  }
}
