// The calls that have begun and have not said anything yet. Somebody who begins thousands of them and leaves them so
// costs memory and places; somebody who calls in earnest is here for the time of a round trip. So where there are too
// many, those go that have been silent for a while, the oldest first, which is hardly ever one in earnest.

/** A call that says nothing. */
interface Silent {
  address: string
  /** Milliseconds, as `now` counts them. */
  since: number
  end(): void
}

interface HalfOpenOptions {
  /** More than so many from one address, or in all, are too many. */
  perAddress: number
  total: number
  /** Milliseconds for which a call may be silent however many there are. */
  graceMs: number
  /** Milliseconds after which it ends however few there are. */
  patienceMs: number
  /** Milliseconds, never going back. */
  now?: () => number
}

export class HalfOpenCalls {
  readonly #options: HalfOpenOptions
  readonly #now: () => number
  /** The oldest first. */
  readonly #all = new Set<Silent>()
  readonly #byAddress = new Map<string, Set<Silent>>()

  constructor(options: HalfOpenOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** `end` ends the call. Returns how to say that it has said something, or is over. */
  add(address: string, end: () => void): () => void {
    const { graceMs, patienceMs } = this.#options
    const same = this.#byAddress.get(address) ?? new Set()
    this.#byAddress.set(address, same)
    const silent: Silent = { address, since: this.#now(), end }
    this.#all.add(silent)
    same.add(silent)
    this.#makeRoom(same)
    let timer = setTimeout(() => {
      if (this.#isCrowded(same)) this.#evict(silent)
      else timer = setTimeout(() => this.#evict(silent), patienceMs - graceMs)
    }, graceMs)
    return () => {
      clearTimeout(timer)
      this.#remove(silent)
    }
  }

  size(): number {
    return this.#all.size
  }

  #isCrowded(same: ReadonlySet<Silent>): boolean {
    const { perAddress, total } = this.#options
    return same.size > perAddress || this.#all.size > total
  }

  /** Ends the oldest one, of the same address where these are too many, if it has been silent for long enough. */
  #makeRoom(same: ReadonlySet<Silent>): void {
    if (!this.#isCrowded(same)) return
    const [oldest] = same.size > this.#options.perAddress ? same : this.#all
    if (oldest && this.#now() - oldest.since >= this.#options.graceMs) this.#evict(oldest)
  }

  #evict(silent: Silent): void {
    if (!this.#all.has(silent)) return
    this.#remove(silent)
    silent.end()
  }

  #remove(silent: Silent): void {
    this.#all.delete(silent)
    const same = this.#byAddress.get(silent.address)
    same?.delete(silent)
    if (same?.size === 0) this.#byAddress.delete(silent.address)
  }
}
