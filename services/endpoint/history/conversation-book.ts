// Which conversations there are, how each is called, and by whom it is found.

import { ConversationKind } from '../../../gen/parley/vault/v1/records_pb.js'
import { OWN_DEVICES } from '../codes/notice.js'
import { type AccountKey, type ConversationNumber, isKey, NO_KEY } from '../ids.js'
import type { Clock } from '../ports.js'
import {
  at,
  inUnit,
  nextId,
  type Reader,
  type RecordInit,
  type RecordOf,
  type Transaction,
} from '../vault/records.js'
import type { Names } from './entry.js'
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
const { DIRECT } = ConversationKind
/** A room that is called so could be taken for one with its number. */
const NUMBERED = /~\d+$/

/** Bytes of its lines that are kept of a request that is set aside. */
const KEPT_ASIDE = 128 * 1024
/** Bytes of each line beside its text: its signature and its row, about. */
const LINE_BYTES = 1024

type Conversation = RecordOf<'conversations'>
type Said = Pick<RecordInit<'messages'>, 'statement' | 'text'>

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class ConversationBook {
  constructor(
    private readonly reader: Reader,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly parts: { recents: Recents; names: Names },
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

  /** Requests that wait until there is room for them, or their accounts are unblocked. */
  setAside(): ConversationNumber[] {
    return this.reader.linked('conversations', 'set-aside').map(number => this.present(number))
  }

  isSetAside(number: ConversationNumber): boolean {
    return this.record(number)?.setAside === true
  }

  /** It is set aside, and as much was said in it as is kept of such. */
  isFull(number: ConversationNumber): boolean {
    return this.isSetAside(number) && Number(this.record(number)?.asideBytes ?? 0n) >= KEPT_ASIDE
  }

  /** A line has come, which takes up so much. */
  weigh(tx: Transaction, number: ConversationNumber, { statement, text }: Said): void {
    const conversation = this.record(number)
    if (!conversation?.setAside) return
    const bytes = BigInt(LINE_BYTES + (statement?.length ?? 0) + Buffer.byteLength(text ?? ''))
    this.put(tx, this.present(number), { ...conversation, asideBytes: conversation.asideBytes + bytes })
  }

  /** The account whose request it is; undefined for one that is none. */
  askedBy(number: ConversationNumber): AccountKey | undefined {
    const by = this.record(number)?.askedBy ?? NO_KEY
    return isKey(by) ? by : undefined
  }

  /** The conversation, or the one in which it goes on. */
  get(given: ConversationNumber): KnownConversation | undefined {
    const number = this.present(given)
    return this.record(number) && { number, kind: this.kind(number), peer: this.peer(number) }
  }

  /** Under which number it goes on by now. */
  present(number: ConversationNumber): ConversationNumber {
    const next = this.reader.get('conversations', at(number))?.continuedIn ?? 0n
    return next === 0n ? number : this.present(next)
  }

  /** The name that a person calls it by. */
  peer(number: ConversationNumber): string {
    const conversation = this.record(number)
    if (!conversation) return '?'
    if (conversation.kind === ConversationKind.ROOM) return this.#roomTitle(number, conversation)
    if (conversation.kind === ConversationKind.OWN_DEVICES) return OWN_DEVICES
    const { peerAccount, peerHandle } = conversation
    return isKey(peerAccount) ? this.parts.names.nameOf(peerAccount) : peerHandle
  }

  kind(number: ConversationNumber): Kind {
    return KIND_OF[this.record(number)?.kind ?? ConversationKind.DIRECT]
  }

  /** Its other side; undefined for one that is not with one person. */
  with(number: ConversationNumber): Peer | undefined {
    const conversation = this.record(number)
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

  isFromHistory(number: ConversationNumber): boolean {
    return this.record(number)?.fromHistory === true
  }

  /** Until then, in ms since 1970, the account that added this one may hand over what was said before; 0: it may not. */
  handedUntil(number: ConversationNumber): number {
    return Number(this.record(number)?.handedUntilMs ?? 0n)
  }

  mayBeHanded(tx: Transaction, number: ConversationNumber, untilMs: number): void {
    const conversation = this.record(number)
    if (conversation) this.put(tx, this.present(number), { ...conversation, handedUntilMs: BigInt(untilMs) })
  }

  /** The record of the conversation, or of the one in which it goes on. */
  record(number: ConversationNumber): Conversation | undefined {
    return this.reader.get('conversations', at(this.present(number)))
  }

  put(tx: Transaction, number: ConversationNumber, conversation: RecordInit<'conversations'>): void {
    inUnit(this.reader, tx)
    tx.put('conversations', at(number), conversation)
  }

  /** A new one, which can be found by whom it is with. */
  add(tx: Transaction, conversation: RecordInit<'conversations'>): ConversationNumber {
    const number = nextId(tx, 'conversations')
    this.put(tx, number, { ...conversation, createdAtMs: BigInt(this.clock.now()) })
    this.parts.recents.use(tx, number)
    const { kind, peerAccount = NO_KEY, peerHandle = '', roomName = '' } = conversation
    if (kind === DIRECT && isKey(peerAccount)) tx.link('direct', peerAccount, number)
    else if (kind === DIRECT) tx.link('awaited', peerHandle, number)
    else if (kind === ConversationKind.ROOM) this.nameRoom(tx, number, roomName)
    else tx.link('conversations', 'own-devices', number)
    if (kind !== ConversationKind.OWN_DEVICES && !this.askedBy(number))
      tx.tell({ type: 'conversation', peer: this.peer(number), conversation: number, state: 'opened' })
    return number
  }

  /** It is not found by whom it is with any more. */
  unlink(tx: Transaction, number: ConversationNumber, { peerAccount, peerHandle }: Conversation): void {
    if (isKey(peerAccount)) tx.unlink('direct', peerAccount, number)
    else tx.unlink('awaited', peerHandle, number)
  }

  /**
   * A room has this name from here on. The title stays with the room that has it: one that comes later, or that is called
   * so later, has its number behind it, or what is written to the one by its title would come to the other.
   */
  nameRoom(tx: Transaction, number: ConversationNumber, name: string): void {
    const conversation = this.record(number)
    if (!conversation) return
    tx.unlink('room', conversation.roomName, number)
    const isHeld = this.#unnumbered(name).some(each => !this.askedBy(each))
    const roomNameNumbered = NUMBERED.test(name) || isHeld
    tx.link('room', name, number)
    this.put(tx, number, { ...conversation, roomName: name, roomNameNumbered })
  }

  /** The rooms of this name without a number. */
  #unnumbered(name: string): ConversationNumber[] {
    return this.reader.linked('room', name).filter(number => !this.record(number)?.roomNameNumbered)
  }

  /** "#name"; of rooms that are called alike, all but one have their number behind it, first those that wait to be let in. */
  #roomTitle(number: ConversationNumber, { roomName: name, roomNameNumbered }: Conversation): string {
    if (roomNameNumbered) return `#${name}~${number}`
    const named = this.#unnumbered(name)
    const holder = named.find(each => !this.askedBy(each)) ?? named[0]
    return holder === number ? `#${name}` : `#${name}~${number}`
  }
}
