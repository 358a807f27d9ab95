// A unit of work: what one input changes, seen by itself before it is saved, and saved as a whole or not at all.

import type { EndpointEvent } from '../../events.js'
import type { Key, Range, RowChange } from '../table.js'
import { compareKeys, isWithin } from './keys.js'
import type { Found, LookedUp, Lookup } from './names.js'
import {
  type AnyTable,
  type BytesTable,
  encoded,
  isRecordTable,
  type RecordInit,
  type RecordOf,
  type RecordTable,
  recordOf,
} from './schemas.js'
import type { GroupOf, Hashed, KeyOf, RangeOf } from './table-keys.js'

/** The readable rows of the vault: the saved ones or, in a transaction, those with the transaction's own changes. */
export interface Reader {
  get<T extends RecordTable>(table: T, key: KeyOf<T>): RecordOf<T> | undefined
  list<T extends RecordTable>(table: T, range?: RangeOf<T>): { key: KeyOf<T>; record: RecordOf<T> }[]
  bytes<T extends BytesTable>(table: T, key: KeyOf<T>): Uint8Array | undefined
  /** Much cheaper than what stands under them, which has to be opened. */
  keys<T extends AnyTable>(table: T, range?: RangeOf<T>): KeyOf<T>[]
  has<T extends AnyTable>(table: T, key: KeyOf<T>): boolean
  /** Reads it from the disk once more. False: it is damaged. */
  isIntact<T extends RecordTable | BytesTable>(table: T, key: KeyOf<T>): boolean
  /** The numbers that are linked to this value, the lowest first. */
  linked<L extends Lookup>(lookup: L, value: LookedUp<L>, limit?: number): Found<L>[]
  /** The number that stands for this value in the keys of this vault. */
  numberOf<L extends Lookup>(lookup: L, value: LookedUp<L>): Hashed<L>
}

/** The base that a transaction begins from, and what it may do beside its changes. It has the keys of all tables alike. */
export interface Base {
  get<T extends RecordTable>(table: T, key: Key): RecordOf<T> | undefined
  bytes(table: BytesTable, key: Key): Uint8Array | undefined
  keys(table: AnyTable, range?: Range): Iterable<Key>
  numberOf<L extends Lookup>(lookup: L, value: LookedUp<L>): Hashed<L>
  isIntact(table: RecordTable | BytesTable, key: Key): boolean
  saveAhead(changes: Changes): void
}

type Value = RecordOf<RecordTable> | Uint8Array
interface TableChanges {
  rows: Map<string, { key: Key; value: Value | undefined }>
  clearedGroups: Set<bigint>
}
export type Changes = ReadonlyMap<AnyTable, TableChanges>

/** Something in memory that follows the records: what becomes of it when they are saved, or may be. */
export interface Follower {
  saved(): void
  uncertain(): void
}

const rowName = ({ group, id }: Key) => `${group}/${id}`

export class Transaction implements Reader {
  readonly events: EndpointEvent[] = []
  readonly preparations: (() => void)[] = []
  readonly actions: (() => void)[] = []
  readonly followers: Follower[] = []
  readonly changes = new Map<AnyTable, TableChanges>()
  #base: Base

  constructor(base: Base) {
    this.#base = base
  }

  /** Code that holds on to it would see what is old: from here on it cannot be used. */
  end(): void {
    this.#base = ENDED
    this.changes.clear()
  }

  get<T extends RecordTable>(table: T, key: KeyOf<T>): RecordOf<T> | undefined {
    const own = this.#own(table, key)
    return own ? (own.value as RecordOf<T> | undefined) : this.#base.get(table, key)
  }

  list<T extends RecordTable>(table: T, range?: RangeOf<T>): { key: KeyOf<T>; record: RecordOf<T> }[] {
    return this.keys(table, range).map(key => ({ key, record: this.get(table, key)! }))
  }

  bytes<T extends BytesTable>(table: T, key: KeyOf<T>): Uint8Array | undefined {
    const own = this.#own(table, key)
    return own ? (own.value as Uint8Array | undefined) : this.#base.bytes(table, key)
  }

  keys<T extends AnyTable>(table: T, range: RangeOf<T> = {}): KeyOf<T>[] {
    const keys: KeyOf<T>[] = []
    const { limit = Number.POSITIVE_INFINITY } = range
    for (const key of this.#keys(table, range)) {
      if (keys.length >= limit) break
      keys.push(key as KeyOf<T>)
    }
    return keys
  }

  has<T extends AnyTable>(table: T, { group, id }: KeyOf<T>): boolean {
    return !this.#keys(table, { group, after: id - 1n, before: id + 1n }).next().done
  }

  isIntact<T extends RecordTable | BytesTable>(table: T, key: KeyOf<T>): boolean {
    return this.#base.isIntact(table, key)
  }

  linked<L extends Lookup>(lookup: L, value: LookedUp<L>, limit?: number): Found<L>[] {
    const group = this.numberOf(lookup, value)
    return this.keys('links', { group, limit }).map(({ id }) => id as Found<L>)
  }

