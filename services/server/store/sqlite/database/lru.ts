interface LruOptions<V> {
  capacity: number
  /** Asked when an entry is set; it has to answer the same until the entry is set again or forgotten. Default: 1. */
  weigh?: (value: V) => number
  forgotten?: (value: V) => void
}

/** A cache that forgets what was used least recently once its entries weigh more than `capacity`. */
export class Lru<K, V> {
  readonly #options: LruOptions<V>
  readonly #entries = new Map<K, { value: V; weight: number }>()
  #total = 0

  constructor(options: LruOptions<V>) {
    this.#options = options
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: K, value: V): void {
    this.delete(key)
    const weight = this.#options.weigh?.(value) ?? 1
    this.#entries.set(key, { value, weight })
    this.#total += weight
    for (const oldest of this.#entries.keys()) {
      if (this.#total <= this.#options.capacity || oldest === key) break
      this.delete(oldest)
    }
  }

  delete(key: K): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#total -= entry.weight
    this.#options.forgotten?.(entry.value)
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key)
  }
}
