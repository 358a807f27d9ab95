interface TokenBucketOptions {
  perSecond: number
  burst: number
  /** Milliseconds, never going back. */
  now?: () => number
}

/** So many a second on average, and a burst at once. */
export class TokenBucket {
  readonly #options: Required<TokenBucketOptions>
  #tokens: number
  #filledAt: number

  constructor({ perSecond, burst, now = () => performance.now() }: TokenBucketOptions) {
    this.#options = { perSecond, burst, now }
    this.#tokens = burst
    this.#filledAt = now()
  }

  /** Takes up to `count` and returns how many it got. */
  take(count: number): number {
    this.#fill()
    const taken = Math.min(count, Math.floor(this.#tokens))
    this.#tokens -= taken
    return taken
  }

  /** Whether `count` could be taken now. */
  has(count: number): boolean {
    this.#fill()
    return this.#tokens >= count
  }

  /** Milliseconds until `count` (or, beyond the burst, all that it ever holds) could be taken. */
  waitMs(count: number): number {
    this.#fill()
    const { perSecond, burst } = this.#options
    return Math.max(1, Math.ceil(((Math.min(count, burst) - this.#tokens) / perSecond) * 1000))
  }

  isFull(): boolean {
    this.#fill()
    return this.#tokens >= this.#options.burst
  }

  #fill(): void {
    const { perSecond, burst, now } = this.#options
    const time = now()
    this.#tokens = Math.min(burst, this.#tokens + ((time - this.#filledAt) / 1000) * perSecond)
    this.#filledAt = time
  }
}
