import type { OutgoingEnvelope } from '../../../../../gen/parley/v1/chat_pb.js'
import { appendWithin } from '../../account-quota.js'
import { payloadBytes } from '../../log-record.js'
import { storageFull } from '../../reasons.js'
import type { AppendOutcome, DeviceId, Log, Place, ReadRequest, ReadResult } from '../../store.js'
import { prepare, type Statement } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'
import type { DeviceState } from '../database/state.js'
import type { TransactionEnd } from '../database/writer.js'
import { Acks } from './acks.js'
import { type Appended, Appender } from './append.js'
import { Expiry } from './expire.js'
import { Merger } from './merge.js'
import { Sequence } from './sequence.js'
import { ShownSequences } from './shown-sequences.js'
import { Sources } from './source.js'
import { Tail } from './tail.js'
import { UnreadFinder } from './unread.js'
import { Usage } from './usage.js'
import { Watchers } from './watchers.js'

/** About what a send writes beside its payload. */
const SEND_BYTES = 128

export class SqliteLog implements Log, TransactionEnd {
  readonly #parts: StoreParts
  readonly #sequence: Sequence
  readonly #shown: ShownSequences
  readonly #tail: Tail
  readonly #watchers = new Watchers()
  readonly #acks: Acks
  readonly #appender: Appender
  readonly #usage: Usage
  readonly #expiry: Expiry
  readonly #unreadFinder: UnreadFinder
  readonly #sources: Sources
  readonly #merger: Merger
  readonly #selectConversations: Statement<{ id: Uint8Array }>
  /** By the transaction that is under way. */
  #appended: Appended[] = []

  constructor(parts: StoreParts) {
    const { db, state, writer, now } = parts
    this.#parts = parts
    this.#sequence = new Sequence(db, now())
    this.#shown = new ShownSequences(db)
    this.#tail = new Tail(this.#sequence.last())
    this.#acks = new Acks(db, writer)
    this.#appender = new Appender({
      ...{ ...parts, sequence: this.#sequence, shown: this.#shown },
      appended: one => void this.#appended.push(one),
    })
    this.#usage = new Usage(db)
    this.#expiry = new Expiry(parts)
    this.#unreadFinder = new UnreadFinder(db)
    this.#sources = new Sources(db, this.#tail)
    this.#merger = new Merger(db, state)
    this.#selectConversations = prepare(
      db,
      `SELECT id FROM roster JOIN conversations ON key = conversation
       WHERE device = ? AND left_sequence IS NULL`,
    )
  }

  append(device: DeviceId, sends: readonly OutgoingEnvelope[]): Promise<AppendOutcome[]> {
    return this.#parts.writer.run({
      bytes: sends.reduce((bytes, send) => bytes + payloadBytes(send) + SEND_BYTES, 0),
      work: () => this.#append(device, sends),
      whenFull: () => sends.map(() => ({ accepted: false, reason: storageFull() })),
    })
  }

  #append(id: DeviceId, sends: readonly OutgoingEnvelope[]): AppendOutcome[] {
    const device = this.#parts.state.device(id)
    if (!device) return this.#appender.append(id, sends)
    const before = this.#appended.length
    const part = { used: this.#usage.of(device.key), limit: this.#parts.limits.accountBytes }
    const outcomes = appendWithin(sends, part, within => this.#appender.append(id, within))
    const written = this.#appended.slice(before).reduce((bytes, { record }) => bytes + record.size, 0)
    this.#usage.add(device.key, written)
    return outcomes
  }

  async clientSequence(device: DeviceId): Promise<bigint> {
    return BigInt(this.#parts.state.device(device)?.clientSequence ?? 0)
  }

  async read(request: ReadRequest): Promise<ReadResult> {
    const after = this.#known(request.after)
    const device = this.#parts.state.device(request.device)
    if (!device) return { envelopes: [], place: this.#sequence.last(), more: false }
    // A banned device may come back, and has to find what was stored meanwhile.
    if (device.blocked) return { envelopes: [], place: after, more: false }
    return this.#readOn(device, after, request)
  }

  #readOn(device: DeviceState, after: number, limits: ReadRequest): ReadResult {
    const end = this.#sequence.last()
    const reader = this.#watchers.reader(device.key)
    const kept = reader?.position === after ? reader.unread : undefined
    // Not kept while the merger takes from it: if that fails, the next read finds it anew.
    if (reader) reader.unread = undefined
    const unread = kept ?? this.#unreadFinder.find(device.key, after)
    const source = this.#sources.forOneRead()
    const { envelopes, last } = this.#merger.read({ device, unread, limits, source })
    const more = unread.size > 0
    const position = more ? (last ?? after) : end
    if (reader) Object.assign(reader, { unread, position })
    return { envelopes, place: position, more }
  }

  /** A place from the future: the disk was restored, and the clock set back. */
  #known(place: Place): Place {
    return Math.min(place, this.#sequence.last())
  }

  async acknowledge(id: DeviceId, place: Place): Promise<void> {
    const acked = this.#known(place)
    const device = this.#parts.state.device(id)
    if (device) this.#acks.note(device.key, acked)
  }

  async roster(conversationId: Uint8Array): Promise<DeviceId[] | undefined> {
    const members = this.#parts.state.conversation(conversationId)?.members
    return members && [...members.values()]
  }

  async conversations(id: DeviceId): Promise<Uint8Array[]> {
    const device = this.#parts.state.device(id)
    return device ? this.#selectConversations.all(device.key).map(row => row.id) : []
  }

  watch(id: DeviceId, wake: () => void): () => void {
    const device = this.#parts.state.device(id)
    return device ? this.#watchers.watch(device.key, wake) : () => undefined
  }

  async expire(storedBefore: number): Promise<number> {
    await this.#acks.flush()
    return this.#expiry.expire(storedBefore)
  }

  committed(): void {
    const appended = this.#appended
    this.#appended = []
    for (const { record } of appended) this.#tail.push(record)
    this.#watchers.notify(appended)
  }

  rolledBack(): void {
    this.#appended = []
    this.#sequence.rolledBack()
    this.#shown.rolledBack()
    this.#parts.state.clear()
  }

  /** Writes what is not durable yet. */
  async close(): Promise<void> {
    await this.#acks.flush().catch(() => undefined)
  }
}
