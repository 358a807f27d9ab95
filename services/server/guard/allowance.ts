// So much for each of many: a bucket for every subject that has taken of its own lately.

import { TokenBucket } from './token-bucket.js'

interface AllowanceOptions {
  /** At once, and again in every period. Infinity: as much as one likes. */
  amount: number
  /** Milliseconds. */
  periodMs: number
  /** Milliseconds, never going back. */
  now?: () => number
}

/** Subjects that are remembered: about 150 bytes each. Of more than that, the one that came first begins anew. */
const SUBJECTS = 50_000
const SECOND_MS = 1_000

export class Allowance {
  readonly #options: AllowanceOptions
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(options: AllowanceOptions) {
    this.#options = options
  }

  /** Takes all of `count` or nothing. Returns the milliseconds to wait for it; 0: it was taken. */
  take(subject: string, count = 1): number {
    const { amount } = this.#options
    if (amount === Number.POSITIVE_INFINITY) return 0
    const bucket = this.#bucket(subject)
    if (bucket.has(Math.min(count, amount))) {
      bucket.take(count)
      return 0
    }
    return bucket.waitMs(count)
  }

  /** To be called regularly: forgets those who have all of theirs. */
  sweep(): void {
    for (const [subject, bucket] of this.#buckets) if (bucket.isFull()) this.#buckets.delete(subject)
  }

  size(): number {
    return this.#buckets.size
  }

  #bucket(subject: string): TokenBucket {
    const known = this.#buckets.get(subject)
    if (known) return known
    const { amount, periodMs, now } = this.#options
    const perSecond = (amount / periodMs) * SECOND_MS
    const bucket = new TokenBucket({ perSecond, burst: amount, ...(now && { now }) })
    this.#buckets.set(subject, bucket)
    const [first] = this.#buckets.keys()
    if (this.#buckets.size > SUBJECTS && first !== undefined) this.#buckets.delete(first)
    return bucket
  }
}
