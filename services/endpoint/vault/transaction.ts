// A unit of work: what one input changes, seen by itself before it is saved, and saved as a whole or not at all.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { GroupSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import type { EndpointEvent } from '../events.js'
import {
  type AnyTable,
  type BytesTable,
  type RecordInit,
  type RecordOf,
  type RecordTable,
  SCHEMAS,
} from './schemas.js'
import type { Change, Key, Range } from './vault.js'

/** What can be read of the vault: what is saved or, within a transaction, that and its own changes. */
export interface Reader {
  get<T extends RecordTable>(table: T, key: Key): RecordOf<T> | undefined
  list<T extends RecordTable>(table: T, range?: Range): { key: Key; record: RecordOf<T> }[]
  /** Much cheaper than the records, which have to be opened. */
  keys(table: AnyTable, range?: Range): Key[]
  bytes(table: BytesTable, key: Key): Uint8Array | undefined
  listBytes(table: BytesTable, range: Range): { key: Key; value: Uint8Array }[]
}

/** The saved rows, in the order of their keys. */
export interface Rows {
  value(table: AnyTable, key: Key): Uint8Array | undefined
  keys(table: AnyTable, range?: Range): Iterable<Key>
}

interface TableChanges {
  rows: Map<string, { key: Key; value: Uint8Array | undefined }>
  deletedGroups: Set<bigint>
}

const nameOf = ({ group, id }: Key) => `${group}/${id}`

export class Transaction implements Reader {
  readonly events: EndpointEvent[] = []
  readonly actions: (() => void)[] = []
  readonly #rows: Rows
  readonly #writeNow: (changes: readonly Change[]) => void
  readonly #changes = new Map<AnyTable, TableChanges>()

  constructor(rows: Rows, writeNow: (changes: readonly Change[]) => void) {
    this.#rows = rows
    this.#writeNow = writeNow
  }

  get<T extends RecordTable>(table: T, key: Key): RecordOf<T> | undefined {
    const value = this.#value(table, key)
    return value && decoded(table, value)
  }

  list<T extends RecordTable>(table: T, range?: Range): { key: Key; record: RecordOf<T> }[] {
    return this.keys(table, range).map(key => ({ key, record: this.get(table, key)! }))
  }

  keys(table: AnyTable, range: Range = {}): Key[] {
    return [...limited(this.#keys(table, range), range.limit)]
  }

  bytes(table: BytesTable, key: Key): Uint8Array | undefined {
    return this.#value(table, key)
  }

  listBytes(table: BytesTable, range: Range): { key: Key; value: Uint8Array }[] {
    return this.keys(table, range).map(key => ({ key, value: this.bytes(table, key)! }))
  }

  put<T extends RecordTable>(table: T, key: Key, record: RecordInit<T>): void {
    this.#set(table, key, encoded(table, record))
  }

  putBytes(table: BytesTable, key: Key, value: Uint8Array): void {
    this.#set(table, key, value)
  }

  delete(table: AnyTable, key: Key): void {
    this.#set(table, key, undefined)
  }

  deleteGroup(table: AnyTable, group: bigint): void {
    const { rows, deletedGroups } = this.#of(table)
    for (const [name, { key }] of rows) if (key.group === group) rows.delete(name)
    deletedGroups.add(group)
  }

  /** Told when the changes are saved. */
  tell(event: EndpointEvent): void {
    this.events.push(event)
  }

  /** Runs when the changes are saved, before the events are told. */
  after(action: () => void): void {
    this.actions.push(action)
  }

  /** Saves this record at once, whatever becomes of the transaction: for what must be on the disk before the rest is tried. */
  putAhead<T extends RecordTable>(table: T, key: Key, record: RecordInit<T>): void {
    this.#writeNow([{ put: table, key, value: encoded(table, record) }])
  }

  changes(): Change[] {
    return [...this.#changes].flatMap(([table, { rows, deletedGroups }]): Change[] => [
      ...Array.from(deletedGroups, group => ({ deleteGroup: table, group })),
      ...Array.from(rows.values(), ({ key, value }) =>
        value ? { put: table, key, value } : { delete: table, key },
      ),
    ])
  }

  #of(table: AnyTable): TableChanges {
    const known = this.#changes.get(table) ?? { rows: new Map(), deletedGroups: new Set() }
    this.#changes.set(table, known)
    return known
  }

  #set(table: AnyTable, key: Key, value: Uint8Array | undefined): void {
    this.#of(table).rows.set(nameOf(key), { key, value })
  }

  #value(table: AnyTable, key: Key): Uint8Array | undefined {
    const changes = this.#changes.get(table)
    const own = changes?.rows.get(nameOf(key))
    if (own) return own.value
    return changes?.deletedGroups.has(key.group) ? undefined : this.#rows.value(table, key)
  }

  *#keys(table: AnyTable, range: Range): Generator<Key> {
    const changes = this.#changes.get(table)
    if (!changes) return yield* this.#rows.keys(table, range)
    const { limit, ...unlimited } = range
    const isBefore = (a: Key, b: Key) => (range.reverse ? compare(a, b) > 0 : compare(a, b) < 0)
    const own = Array.from(changes.rows.values())
      .filter(({ key, value }) => value && isWithin(key, range))
      .map(({ key }) => key)
      .sort((a, b) => (range.reverse ? compare(b, a) : compare(a, b)))
    for (const key of this.#rows.keys(table, unlimited)) {
      while (own[0] && isBefore(own[0], key)) yield own.shift()!
      if (!changes.rows.has(nameOf(key)) && !changes.deletedGroups.has(key.group)) yield key
    }
    yield* own
  }
}

export const decoded = <T extends RecordTable>(table: T, value: Uint8Array): RecordOf<T> =>
  fromBinary(SCHEMAS[table], value) as RecordOf<T>

function encoded<T extends RecordTable>(table: T, record: RecordInit<T>): Uint8Array {
  const schema = SCHEMAS[table] as typeof GroupSchema
  return toBinary(schema, create(schema, record as RecordInit<'groups'>))
}

function compare(a: Key, b: Key): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1
  if (a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}

function isWithin({ group, id }: Key, range: Range): boolean {
  if (range.group !== undefined && range.group !== group) return false
  if (range.after !== undefined && id <= range.after) return false
  return range.before === undefined || id < range.before
}

function* limited<T>(items: Iterable<T>, limit = Number.POSITIVE_INFINITY): Generator<T> {
  let left = limit
  if (left <= 0) return
  for (const item of items) {
    yield item
    if (--left <= 0) return
  }
}
