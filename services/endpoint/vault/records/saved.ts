// The saved rows, as they are read again and again: records opened lately are kept in memory as they were opened,
// and small tables whole.

import type { Key, Range } from '../table.js'
import { SortedKeys } from './keys.js'
import {
  type AnyTable,
  type BytesTable,
  decoded,
  isRecordTable,
  type RecordOf,
  type RecordTable,
} from './schemas.js'
import type { Changes } from './transaction.js'

/** Records that are kept opened at most, the small tables aside: some hundred bytes each. */
const RECENT_RECORDS = 2048
/** Tables read in long lists, or once: they would displace what is read with every message. */
const NOT_KEPT: ReadonlySet<AnyTable> = new Set(['messages', 'keypackages', 'historyparts', 'transfers'])
/** Tables of what is to be done: short, however much there is of the rest. */
const SMALL: ReadonlySet<AnyTable> = new Set([
  'outbox',
  'waiting',
  'held',
  'intents',
  'devices',
  'due',
  'recent',
])

const keyName = ({ group, id }: Key): string => `${group}/${id}`

/** The reading side of a vault. */
interface SavedRows {
  get(table: AnyTable, key: Key): Uint8Array | undefined
  keys(table: AnyTable, range?: Range): Iterable<Key>
}

export class Saved {
  readonly #vault: SavedRows
  /** By table and key; the one used last stands last. */
  readonly #recent = new Map<string, RecordOf<RecordTable>>()
  readonly #small = new Map<AnyTable, SmallTable>()

  constructor(vault: SavedRows) {
    this.#vault = vault
  }

  get<T extends RecordTable>(table: T, key: Key): RecordOf<T> | undefined {
    if (SMALL.has(table)) return this.#whole(table).records.get(keyName(key)) as RecordOf<T> | undefined
    const name = `${table}/${keyName(key)}`
    const known = this.#recent.get(name) as RecordOf<T> | undefined
    this.#recent.delete(name)
    const record = known ?? this.#read(table, key)
    if (record && !NOT_KEPT.has(table)) this.#keep(name, record)
    return record
  }

  bytes(table: BytesTable, key: Key): Uint8Array | undefined {
    return this.#vault.get(table, key)
  }

  keys(table: AnyTable, range: Range = {}): Iterable<Key> {
    return SMALL.has(table)
      ? this.#whole(table as RecordTable).keys.within(range)
      : this.#vault.keys(table, range)
  }

  isIntact(table: RecordTable | BytesTable, key: Key): boolean {
    try {
      if (isRecordTable(table)) this.#read(table, key)
      else this.#vault.get(table, key)
      return true
    } catch {
      return false
    }
  }

  /** These changes are saved. */
  set(changes: Changes): void {
    for (const [table, { rows, clearedGroups }] of changes) {
      if (!isRecordTable(table)) continue
      for (const group of clearedGroups) this.#clear(table, group)
      for (const { key, value } of rows.values())
        this.#set(table, key, value as RecordOf<RecordTable> | undefined)
    }
  }

  /** Nobody knows what is saved of these tables. */
  forget(tables: Iterable<AnyTable>): void {
    for (const table of tables) {
      this.#small.delete(table)
      for (const name of this.#recent.keys()) if (name.startsWith(`${table}/`)) this.#recent.delete(name)
    }
  }

  #set(table: RecordTable, key: Key, record: RecordOf<RecordTable> | undefined): void {
    const small = this.#small.get(table)
    if (record) small?.keys.add(key)
    else small?.keys.delete(key)
    if (record) small?.records.set(keyName(key), record)
    else small?.records.delete(keyName(key))
    const name = `${table}/${keyName(key)}`
    this.#recent.delete(name)
    if (record && !SMALL.has(table) && !NOT_KEPT.has(table)) this.#keep(name, record)
  }

  #clear(table: RecordTable, group: bigint): void {
    for (const key of [...(this.#small.get(table)?.keys.within({ group }) ?? [])])
      this.#set(table, key, undefined)
    for (const name of this.#recent.keys())
      if (name.startsWith(`${table}/${group}/`)) this.#recent.delete(name)
  }

  #whole(table: RecordTable): SmallTable {
    const known = this.#small.get(table)
    if (known) return known
    const keys = [...this.#vault.keys(table)]
    const records = new Map(keys.map(key => [keyName(key), this.#read(table, key)!]))
    const whole = { keys: new SortedKeys(keys), records }
    this.#small.set(table, whole)
    return whole
  }

  #read<T extends RecordTable>(table: T, key: Key): RecordOf<T> | undefined {
    const value = this.#vault.get(table, key)
    return value && decoded(table, value)
  }

  #keep(name: string, record: RecordOf<RecordTable>): void {
    this.#recent.set(name, record)
    const [oldest] = this.#recent.keys()
    if (this.#recent.size > RECENT_RECORDS && oldest !== undefined) this.#recent.delete(oldest)
  }
}

interface SmallTable {
  keys: SortedKeys
  records: Map<string, RecordOf<RecordTable>>
}
