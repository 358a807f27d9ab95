// Values kept in memory beside the records, because they take long to make of them or are not on the disk at all.

import type { Reader, Transaction } from './transaction.js'

interface KeptOptions<V> {
  /** How much a value takes, and how much all may take together: those used last stay. */
  weigh?(value: V): number
  most?: number
  /** The rest of a value where nobody knows what is saved; nothing, unless given: then it is made anew. */
  doubted?(value: V): V
}

/** Values by key. A transaction alone sees what it sets until its records are saved; else it is forgotten. */
export class Kept<K, V> {
  /** The one used last stands last. */
  readonly #values = new Map<K, V>()
  readonly #drafts = new WeakMap<Reader, Map<K, V | undefined>>()
  readonly #weigh: (value: V) => number
  readonly #most: number
  readonly #doubted: ((value: V) => V) | undefined
  #weight = 0

  constructor({ weigh = () => 1, most = Number.POSITIVE_INFINITY, doubted }: KeptOptions<V> = {}) {
    this.#weigh = weigh
    this.#most = most
    this.#doubted = doubted
  }

  get(reader: Reader, key: K): V | undefined {
    const draft = this.#drafts.get(reader)
    if (draft?.has(key)) return draft.get(key)
    const value = this.#values.get(key)
    // It is the one used last now.
    if (value !== undefined) this.note(key, value)
    return value
  }

  /** Keeps a value made of records that are saved. */
  note(key: K, value: V): void {
    this.#drop(key)
    this.#values.set(key, value)
    this.#weight += this.#weigh(value)
    for (const oldest of this.#values.keys()) {
      if (this.#weight <= this.#most || oldest === key) return
      this.#drop(oldest)
    }
  }

  /** undefined: from here on there is none. */
  set(tx: Transaction, key: K, value: V | undefined): void {
    const draft = this.#drafts.get(tx) ?? this.#newDraft(tx)
    draft.set(key, value)
  }

  #newDraft(tx: Transaction): Map<K, V | undefined> {
    const draft = new Map<K, V | undefined>()
    this.#drafts.set(tx, draft)
    tx.follow({
      saved: () => {
        for (const [key, value] of draft)
          if (value === undefined) this.#drop(key)
          else this.note(key, value)
      },
      uncertain: () => {
        for (const key of draft.keys()) this.#doubt(key)
      },
    })
    return draft
  }

  #doubt(key: K): void {
    const value = this.#values.get(key)
    if (value !== undefined && this.#doubted) this.note(key, this.#doubted(value))
    else this.#drop(key)
  }

  #drop(key: K): void {
    const value = this.#values.get(key)
    if (value !== undefined) this.#weight -= this.#weigh(value)
    this.#values.delete(key)
  }
}
