// The vault's tables as typed records, and the unit of work in which they change: everything that one input does is
// written at once, and only then told. Units run one after the other, so no two sends are ever made from one ratchet
// state, and what is saved is what is sent.

import type { EndpointEvent } from '../events.js'
import { type Found, type LookedUp, type Lookup, namesOf } from './records/names.js'
import { Saved } from './records/saved.js'
import type { AnyTable, BytesTable, RecordOf, RecordTable } from './records/schemas.js'
import type { GroupOf, Hashed, IdOf, KeyOf, RangeOf } from './records/table-keys.js'
import { type Base, type Changes, changesFor, type Reader, Transaction } from './records/transaction.js'
import type { Vault } from './vault.js'

export {
  type BytesTable,
  RECORD_TABLES,
  type RecordInit,
  type RecordOf,
  type RecordTable,
  recordOf,
} from './records/schemas.js'
export { at, type IdOf, type KeyOf, type RangeOf } from './records/table-keys.js'
export type { Follower, Reader, Transaction } from './records/transaction.js'

export class Records implements Reader {
  readonly #vault: Vault
  readonly #emit: (event: EndpointEvent) => void
  readonly #saved: Saved
  readonly #base: Base
  #last: Promise<unknown> = Promise.resolve()

  /** `emit` hears of what is told when it is saved. */
  constructor(vault: Vault, emit: (event: EndpointEvent) => void) {
    const saved = new Saved(vault)
    this.#vault = vault
    this.#emit = emit
    this.#saved = saved
    this.#base = {
      get: (table, key) => saved.get(table, key),
      bytes: (table, key) => saved.bytes(table, key),
      keys: (table, range) => saved.keys(table, range),
      numberOf: namesOf(vault),
      isIntact: (table, key) => saved.isIntact(table, key),
      saveAhead: changes => this.#save(changes),
    }
  }

  get<T extends RecordTable>(table: T, key: KeyOf<T>): RecordOf<T> | undefined {
    return this.#saved.get(table, key)
  }

  list<T extends RecordTable>(table: T, range?: RangeOf<T>): { key: KeyOf<T>; record: RecordOf<T> }[] {
    return this.#view().list(table, range)
  }

  bytes<T extends BytesTable>(table: T, key: KeyOf<T>): Uint8Array | undefined {
    return this.#saved.bytes(table, key)
  }

  keys<T extends AnyTable>(table: T, range?: RangeOf<T>): KeyOf<T>[] {
    return Array.from(this.#saved.keys(table, range), key => key as KeyOf<T>)
  }

  has<T extends AnyTable>(table: T, key: KeyOf<T>): boolean {
    return this.#view().has(table, key)
  }

  isIntact<T extends RecordTable | BytesTable>(table: T, key: KeyOf<T>): boolean {
    return this.#saved.isIntact(table, key)
  }

  linked<L extends Lookup>(lookup: L, value: LookedUp<L>, limit?: number): Found<L>[] {
    return this.#view().linked(lookup, value, limit)
  }

  numberOf<L extends Lookup>(lookup: L, value: LookedUp<L>): Hashed<L> {
    return this.#base.numberOf(lookup, value)
  }

  /**
   * Runs a unit of work when those before it have ended. Its changes are saved at once and durably; then memory
   * follows, then what is to be done after that is done, then its events are told. Where it throws, nothing is saved,
   * done or told, and the next one runs all the same. Throws VaultError, and what the work throws. A unit must not
   * wait for another one: it would wait for itself.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const result = this.#last.then(() => this.#run(work))
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Resolves when every unit that was given so far has ended. */
  async idle(): Promise<void> {
    await this.#last
  }

  async #run<T>(work: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const tx = new Transaction(this.#base)
    try {
      const result = await work(tx)
      for (const prepare of tx.preparations) prepare()
      this.#settle(tx)
      return result
    } finally {
      tx.end()
    }
  }

  #settle(tx: Transaction): void {
    try {
      this.#save(tx.changes)
    } catch (error) {
      for (const follower of tx.followers) follower.uncertain()
      throw error
    }
    tx.end()
    for (const follower of tx.followers) follower.saved()
    for (const action of tx.actions) action()
    for (const event of tx.events) this.#emit(event)
  }

  #save(changes: Changes): void {
    if (changes.size === 0) return
    try {
      this.#vault.write(changesFor(changes))
    } catch (error) {
      // It may be on the disk all the same: from here on what is there counts.
      this.#saved.forget(changes.keys())
      throw error
    }
    this.#saved.set(changes)
  }

  /** Reads in the same way as a transaction, which makes no changes. */
  #view(): Transaction {
    return new Transaction(this.#base)
  }
}

/** The number behind the highest one of a table, or of one of its groups. */
export function nextId<T extends RecordTable>(
  tx: Transaction,
  table: T,
  ...[group = 0n]: GroupOf<T> extends 0n ? [] : [GroupOf<T>]
): IdOf<T> {
  const [last] = tx.keys(table, { group: group as GroupOf<T>, reverse: true, limit: 1 })
  return ((last?.id ?? 0n) + 1n) as IdOf<T>
}

/** A store changes what it reads: with another unit's changes it would lose its own. */
export function inUnit(reader: Reader, tx: Transaction): void {
  if (reader !== tx) throw new Error('what is changed is not of this unit of work')
}
