// The lines of conversations: what was said, and what there is to say of it.

import { type MessageKind, MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { HistoryEntry, MessageId } from '../events.js'
import {
  type ConversationNumber,
  type MessageNumber,
  messageNumber,
  type Sequence,
  sequenceOf,
} from '../ids.js'
import {
  at,
  inUnit,
  type RangeOf,
  type Reader,
  type RecordInit,
  recordOf,
  type Transaction,
} from '../vault/records.js'
import { failureRecord } from '../vault/said.js'
import type { ConversationBook } from './conversation-book.js'
import { byPlace, entryOf, FIRST_MESSAGE, isWritten, type Message, type Names, STATES } from './entry.js'
import type { FiledNames } from './filed-names.js'
import type { Places } from './places.js'
import type { Recents } from './recents.js'

const FIRST_HANDED = messageNumber(1n)
const ONLY = at(0n)
const NO_PLACE = sequenceOf(0n)

const keyOf = (id: MessageId) => ({ group: id.conversation, id: id.message })

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Lines {
  constructor(
    private readonly reader: Reader,
    private readonly book: ConversationBook,
    private readonly parts: { filed: FiledNames; places: Places; recents: Recents; names: Names },
  ) {}

  append(tx: Transaction, to: ConversationNumber, message: RecordInit<'messages'>): HistoryEntry {
    const conversation = this.book.present(to)
    const id = { conversation, message: this.#nextNumber(tx, 'message', FIRST_MESSAGE) }
    const made = tx.put('messages', keyOf(id), { ...message, ...this.#placed(tx, conversation, message) })
    this.parts.filed.note(tx, conversation, made)
    this.book.weigh(tx, conversation, message)
    if (isWritten(made)) this.#used(tx, conversation, made)
    const entry = entryOf(id, made, this.#view(conversation))
    if (!this.book.askedBy(conversation)) tx.tell({ type: 'message', entry })
    return entry
  }

  /** Puts a message that was handed over before those that came by themselves. False: it is here already. */
  file(
    tx: Transaction,
    conversation: ConversationNumber,
    message: RecordInit<'messages'> &
      Pick<Message, 'fromDevice' | 'sequence' | 'sentAtMs'> &
      Partial<Pick<Message, 'statement'>>,
  ): boolean {
    if (this.parts.filed.has(tx, conversation, message)) return false
    this.parts.filed.add(tx, conversation, message)
    this.book.weigh(tx, conversation, message)
    const id = this.#nextNumber(tx, 'handedMessage', FIRST_HANDED)
    tx.put('messages', { group: conversation, id }, message)
    return true
  }

  /** Counts lines that were handed over. Returns how many they are by now; with `last` the next count begins at 0. */
  countHanded(tx: Transaction, number: ConversationNumber, lines: number, last: boolean): number {
    const conversation = this.book.record(number)
    if (!conversation) return 0
    const handed = conversation.handedLines + lines
    if (last) this.parts.filed.end(tx, number)
    this.book.put(tx, number, { ...conversation, handedLines: last ? 0 : handed })
    return handed
  }

  /** The text of an own line as it is sealed, in the place of how it was kept before. */
  noteSigned(
    tx: Transaction,
    { conversation, message }: MessageId,
    { statement, signature }: Pick<Message, 'statement' | 'signature'>,
  ): void {
    inUnit(this.reader, tx)
    const id = { conversation: this.book.present(conversation), message }
    const known = tx.get('messages', keyOf(id))
    if (known) tx.put('messages', keyOf(id), { ...known, statement, signature, text: '' })
  }

  /** Changes a message's status, and its place in the server's order where it is given one. */
  update(
    tx: Transaction,
    { conversation, message: number }: MessageId,
    { status, sequence, failure }: { status: MessageStatus; sequence?: Sequence; failure?: SendFailure },
  ): void {
    inUnit(this.reader, tx)
    const id = { conversation: this.book.present(conversation), message: number }
    const known = tx.get('messages', keyOf(id))
    if (!known) return
    // A receipt may overtake the echo: a message never goes back from delivered to stored. One that was to be said again,
    // and is not, has not failed: some have it.
    const isLess = status === MessageStatus.FAILED && known.status === MessageStatus.STORED
    const advanced = !isLess && known.status !== MessageStatus.DELIVERED && known.status !== status
    const message = tx.put('messages', keyOf(id), {
      ...known,
      ...(advanced ? { status } : {}),
      // A line that is said again keeps its place: some have it there.
      ...(known.sequence === NO_PLACE
        ? this.#placed(tx, id.conversation, { kind: known.kind, sequence })
        : {}),
      ...(failure === undefined || !advanced ? {} : { failure: failureRecord(failure) }),
    })
    this.parts.filed.note(tx, id.conversation, message)
    if (!advanced) return
    tx.tell({
      type: 'state',
      id,
      peer: this.book.peer(id.conversation),
      state: STATES[status],
      sequence: message.sequence,
      ...(failure ? { failure } : {}),
    })
  }

  message({ conversation, message }: MessageId): Message | undefined {
    return this.reader.get('messages', keyOf({ conversation: this.book.present(conversation), message }))
  }

  /** In the order of arrival, what was handed over at its place in that; the last `limit` where that is given. */
  history(given: ConversationNumber, limit?: number): HistoryEntry[] {
    const conversation = this.book.present(given)
    const last = limit === undefined ? {} : { reverse: true, limit }
    const handed = this.#listed(conversation, { ...last, before: FIRST_MESSAGE })
    const came = this.#listed(conversation, { ...last, after: messageNumber(FIRST_MESSAGE - 1n) })
    if (limit !== undefined) came.reverse()
    return handed.length === 0 ? came : [...handed, ...came].sort(byPlace).slice(-(limit ?? 0))
  }

  /** The place that a line takes with this number of its group; lines that nobody wrote stand where what they tell of does. */
  #placed(
    tx: Transaction,
    conversation: ConversationNumber,
    { kind, sequence = NO_PLACE }: { kind?: MessageKind; sequence?: Sequence | undefined },
  ): { sequence?: Sequence } {
    if (sequence === NO_PLACE) return {}
    const isPlaced = kind !== undefined && isWritten({ kind })
    return { sequence: isPlaced ? this.parts.places.take(tx, conversation, sequence) : sequence }
  }

  #view(number: ConversationNumber) {
    return { peer: this.book.peer(number), names: this.parts.names }
  }

  /** Something was said in it, here or elsewhere. */
  #used(tx: Transaction, number: ConversationNumber, { status }: Message): void {
    this.parts.recents.use(tx, number)
    const conversation = this.book.record(number)
    if (conversation?.fromHistory && status === MessageStatus.WAITING)
      this.book.put(tx, number, { ...conversation, fromHistory: false })
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
