// The vault's tables as typed records, and the unit of work in which they change: everything that one input does is
// written at once, and only then told. Units run one after the other, so no two sends are ever made from one ratchet
// state, and what is saved is what is sent.

import { Refusal } from '../codes/refusal.js'
import type { EndpointEvent } from '../events.js'
import type { AnyTable, BytesTable, RecordOf, RecordTable } from './schemas.js'
import { decoded, type Reader, Transaction } from './transaction.js'
import type { Key, Range, Vault } from './vault.js'

export { at, type BytesTable, RECORD_TABLES, type RecordOf, type RecordTable } from './schemas.js'
export type { Reader, Transaction, Transaction as Batch } from './transaction.js'

export class Records implements Reader {
  readonly #vault: Vault
  readonly #emit: (event: EndpointEvent) => void
  #last: Promise<unknown> = Promise.resolve()
  /** What is in memory may be ahead of what is saved. */
  onFailure: () => void = () => undefined

  constructor(vault: Vault, emit: (event: EndpointEvent) => void) {
    this.#vault = vault
    this.#emit = emit
  }

  get<T extends RecordTable>(table: T, key: Key): RecordOf<T> | undefined {
    const value = this.#vault.get(table, key)
    return value && decoded(table, value)
  }

  list<T extends RecordTable>(table: T, range?: Range): { key: Key; record: RecordOf<T> }[] {
    return Array.from(this.#vault.list(table, range), ({ key, value }) => ({
      key,
      record: decoded(table, value),
    }))
  }

  keys(table: AnyTable, range?: Range): Key[] {
    return [...this.#vault.keys(table, range)]
  }

  bytes(table: BytesTable, key: Key): Uint8Array | undefined {
    return this.#vault.get(table, key)
  }

  listBytes(table: BytesTable, range: Range): { key: Key; value: Uint8Array }[] {
    return [...this.#vault.list(table, range)]
  }

  /**
   * Runs a unit of work when those before it have ended. What it changes is saved at once and durably, then what is to
   * be done after that is done, then its events are told. Where it throws, nothing is saved, done or told; the next one
   * runs all the same. Throws VaultError, and what the work throws. A unit must not wait for another one: it would wait
   * for itself.
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
    const rows = {
      value: (table: AnyTable, key: Key) => this.#vault.get(table, key),
      keys: (table: AnyTable, range?: Range) => this.#vault.keys(table, range),
    }
    const tx = new Transaction(rows, changes => this.#vault.write(changes))
    try {
      const result = await work(tx)
      const changes = tx.changes()
      if (changes.length > 0) this.#vault.write(changes)
      for (const action of tx.actions) action()
      for (const event of tx.events) this.#emit(event)
      return result
    } catch (error) {
      // It is refused before anything is changed, which is no failure.
      if (!(error instanceof Refusal)) this.onFailure()
      throw error
    }
  }
}

export const openRecords = (vault: Vault, emit: (event: EndpointEvent) => void): Records =>
  new Records(vault, emit)