  numberOf<L extends Lookup>(lookup: L, value: LookedUp<L>): Hashed<L> {
    return this.#base.numberOf(lookup, value)
  }

  put<T extends RecordTable>(table: T, key: KeyOf<T>, record: RecordInit<T>): RecordOf<T> {
    const value = recordOf(table, record)
    this.#set(table, key, value)
    return value
  }

  putBytes<T extends BytesTable>(table: T, key: KeyOf<T>, value: Uint8Array): void {
    this.#set(table, key, value)
  }

  delete<T extends AnyTable>(table: T, key: KeyOf<T>): void {
    this.#set(table, key, undefined)
  }

  deleteGroup<T extends AnyTable>(table: T, group: GroupOf<T>): void {
    const { rows, clearedGroups } = this.#of(table)
    for (const [name, { key }] of rows) if (key.group === group) rows.delete(name)
    clearedGroups.add(group)
  }

  /** From here on the number is found by this value. */
  link<L extends Lookup>(lookup: L, value: LookedUp<L>, number: Found<L>): void {
    this.#set('links', { group: this.numberOf(lookup, value), id: number }, NOTHING)
  }

  unlink<L extends Lookup>(lookup: L, value: LookedUp<L>, number: Found<L>): void {
    this.#set('links', { group: this.numberOf(lookup, value), id: number }, undefined)
  }

  /** The rows that this transaction has changed, or said to be so again. */
  touched<T extends AnyTable>(table: T): KeyOf<T>[] {
    return Array.from(this.changes.get(table)?.rows.values() ?? [], ({ key }) => key as KeyOf<T>)
  }

  /** The record as it was before this transaction. */
  saved<T extends RecordTable>(table: T, key: KeyOf<T>): RecordOf<T> | undefined {
    return this.#base.get(table, key)
  }

  /** Told when the changes are saved. */
  tell(event: EndpointEvent): void {
    this.events.push(event)
  }

  /** Runs when the work is done, and may still change what follows from it. */
  before(action: () => void): void {
    this.preparations.push(action)
  }

  /** Runs when the changes are saved, before the events are told. */
  after(action: () => void): void {
    this.actions.push(action)
  }

  /** Changes in memory with the records. */
  follow(follower: Follower): void {
    this.followers.push(follower)
  }

  /** Saves this record now, whatever becomes of the transaction: it has to be on the disk before the rest is tried. */
  putAhead<T extends RecordTable>(table: T, key: KeyOf<T>, record: RecordInit<T>): void {
    const ahead = new Transaction(this.#base)
    ahead.put(table, key, record)
    this.#base.saveAhead(ahead.changes)
  }

  #of(table: AnyTable): TableChanges {
    const known = this.changes.get(table) ?? { rows: new Map(), clearedGroups: new Set() }
    this.changes.set(table, known)
    return known
  }

  #set(table: AnyTable, key: Key, value: Value | undefined): void {
    this.#of(table).rows.set(rowName(key), { key, value })
  }

  /** This transaction's own value of a row, if it has one. */
  #own(table: AnyTable, key: Key): { value: Value | undefined } | undefined {
    const changes = this.changes.get(table)
    const own = changes?.rows.get(rowName(key))
    return own ?? (changes?.clearedGroups.has(key.group) ? { value: undefined } : undefined)
  }

  *#keys(table: AnyTable, range: Range): Generator<Key> {
    const changes = this.changes.get(table)
    if (!changes) return yield* this.#base.keys(table, range)
    const { limit: _, ...unlimited } = range
    const order = (a: Key, b: Key) => (range.reverse ? compareKeys(b, a) : compareKeys(a, b))
    const own = Array.from(changes.rows.values())
      .filter(({ key, value }) => value && isWithin(key, range))
      .map(({ key }) => key)
      .sort(order)
    for (const key of this.#base.keys(table, unlimited)) {
      while (own[0] && order(own[0], key) < 0) yield own.shift()!
      if (!this.#own(table, key)) yield key
    }
    yield* own
  }
}

function ended(): never {
  throw new Error('this unit of work has ended')
}
const ENDED: Base = {
  get: ended,
  bytes: ended,
  keys: ended,
  isIntact: ended,
  numberOf: ended,
  saveAhead: ended,
}

/** The value under a link: the key says all. */
const NOTHING = new Uint8Array()

/** As the vault is to write them. */
export function changesFor(changes: Changes): RowChange[] {
  return [...changes].flatMap(([table, { rows, clearedGroups }]): RowChange[] => [
    ...Array.from(clearedGroups, group => ({ deleteGroup: table, group })),
    ...Array.from(rows.values(), ({ key, value }): RowChange => {
      if (!value) return { delete: table, key }
      const bytes = isRecordTable(table)
        ? encoded(table, value as RecordOf<typeof table>)
        : (value as Uint8Array)
      return { put: table, key, value: bytes }
    }),
  ])
}
