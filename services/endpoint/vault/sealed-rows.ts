// The rows of a vault, sealed and opened. After its passphrase was changed a vault has a new data key: the rows that
// the former one has sealed are sealed anew, a few at a time beside all other work, and a vault that is closed meanwhile
// goes on with that the next time. Until then both keys are here.

import { forgetFormer, guarded, inTransaction } from './database.js'
import { damaged } from './error.js'
import { openRows } from './rows.js'
import { makeSealer, type Sealer } from './seal.js'
import { type Key, type Range, type RowChange, TABLES, type Table } from './table.js'
import type { DataKeys, VaultFiles } from './unlock.js'

/** So much is sealed anew in one write, in rows and about in bytes: some milliseconds of work. */
const ROWS_AT_ONCE = 256
const BYTES_AT_ONCE = 256 * 1024

export class SealedRows {
  readonly #place: VaultFiles
  readonly #rows: ReturnType<typeof openRows>
  #key: Uint8Array
  #sealer: Sealer
  #former: Former | undefined

  /** Overwrites the keys when it is closed. Throws VaultError. */
  constructor(place: VaultFiles, { current, former }: DataKeys) {
    this.#place = place
    this.#rows = openRows(place.database, place.file)
    this.#key = current
    this.#sealer = makeSealer(current)
    if (former) this.#resealFrom(former)
  }

  /** The present data key, which is overwritten when another one takes its place. */
  get dataKey(): Uint8Array {
    return this.#key
  }

  /** Throws VaultError 'damaged'. */
  get(table: Table, key: Key): Uint8Array | undefined {
    const sealed = this.#rows[table].get(key)
    if (!sealed) return undefined
    const value = this.#sealer.open(table, key, sealed) ?? this.#former?.sealer.open(table, key, sealed)
    if (!value) throw damaged(this.#place.file)
    return value
  }

  keys(table: Table, range: Range): Iterable<Key> {
    return this.#rows[table].keys(range)
  }

  /** All of them or none. Throws VaultError. */
  write(changes: readonly RowChange[]): void {
    const { database, file } = this.#place
    const applyAll = () => {
      for (const change of changes) this.#apply(change)
    }
    guarded(file, () => inTransaction(database, applyAll))
  }

  /** From here on rows are sealed under this key, the new one of the vault. */
  takeKey(next: Uint8Array): void {
    const former = this.#key
    this.#sealer.forget()
    this.#key = next
    this.#sealer = makeSealer(next)
    this.#resealFrom(former)
  }

  /** Seals all that is left at once. Throws VaultError. */
  finish(): void {
    while (this.#former) this.#resealSome(this.#former)
  }

  close(): void {
    this.#sealer.forget()
    this.#key.fill(0)
    this.#former?.close()
    this.#former = undefined
  }

  #apply(change: RowChange): void {
    if ('put' in change)
      this.#rows[change.put].put(change.key, this.#sealer.seal(change.put, change.key, change.value))
    else if ('delete' in change) this.#rows[change.delete].delete(change.key)
    else this.#rows[change.deleteGroup].deleteGroup(change.group)
  }

  #resealFrom(key: Uint8Array): void {
    const former = new Former(key, this.#every())
    this.#former = former
    const step = () => {
      if (this.#former !== former) return
      try {
        this.#resealSome(former)
      } catch {
        // The disk is full, say: what is left is sealed anew after the next start.
        return
      }
      setImmediate(step).unref()
    }
    setImmediate(step).unref()
  }

  #resealSome(former: Former): void {
    const { database, file } = this.#place
    try {
      guarded(file, () => inTransaction(database, () => this.#resealNext(former)))
    } catch (error) {
      // The rows that were undone come again.
      former.rows = this.#every()
      throw error
    }
    if (!former.isDone) return
    forgetFormer(database, file)
    former.close()
    this.#former = undefined
  }

  #resealNext(former: Former): void {
    for (let rows = 0, bytes = 0; rows < ROWS_AT_ONCE && bytes < BYTES_AT_ONCE; rows++) {
      const next = former.rows.next()
      if (next.done) {
        former.isDone = true
        return
      }
      bytes += this.#reseal(former, next.value)
    }
  }

  /** Returns the bytes that were written. A row that is damaged stays as it is. */
  #reseal({ sealer }: Former, { table, key }: Place): number {
    const sealed = this.#rows[table].get(key)
    const value = sealed && sealer.open(table, key, sealed)
    if (!value) return 0
    this.#rows[table].put(key, this.#sealer.seal(table, key, value))
    value.fill(0)
    return sealed.length
  }

  *#every(): Generator<Place> {
    for (const table of TABLES) for (const key of this.#rows[table].keys({})) yield { table, key }
  }
}

interface Place {
  table: Table
  key: Key
}

/** The data key before, and the rows that may still be sealed under it. */
class Former {
  readonly sealer: Sealer
  isDone = false

  constructor(
    private readonly key: Uint8Array,
    public rows: Generator<Place>,
  ) {
    this.sealer = makeSealer(key)
  }

  close(): void {
    this.sealer.forget()
    this.key.fill(0)
  }
}
