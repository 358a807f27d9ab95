// A vault in memory. Its records stay when it is closed, can be copied, and its writes fail when a test says so.

import { VaultError } from '../../../services/endpoint/vault/error.js'
import { checkKey, LOWEST } from '../../../services/endpoint/vault/table.js'
import type { Key, Range, Row, RowChange, Table, Vault } from '../../../services/endpoint/vault/vault.js'

/** The name by which errors call the vault. */
const FILE = 'memory'

/** The rows of a table in the order of their keys. */
class Rows {
  readonly #rows: Row[] = []
  #bytes = 0

  get(key: Key): Uint8Array | undefined {
    const row = this.#rows[this.#place(key)]
    return row && compare(row.key, key) === 0 ? row.value.slice() : undefined
  }

  put(key: Key, value: Uint8Array): void {
    this.delete(key)
    this.#rows.splice(this.#place(key), 0, { key: { ...key }, value: value.slice() })
    this.#bytes += value.length
  }

  delete(key: Key): void {
    const place = this.#place(key)
    const row = this.#rows[place]
    if (row && compare(row.key, key) === 0) this.#remove(place, 1)
  }

  deleteGroup(group: bigint): void {
    const begin = this.#place({ group, id: LOWEST })
    this.#remove(begin, this.#place({ group: group + 1n, id: LOWEST }) - begin)
  }

  keys({ group, after, before, limit, reverse }: Range): Key[] {
    if (group === undefined && (after !== undefined || before !== undefined))
      throw new RangeError('A range of ids goes only with a group')
    const found = this.#rows
      .map(({ key }) => key)
      .filter(key => group === undefined || key.group === group)
      .filter(({ id }) => (after === undefined || id > after) && (before === undefined || id < before))
    if (reverse) found.reverse()
    return found.slice(0, limit)
  }

  /** Of all values. */
  get bytes(): number {
    return this.#bytes
  }

  copy(): Rows {
    const copied = new Rows()
    for (const row of this.#rows) copied.#rows.push(row)
    copied.#bytes = this.#bytes
    return copied
  }

  #remove(place: number, count: number): void {
    for (const { value } of this.#rows.splice(place, count)) this.#bytes -= value.length
  }

  /** Of the first row that does not come before the key. */
  #place(key: Key): number {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.#rows[middle]!.key, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function compare(a: Key, b: Key): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1
  if (a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}

const tableOf = (change: RowChange): Table => {
  if ('put' in change) return change.put
  return 'delete' in change ? change.delete : change.deleteGroup
}

const copyOf = (tables: ReadonlyMap<Table, Rows>) =>
  new Map(Array.from(tables, ([table, rows]) => [table, rows.copy()]))

interface Failing {
  reason: 'full' | 'damaged'
  /** Failed, but the changes are there. Unless given, they are lost. */
  kept?: boolean
  /** The writes that fail; all unless given. */
  where?(changes: readonly RowChange[]): boolean
}

/** The disk of a vault: it outlives the endpoints that open it, one at a time. */
export class MemoryDisk {
  #tables = new Map<Table, Rows>()
  #failing: Failing | undefined
  #isOpen = false

  constructor(private readonly onWrite: () => void = () => undefined) {}

  /** From here on writes fail. */
  fail(failing: Failing): void {
    this.#failing = failing
  }

  /** Writes are well again. */
  mend(): void {
    this.#failing = undefined
  }

  /** This disk then holds what the other one does. */
  copyFrom(other: MemoryDisk): void {
    this.#tables = copyOf(other.saved())
  }

  /** It then holds these rows, and no others. */
  protected fill(rows: readonly (Row & { table: Table })[]): void {
    this.#tables = new Map()
    for (const { table, key, value } of rows) this.#rows(table).put(key, value)
  }

  /** All that is on it. */
  protected saved(): ReadonlyMap<Table, Rows> {
    return this.#tables
  }

  /** Throws VaultError 'in-use'. `maxBytes`: of all values. */
  open(maxBytes = Number.POSITIVE_INFINITY): Vault {
    if (this.#isOpen) throw new VaultError({ code: 'in-use', file: FILE })
    this.#isOpen = true
    let isClosed = false
    const table = (name: Table): Rows => {
      if (isClosed) throw new Error('the vault was closed')
      return this.#rows(name)
    }
    return {
      write: changes => {
        if (isClosed) throw new Error('the vault was closed')
        this.#write(changes, maxBytes)
      },
      get: (name, key) => table(name).get(key),
      *list(name, range = {}) {
        for (const key of table(name).keys(range)) {
          const value = table(name).get(key)
          if (value) yield { key, value }
        }
      },
      keys: (name, range = {}) => table(name).keys(range),
      changePassphrase: async () => undefined,
      close: () => {
        if (!isClosed) this.#isOpen = false
        isClosed = true
      },
    }
  }

  #write(changes: readonly RowChange[], maxBytes: number): void {
    for (const change of changes) checkKey('key' in change ? change.key : { group: change.group, id: 0n })
    this.onWrite()
    const failing = this.#failing && (this.#failing.where?.(changes) ?? true) ? this.#failing : undefined
    const before = new Map(changes.map(change => [tableOf(change), this.#rows(tableOf(change)).copy()]))
    try {
      for (const change of changes) this.#apply(change)
      if (this.#bytes() > maxBytes) throw new VaultError({ code: 'full', file: FILE })
      if (failing) throw new VaultError({ code: failing.reason, file: FILE })
    } catch (error) {
      if (!failing?.kept) for (const [table, rows] of before) this.#tables.set(table, rows)
      throw error
    }
  }

  #bytes(): number {
    return [...this.#tables.values()].reduce((sum, rows) => sum + rows.bytes, 0)
  }

  #apply(change: RowChange): void {
    if ('put' in change) this.#rows(change.put).put(change.key, change.value)
    else if ('delete' in change) this.#rows(change.delete).delete(change.key)
    else this.#rows(change.deleteGroup).deleteGroup(change.group)
  }

  #rows(table: Table): Rows {
    const rows = this.#tables.get(table) ?? new Rows()
    this.#tables.set(table, rows)
    return rows
  }
}
