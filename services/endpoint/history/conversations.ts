// The conversations as a person sees them, and their histories.

import { ConversationKind } from '../../../gen/parley/vault/v1/records_pb.js'
import { type AccountKey, type ConversationNumber, NO_KEY } from '../ids.js'
import type { Clock } from '../ports.js'
import { at, nextId, type Reader, type Transaction } from '../vault/records.js'
import { ConversationBook } from './conversation-book.js'
import type { Names } from './entry.js'
import type { FiledNames } from './filed-names.js'
import { Lines } from './lines.js'
import type { Places } from './places.js'
import type { Recents } from './recents.js'

export type { Kind, KnownConversation, Peer } from './conversation-book.js'

const { DIRECT } = ConversationKind

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Conversations {
  readonly #book: ConversationBook
  readonly #lines: Lines

  /** Every one that is no request: for what a person asks for, and what happens rarely. */
  readonly all: ConversationBook['all'] = () => this.#book.all()
  /** Those that somebody has opened whom nobody has let in. */
  readonly requests: ConversationBook['requests'] = () => this.#book.requests()
  /** Requests that wait until there is room for them, or their accounts are unblocked. */
  readonly setAside: ConversationBook['setAside'] = () => this.#book.setAside()
  readonly isSetAside: ConversationBook['isSetAside'] = number => this.#book.isSetAside(number)
  /** It is set aside, and as much was said in it as is kept of such. */
  readonly isFull: ConversationBook['isFull'] = number => this.#book.isFull(number)
  /** The account whose request it is; undefined for one that is none. */
  readonly askedBy: ConversationBook['askedBy'] = number => this.#book.askedBy(number)
  /** The conversation, or the one in which it goes on. */
  readonly get: ConversationBook['get'] = number => this.#book.get(number)
  /** Under which number it goes on by now. */
  readonly present: ConversationBook['present'] = number => this.#book.present(number)
  /** The name that a person calls it by. */
  readonly peer: ConversationBook['peer'] = number => this.#book.peer(number)
  readonly kind: ConversationBook['kind'] = number => this.#book.kind(number)
  /** Its other side; undefined for one that is not with one person. */
  readonly with: ConversationBook['with'] = number => this.#book.with(number)
  /** The one with a person. */
  readonly withPerson: ConversationBook['withPerson'] = account => this.#book.withPerson(account)
  /** The one with whoever this handle will be pinned to. */
  readonly awaiting: ConversationBook['awaiting'] = handle => this.#book.awaiting(handle)
  /** The one of this account's devices. A person does not see it. */
  readonly ownDevices: ConversationBook['ownDevices'] = () => this.#book.ownDevices()
  /** Those with a person that have no group: it is to be made. */
  readonly unopened: ConversationBook['unopened'] = () => this.#book.unopened()
  /** It was opened for what was said earlier, and nobody has written in it. */
  readonly isFromHistory: ConversationBook['isFromHistory'] = number => this.#book.isFromHistory(number)

  /** Until then, in ms since 1970, the account that added this one may hand over what was said before; 0: it may not. */
  readonly handedUntil: ConversationBook['handedUntil'] = number => this.#book.handedUntil(number)
  readonly mayBeHanded: ConversationBook['mayBeHanded'] = (...until) => this.#book.mayBeHanded(...until)

  /** A line comes or is written. */
  readonly append: Lines['append'] = (...line) => this.#lines.append(...line)
  /** Puts a message that was handed over before those that came by themselves. False: it is here already. */
  readonly file: Lines['file'] = (...line) => this.#lines.file(...line)
  /** Counts lines that were handed over. Returns how many they are by now; with `last` the next count begins at 0. */
  readonly countHanded: Lines['countHanded'] = (...counted) => this.#lines.countHanded(...counted)
  /** The text of an own line as it is sealed, in the place of how it was kept before. */
  readonly noteSigned: Lines['noteSigned'] = (...signed) => this.#lines.noteSigned(...signed)
  /** Changes a message's status, and its place in the server's order where it is given one. */
  readonly update: Lines['update'] = (...change) => this.#lines.update(...change)
  readonly message: Lines['message'] = id => this.#lines.message(id)
  /** In the order of arrival, what was handed over at its place in that; the last `limit` where that is given. */
  readonly history: Lines['history'] = (...asked) => this.#lines.history(...asked)

  constructor(
    reader: Reader,
    clock: Pick<Clock, 'now'>,
    private readonly parts: { filed: FiledNames; places: Places; recents: Recents; names: Names },
  ) {
    this.#book = new ConversationBook(reader, clock, parts)
    this.#lines = new Lines(reader, this.#book, parts)
  }

  /** The conversation with this person, made now if there is none. */
  open(tx: Transaction, accountKey: AccountKey): ConversationNumber {
    return this.withPerson(accountKey) ?? this.#book.add(tx, { peerAccount: accountKey, kind: DIRECT })
  }

  /**
   * A conversation that somebody asks for: the one of this number, or a room of this name, or one with themselves.
   * `setAside`: a person does not see the request yet.
   */
  request(
    tx: Transaction,
    askedBy: AccountKey,
    {
      number: given,
      roomName,
      setAside = false,
    }: { number?: ConversationNumber | undefined; roomName?: string; setAside?: boolean },
  ): ConversationNumber {
    const made =
      roomName === undefined
        ? { peerAccount: askedBy, kind: DIRECT }
        : { roomName, kind: ConversationKind.ROOM }
    const known = given ?? (roomName === undefined ? this.withPerson(askedBy) : undefined)
    const number = known ?? this.#book.add(tx, { ...made, askedBy })
    const conversation = this.#book.record(number)
    const asideBytes = setAside ? (conversation?.asideBytes ?? 0n) : 0n
    if (conversation)
      this.#book.put(tx, number, { ...conversation, askedBy, declined: false, setAside, asideBytes })
    tx.unlink('conversations', setAside ? 'requested' : 'set-aside', number)
    tx.link('conversations', setAside ? 'set-aside' : 'requested', number)
    return number
  }

  /** It is no request any more, and is shown with all that is in it. */
  admit(tx: Transaction, number: ConversationNumber): void {
    const conversation = this.#book.record(number)
    if (!conversation || !this.askedBy(number)) return
    // Its name may be another one's by now.
    if (conversation.kind === ConversationKind.ROOM) this.rename(tx, number, conversation.roomName)
    const named = this.#book.record(number) ?? conversation
    this.#book.put(tx, number, {
      ...named,
      askedBy: NO_KEY,
      declined: false,
      setAside: false,
      asideBytes: 0n,
    })
    this.#unlinkRequest(tx, number)
    tx.tell({ type: 'conversation', peer: this.peer(number), conversation: number, state: 'opened' })
    for (const entry of this.history(number)) tx.tell({ type: 'message', entry })
  }

  /** The request is not to be seen again, nor what was said in it. */
  decline(tx: Transaction, number: ConversationNumber): void {
    const conversation = this.#book.record(number)
    if (!conversation || !this.askedBy(number)) return
    this.#book.put(tx, number, { ...conversation, declined: true, setAside: false, asideBytes: 0n })
    this.#unlinkRequest(tx, number)
    tx.deleteGroup('messages', number)
  }

  #unlinkRequest(tx: Transaction, number: ConversationNumber): void {
    tx.unlink('conversations', 'requested', number)
    tx.unlink('conversations', 'set-aside', number)
  }

  /** The same, for what was said earlier: a new one needs no group until somebody writes in it. */
  openForHistory(tx: Transaction, accountKey: AccountKey): ConversationNumber {
    const made = { peerAccount: accountKey, kind: DIRECT, fromHistory: true }
    return this.withPerson(accountKey) ?? this.#book.add(tx, made)
  }

  /** The conversation with whoever this handle will be pinned to. */
  openAwaiting(tx: Transaction, handle: string): ConversationNumber {
    return this.awaiting(handle) ?? this.#book.add(tx, { peerHandle: handle, kind: DIRECT })
  }

  /** From here on it is with this person, who has none. */
  goOnWith(tx: Transaction, number: ConversationNumber, accountKey: AccountKey): void {
    const conversation = this.#book.record(number)
    if (!conversation) return
    this.#book.unlink(tx, number, conversation)
    tx.link('direct', accountKey, number)
    this.#book.put(tx, number, { ...conversation, peerAccount: accountKey, peerHandle: '' })
  }

  /** All that is in `from` is in `into` from here on, its lines in their order; its groups are for the caller. */
  merge(tx: Transaction, from: ConversationNumber, into: ConversationNumber): void {
    const conversation = this.#book.record(from)
    if (!conversation) return
    this.#book.unlink(tx, from, conversation)
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
    const next = this.#book.record(into)
    if (next?.fromHistory && !conversation.fromHistory)
      this.#book.put(tx, into, { ...next, fromHistory: false })
    this.#book.put(tx, from, { ...conversation, peerAccount: NO_KEY, peerHandle: '', continuedIn: into })
  }

  openOwnDevices(tx: Transaction): ConversationNumber {
    return this.ownDevices() ?? this.#book.add(tx, { kind: ConversationKind.OWN_DEVICES })
  }

  /** A new one for a room, whatever others are called. */
  openRoom(tx: Transaction, name: string): ConversationNumber {
    return this.#book.add(tx, { roomName: name, kind: ConversationKind.ROOM })
  }

  rename(tx: Transaction, number: ConversationNumber, name: string): void {
    this.#book.nameRoom(tx, this.#book.present(number), name)
  }
}
