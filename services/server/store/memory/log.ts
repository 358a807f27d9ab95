// The log as one array. A read goes along it from the reader's place, which is simple to believe and quick enough for
// what fits in memory.

import type { Envelope, OutgoingEnvelope } from '../../../../gen/parley/v1/chat_pb.js'
import { appendWithin } from '../account-quota.js'
import {
  type ConversationChange,
  changedBy,
  firstVisible,
  lastDeleted,
  newConversation,
  succeededBy,
} from '../facts.js'
import {
  type Content,
  envelopeFor,
  type LogRecord,
  MISSED_BYTES,
  missedEnvelope,
  payloadBytes,
  recordSize,
} from '../log-record.js'
import { storageFull } from '../reasons.js'
import { type Decision, decide, type Succession } from '../rules.js'
import { nextShown } from '../sequence.js'
import type { AppendOutcome, DeviceId, Log, Place, ReadRequest, ReadResult } from '../store.js'
import { Wakes } from '../wakes.js'
import { expireRecords } from './expire.js'
import type { MemoryParts } from './parts.js'
import type { ConversationRow, DeviceRow } from './tables.js'

const ACCEPTED: AppendOutcome = { accepted: true }

/** Something that a device is shown, and its place in the log. */
interface Item {
  sequence: number
  size: number
  envelope(): Envelope
}

export class MemoryLog implements Log {
  readonly #parts: MemoryParts
  readonly #wakes = new Wakes()

  constructor(parts: MemoryParts) {
    this.#parts = parts
  }

  async append(id: DeviceId, sends: readonly OutgoingEnvelope[]): Promise<AppendOutcome[]> {
    const bytes = sends.reduce((sum, send) => sum + recordSize(payloadBytes(send)), 0)
    if (!this.#parts.room.has(bytes)) return sends.map(() => ({ accepted: false, reason: storageFull() }))
    const sender = this.#parts.tables.device(id)
    const readers = new Set<number>()
    const part = { used: sender?.account.stored ?? 0, limit: this.#parts.limits.accountBytes }
    const outcomes = appendWithin(sends, part, within =>
      within.map(send => this.#appendOne(sender, send, readers)),
    )
    this.#wakes.wake(readers)
    return outcomes
  }

  #appendOne(row: DeviceRow | undefined, send: OutgoingEnvelope, readers: Set<number>): AppendOutcome {
    const { tables, limits, now } = this.#parts
    const sender = row && tables.factsOf(row)
    const found = tables.conversation(send.conversationId)
    const deviceOf = (id: DeviceId) => {
      const device = tables.device(id)
      return device && tables.factsOf(device)
    }
    const conversationOf = (id: Uint8Array) => tables.conversation(id)?.facts
    const world = { sender, conversation: found?.facts, limits, now: now(), deviceOf, conversationOf }
    const decision = decide(send, world)
    if (decision.case === 'rejected') {
      const { reason, after } = decision
      return { accepted: false, reason, ...(after === undefined ? {} : { after }) }
    }
    if (decision.case === 'accepted' && row)
      this.#carryOut(decision, row, found ?? this.#create(send, row.id), readers)
    return ACCEPTED
  }

  #create({ conversationId: id }: OutgoingEnvelope, creator: DeviceId): ConversationRow {
    const { tables } = this.#parts
    return tables.addConversation(newConversation(tables.nextConversationKey(), { id, creator }))
  }

  #carryOut(
    { content, change, succeeds }: Extract<Decision, { case: 'accepted' }>,
    sender: DeviceRow,
    conversation: ConversationRow,
    readers: Set<number>,
  ): void {
    sender.clientSequence += 1
    sender.commitsFreeAt = change?.commitsFreeAt?.sender ?? sender.commitsFreeAt
    const old = succeeds && this.#parts.tables.conversation(succeeds.conversation.id)
    if (old) this.#succeed(old, { ...succeeds, sender, by: conversation }, readers)
    const record = this.#push(content, sender, conversation)
    if (change) this.#change(conversation, change, record)
    for (const key of conversation.facts.members.keys()) readers.add(key)
    for (const { key } of change?.left ?? []) readers.add(key)
  }

