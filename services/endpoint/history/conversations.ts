// The conversations as a person sees them, and their histories.

import { ConversationKind, MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { OWN_DEVICES } from '../codes/notice.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { HistoryEntry, MessageId } from '../events.js'
import {
  type AccountKey,
  type ConversationNumber,
  isKey,
  type MessageNumber,
  messageNumber,
  NO_KEY,
  type Sequence,
} from '../ids.js'
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
import { byPlace, entryOf, isWritten, type Message, type Names, STATES } from './entry.js'
import type { FiledNames } from './filed-names.js'
import type { Recents } from './recents.js'

export type Kind = 'direct' | 'room' | 'own-devices'

export interface KnownConversation {
  number: ConversationNumber
  kind: Kind
  /** The other person's name, a room's name behind "#", or OWN_DEVICES. */
  peer: string
}

/** The other side of a direct conversation: an account, or whoever a handle will be pinned to. */
export type Peer = { accountKey: AccountKey } | { awaited: string }

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
const { DIRECT } = ConversationKind

type Conversation = RecordOf<'conversations'>
const keyOf = (id: MessageId) => ({ group: id.conversation, id: id.message })

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Conversations {
  constructor(
    private readonly reader: Reader,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly parts: { filed: FiledNames; recents: Recents; names: Names },
  ) {}

  /** Every one that is no request: for what a person asks for, and what happens rarely. */
  all(): KnownConversation[] {
    return this.reader
      .keys('conversations')
      .flatMap(({ id }) => (this.present(id) === id && !this.askedBy(id) ? (this.get(id) ?? []) : []))
  }

  /** Those that somebody has opened whom nobody has let in. */
  requests(): KnownConversation[] {
    return this.reader.linked('conversations', 'requested').flatMap(number => this.get(number) ?? [])
  }

  /** The account whose request it is; undefined for one that is none. */
  askedBy(number: ConversationNumber): AccountKey | undefined {
    const by = this.#get(number)?.askedBy ?? NO_KEY
    return isKey(by) ? by : undefined
  }

  /** Of one that goes on in another one, that. */
  get(given: ConversationNumber): KnownConversation | undefined {
    const number = this.present(given)
    return this.#get(number) && { number, kind: this.kind(number), peer: this.peer(number) }
  }

  /** The name that a person calls it by. */
  peer(number: ConversationNumber): string {
    const conversation = this.#get(number)
    if (!conversation) return '?'
    if (conversation.kind === ConversationKind.ROOM) return this.#roomTitle(number, conversation.roomName)
    if (conversation.kind === ConversationKind.OWN_DEVICES) return OWN_DEVICES
    const { peerAccount, peerHandle } = conversation
    return isKey(peerAccount) ? this.parts.names.nameOf(peerAccount) : peerHandle
  }

  kind(number: ConversationNumber): Kind {
    return KIND_OF[this.#get(number)?.kind ?? ConversationKind.DIRECT]
  }

  /** Its other side; undefined for one that is not with one person. */
  with(number: ConversationNumber): Peer | undefined {
    const conversation = this.#get(number)
    if (conversation?.kind !== ConversationKind.DIRECT) return undefined
    const { peerAccount, peerHandle } = conversation
    return isKey(peerAccount) ? { accountKey: peerAccount } : { awaited: peerHandle }
  }

  /** The one with a person. */
  withPerson(accountKey: AccountKey): ConversationNumber | undefined {
    return this.reader.linked('direct', accountKey, 1)[0]
  }

  /** The one with whoever this handle will be pinned to. */
  awaiting(handle: string): ConversationNumber | undefined {
    return this.reader.linked('awaited', handle, 1)[0]
  }

  /** The one of this account's devices. A person does not see it. */
  ownDevices(): ConversationNumber | undefined {
    return this.reader.linked('conversations', 'own-devices', 1)[0]
  }

  /** Those with a person that have no group: it is to be made. */
  unopened(): ConversationNumber[] {
    return this.reader.linked('conversations', 'unopened')
  }

  /** The conversation with this person, made now if there is none. */
  open(tx: Transaction, accountKey: AccountKey): ConversationNumber {
    return this.withPerson(accountKey) ?? this.#add(tx, { peerAccount: accountKey, kind: DIRECT })
  }

  /** A conversation that somebody asks for: the one of this number, or a room of this name, or one with themselves. */
  request(
    tx: Transaction,
    askedBy: AccountKey,
    { number: given, roomName }: { number?: ConversationNumber | undefined; roomName?: string },
  ): ConversationNumber {
    const made =
      roomName === undefined
        ? { peerAccount: askedBy, kind: DIRECT }
        : { roomName, kind: ConversationKind.ROOM }
    const known = given ?? (roomName === undefined ? this.withPerson(askedBy) : undefined)
    const number = known ?? this.#add(tx, { ...made, askedBy })
    const conversation = this.#get(number)
    if (conversation) this.#put(tx, number, { ...conversation, askedBy, declined: false })
    tx.link('conversations', 'requested', number)
    return number
  }

  /** It is no request any more, and is shown with all that is in it. */
  admit(tx: Transaction, number: ConversationNumber): void {
    const conversation = this.#get(number)
    if (!conversation || !this.askedBy(number)) return
    this.#put(tx, number, { ...conversation, askedBy: NO_KEY, declined: false })
    tx.unlink('conversations', 'requested', number)
    tx.tell({ type: 'conversation', peer: this.peer(number), conversation: number, state: 'opened' })
    for (const entry of this.history(number)) tx.tell({ type: 'message', entry })
  }

  /** The request is not to be seen again, nor what was said in it. */
  decline(tx: Transaction, number: ConversationNumber): void {
    const conversation = this.#get(number)
    if (!conversation || !this.askedBy(number)) return
    this.#put(tx, number, { ...conversation, declined: true })
    tx.unlink('conversations', 'requested', number)
    tx.deleteGroup('messages', number)
  }

  /** The same, for what was said earlier: a new one needs no group until somebody writes in it. */
  openForHistory(tx: Transaction, accountKey: AccountKey): ConversationNumber {
    const made = { peerAccount: accountKey, kind: DIRECT, fromHistory: true }
    return this.withPerson(accountKey) ?? this.#add(tx, made)
  }

  /** The conversation with whoever this handle will be pinned to. */
  openAwaiting(tx: Transaction, handle: string): ConversationNumber {
    return this.awaiting(handle) ?? this.#add(tx, { peerHandle: handle, kind: DIRECT })
  }

  /** From here on it is with this person, who has none. */
  goOnWith(tx: Transaction, number: ConversationNumber, accountKey: AccountKey): void {
    const conversation = this.#get(number)
    if (!conversation) return
    this.#unlink(tx, number, conversation)
    tx.link('direct', accountKey, number)
    this.#put(tx, number, { ...conversation, peerAccount: accountKey, peerHandle: '' })
  }

  /** All that is in `from` is in `into` from here on, its lines in their order; its groups are for the caller. */
  merge(tx: Transaction, from: ConversationNumber, into: ConversationNumber): void {
    const conversation = this.#get(from)
    if (!conversation) return
    this.#unlink(tx, from, conversation)
    for (const { key, record } of tx.list('messages', { group: from }))
      tx.put('messages', { group: into, id: key.id }, record)
    tx.deleteGroup('messages', from)
    for (const { key, record } of tx.list('waiting'))
      if (record.conversation === from) tx.put('waiting', key, { ...record, conversation: into })
    for (const { record } of tx.list('transfers', { group: from }))
      tx.put('transfers', { group: into, id: nextId(tx, 'transfers', into) }, record)
    tx.deleteGroup('transfers', from)
    for (const number of [from, into]) this.parts.filed.end(tx, number)
    tx.delete('recent', at(from))
    this.parts.recents.use(tx, into)
    const next = this.#get(into)
    if (next?.fromHistory && !conversation.fromHistory) this.#put(tx, into, { ...next, fromHistory: false })
    this.#put(tx, from, { ...conversation, peerAccount: NO_KEY, peerHandle: '', continuedIn: into })
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

  append(tx: Transaction, to: ConversationNumber, message: RecordInit<'messages'>): HistoryEntry {
    const conversation = this.present(to)
    const id = { conversation, message: this.#nextNumber(tx, 'message', FIRST_MESSAGE) }
    const made = tx.put('messages', keyOf(id), message)
    this.parts.filed.note(tx, conversation, made)
    if (isWritten(made)) this.#used(tx, conversation, made)
    const entry = entryOf(id, made, this.#view(conversation))
    if (!this.askedBy(conversation)) tx.tell({ type: 'message', entry })
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
    { conversation, message: number }: MessageId,
    { status, sequence, failure }: { status: MessageStatus; sequence?: Sequence; failure?: SendFailure },
  ): void {
    inUnit(this.reader, tx)
    const id = { conversation: this.present(conversation), message: number }
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

  message({ conversation, message }: MessageId): Message | undefined {
    return this.reader.get('messages', keyOf({ conversation: this.present(conversation), message }))
  }

  /** In the order of arrival, what was handed over at its place in that; the last `limit` where that is given. */
  history(given: ConversationNumber, limit?: number): HistoryEntry[] {
    const conversation = this.present(given)
    const last = limit === undefined ? {} : { reverse: true, limit }
    const handed = this.#listed(conversation, { ...last, before: FIRST_MESSAGE })
    const came = this.#listed(conversation, { ...last, after: messageNumber(FIRST_MESSAGE - 1n) })
    if (limit !== undefined) came.reverse()
    return handed.length === 0 ? came : [...handed, ...came].sort(byPlace).slice(-(limit ?? 0))
  }

  /** Under which number it goes on by now. */
  present(number: ConversationNumber): ConversationNumber {
    const next = this.reader.get('conversations', at(number))?.continuedIn ?? 0n
    return next === 0n ? number : this.present(next)
  }

  #get(number: ConversationNumber): Conversation | undefined {
    return this.reader.get('conversations', at(this.present(number)))
  }

  #view(number: ConversationNumber) {
    return { peer: this.peer(number), names: this.parts.names }
  }

  /** It is not found by whom it is with any more. */
  #unlink(tx: Transaction, number: ConversationNumber, { peerAccount, peerHandle }: Conversation): void {
    if (isKey(peerAccount)) tx.unlink('direct', peerAccount, number)
    else tx.unlink('awaited', peerHandle, number)
  }

  #put(tx: Transaction, number: ConversationNumber, conversation: RecordInit<'conversations'>): void {
    inUnit(this.reader, tx)
    tx.put('conversations', at(number), conversation)
  }

  #add(tx: Transaction, conversation: RecordInit<'conversations'>): ConversationNumber {
    const number = nextId(tx, 'conversations')
    this.#put(tx, number, { ...conversation, createdAtMs: BigInt(this.clock.now()) })
    this.parts.recents.use(tx, number)
    const { kind, peerAccount = NO_KEY, peerHandle = '', roomName = '' } = conversation
    if (kind === DIRECT && isKey(peerAccount)) tx.link('direct', peerAccount, number)
    else if (kind === DIRECT) tx.link('awaited', peerHandle, number)
    else if (kind === ConversationKind.ROOM) tx.link('room', roomName, number)
    else tx.link('conversations', 'own-devices', number)
    if (kind !== ConversationKind.OWN_DEVICES && !this.askedBy(number))
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
    const view = this.#view(conversation)
    return this.reader
      .list('messages', { group: conversation, ...range })
      .map(({ key, record }) => entryOf({ conversation, message: key.id }, record, view))
  }
}
