// A vault in memory. What it holds stays when it is closed, can be copied, and its writes fail when a test says so.

import { createHash } from 'node:crypto'
import { VaultError } from '../../../services/endpoint/vault/error.js'
import type { Change, Key, Range, Row, Table, Vault } from '../../../services/endpoint/vault/vault.js'

/** What errors call the vault by. */
const FILE = 'memory'

/** The rows of a table in the order of their keys. */
class Rows {
  readonly #rows: Row[] = []

  get(key: Key): Uint8Array | undefined {
    const row = this.#rows[this.#place(key)]
    return row && compare(row.key, key) === 0 ? row.value.slice() : undefined
  }

  put(key: Key, value: Uint8Array): void {
    const place = this.#place(key)
    const isThere = this.#rows[place] !== undefined && compare(this.#rows[place].key, key) === 0
    this.#rows.splice(place, isThere ? 1 : 0, { key: { ...key }, value: value.slice() })
  }

  delete(key: Key): void {
    const place = this.#place(key)
    const row = this.#rows[place]
    if (row && compare(row.key, key) === 0) this.#rows.splice(place, 1)
  }

  deleteGroup(group: bigint): void {
    const begin = this.#place({ group, id: -(2n ** 63n) })
    this.#rows.splice(begin, this.#place({ group: group + 1n, id: -(2n ** 63n) }) - begin)
  }

  keys({ group, after, before, limit, reverse }: Range): Key[] {
    const found = this.#rows
      .map(({ key }) => key)
      .filter(key => group === undefined || key.group === group)
      .filter(({ id }) => (after === undefined || id > after) && (before === undefined || id < before))
    if (reverse) found.reverse()
    return found.slice(0, limit)
  }

  bytes(): number {
    return this.#rows.reduce((sum, { value }) => sum + value.length, 0)
  }

  copy(): Rows {
    const copied = new Rows()
    copied.#rows.push(...this.#rows)
    return copied
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

const copyOf = (tables: ReadonlyMap<Table, Rows>) =>
  new Map(Array.from(tables, ([table, rows]) => [table, rows.copy()]))

export interface Failing {
  reason: 'full' | 'damaged'
  /** Failed, but the changes are there. Unless given, they are lost. */
  kept?: boolean
  /** The writes that fail; all unless given. */
  where?(changes: readonly Change[]): boolean
}

/** What a vault is kept on: it outlives the endpoints that open it, one at a time. */
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
    this.#tables = copyOf(other.#tables)
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
      index: name => createHash('sha256').update(name).digest().readBigUInt64BE() >> 1n,
      changePassphrase: async () => undefined,
      close: () => {
        if (!isClosed) this.#isOpen = false
        isClosed = true
      },
    }
  }

  #write(changes: readonly Change[], maxBytes: number): void {
    const fails = this.#failing && (this.#failing.where?.(changes) ?? true) ? this.#failing : undefined
    const isLimited = maxBytes < Number.POSITIVE_INFINITY
    const before = isLimited ? copyOf(this.#tables) : this.#tables
    if (!fails || fails.kept) for (const change of changes) this.#apply(change)
    this.onWrite()
    if (fails) throw new VaultError({ code: fails.reason, file: FILE })
    if (!isLimited) return
    const bytes = [...this.#tables.values()].reduce((sum, rows) => sum + rows.bytes(), 0)
    if (bytes <= maxBytes) return
    this.#tables = before
    throw new VaultError({ code: 'full', file: FILE })
  }

  #apply(change: Change): void {
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