  /** The order of the old conversation says that the new one takes its place, before there is anything of that one. */
  #succeed(
    old: ConversationRow,
    { content, back, sender, by }: Succession & { sender: DeviceRow; by: ConversationRow },
    readers: Set<number>,
  ): void {
    const { tables, now } = this.#parts
    const before = old.facts
    const { sequence } = this.#push(content, sender, old)
    const account = sender.account.key
    old.facts = succeededBy(before, { id: by.facts.id, sequence, account, now: now(), back })
    for (const key of old.facts.members.keys()) readers.add(key)
    for (const key of back.keys()) tables.deviceByKey(key)?.rosters.add(before.key)
    const creator = tables.device(before.creator)
    if (creator && before.members.size === 0) creator.created += 1
  }

  #push(content: Content, sender: DeviceRow, conversation: ConversationRow): LogRecord {
    const { tables, room, now } = this.#parts
    const storedAt = now()
    tables.sequence += 1
    conversation.lastShown = nextShown(conversation.lastShown, storedAt)
    const record: LogRecord = {
      sequence: tables.sequence,
      shown: conversation.lastShown,
      conversation: conversation.facts.key,
      sender: sender.key,
      clientSequence: sender.clientSequence,
      storedAt,
      size: recordSize(content.payload.length),
      body: content.body,
    }
    room.take(record.size)
    sender.account.stored += record.size
    tables.records.push(record)
    return record
  }

  #change(conversation: ConversationRow, change: ConversationChange, record: LogRecord): void {
    const { tables } = this.#parts
    conversation.facts = changedBy(conversation.facts, change, record)
    const { key, creator, members } = conversation.facts
    const row = tables.device(creator)
    if (row && change.creates) row.created += 1
    if (row && members.size === 0) row.created -= 1
    for (const { id } of change.left) tables.device(id)?.rosters.delete(key)
    for (const { id } of change.joined) tables.device(id)?.rosters.add(key)
  }

  async clientSequence(id: DeviceId): Promise<bigint> {
    return BigInt(this.#parts.tables.device(id)?.clientSequence ?? 0)
  }

  async read({ device: id, after: place, maxEnvelopes, maxBytes }: ReadRequest): Promise<ReadResult> {
    const { tables } = this.#parts
    const after = this.#known(place)
    const device = tables.device(id)
    if (!device) return { envelopes: [], place: tables.sequence, more: false }
    // A banned device may come back, and has to find what was stored meanwhile.
    if (tables.factsOf(device).blocked) return { envelopes: [], place: after, more: false }
    const envelopes: Envelope[] = []
    let last = after
    let bytes = 0
    for (const item of this.#unread(device, after)) {
      bytes += item.size
      if (envelopes.length > 0 && (envelopes.length >= maxEnvelopes || bytes > maxBytes))
        return { envelopes, place: last, more: true }
      envelopes.push(item.envelope())
      last = item.sequence
    }
    return { envelopes, place: tables.sequence, more: false }
  }

  /** A place from the future is of data that are gone. */
  #known(place: Place): Place {
    return Math.min(place, this.#parts.tables.sequence)
  }

  /** All that the device has to be shown after a place, in order. */
  *#unread(device: DeviceRow, after: number): Generator<Item> {
    const missed = this.#missed(device, after)
    const { tables } = this.#parts
    const facts = tables.factsOf(device)
    for (let index = firstAfter(tables.records, after); index < tables.records.length; index += 1) {
      const record = tables.records[index]!
      const conversation = tables.conversationByKey(record.conversation)?.facts
      const spans = conversation?.spans.get(device.key)
      if (!conversation || !spans || firstVisible(spans, record.sequence) !== record.sequence) continue
      while (missed[0] && missed[0].sequence < record.sequence) yield missed.shift()!
      const { sequence, size } = record
      yield { sequence, size, envelope: () => envelopeFor(facts, conversation, record) }
    }
    yield* missed
  }

  /** For each conversation of which something was deleted that the device had not read: what tells it so. */
  #missed({ key }: DeviceRow, after: number): Item[] {
    const items: Item[] = []
    for (const { facts, missed } of this.#parts.tables.conversations()) {
      const spans = facts.spans.get(key)
      const start = spans && firstVisible(spans, after + 1)
      if (!spans || start === undefined || start > facts.expiredThrough) continue
      const { sequence, shown } = lastDeleted(spans, facts)
      const count = missed.get(key) ?? 0
      items.push({
        sequence,
        size: MISSED_BYTES,
        envelope: () => missedEnvelope(facts, { shown, count }),
      })
    }
    return items.sort((one, other) => one.sequence - other.sequence)
  }

  async acknowledge(id: DeviceId, place: Place): Promise<void> {
    const acked = this.#known(place)
    const device = this.#parts.tables.device(id)
    if (device) device.acked = Math.max(device.acked, acked)
  }

  async roster(conversationId: Uint8Array): Promise<DeviceId[] | undefined> {
    const members = this.#parts.tables.conversation(conversationId)?.facts.members
    return members && [...members.values()]
  }

  async conversations(id: DeviceId): Promise<Uint8Array[]> {
    const { tables } = this.#parts
    const keys = tables.device(id)?.rosters ?? []
    return [...keys].flatMap(key => tables.conversationByKey(key)?.facts.id ?? [])
  }

  watch(id: DeviceId, wake: () => void): () => void {
    const device = this.#parts.tables.device(id)
    return device ? this.#wakes.add(device.key, wake) : () => undefined
  }

  async expire(storedBefore: number): Promise<number> {
    const gone = expireRecords(this.#parts.tables, storedBefore)
    for (const { size, sender } of gone) {
      this.#parts.room.giveBack(size)
      const device = this.#parts.tables.deviceByKey(sender)
      if (device) device.account.stored -= size
    }
    return gone.length
  }
}

/** The index of the first record after a place. */
function firstAfter(records: readonly LogRecord[], after: number): number {
  let low = 0
  let high = records.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (records[middle]!.sequence <= after) low = middle + 1
    else high = middle
  }
  return low
}
