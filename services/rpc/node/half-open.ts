// The calls that have begun and have not said anything yet. Somebody who begins thousands of them and leaves them so
// costs memory and places; somebody who calls in earnest is here for the time of a round trip. So where there are too
// many the oldest goes, which is hardly ever one in earnest.

/** Ends a call. */
type Evict = () => void

interface HalfOpenOptions {
  /** At most so many from one address, and so many in all. */
  perAddress: number
  total: number
}

export class HalfOpenCalls {
  readonly #options: HalfOpenOptions
  /** The oldest first. */
  readonly #all = new Map<Evict, string>()
  readonly #byAddress = new Map<string, Set<Evict>>()

  constructor(options: HalfOpenOptions) {
    this.#options = options
  }

  /** Returns how to say that the call has said something, or is over. */
  add(address: string, evict: Evict): () => void {
    const same = this.#byAddress.get(address) ?? new Set()
    this.#byAddress.set(address, same)
    this.#all.set(evict, address)
    same.add(evict)
    if (same.size > this.#options.perAddress) this.#evict(same)
    else if (this.#all.size > this.#options.total) this.#evict(this.#all.keys())
    return () => this.#remove(evict)
  }

  size(): number {
    return this.#all.size
  }

  #evict(calls: Iterable<Evict>): void {
    for (const oldest of calls) {
      this.#remove(oldest)
      oldest()
      return
    }
  }

  #remove(evict: Evict): void {
    const address = this.#all.get(evict)
    if (address === undefined) return
    this.#all.delete(evict)
    const same = this.#byAddress.get(address)
    same?.delete(evict)
    if (same?.size === 0) this.#byAddress.delete(address)
  }
}
