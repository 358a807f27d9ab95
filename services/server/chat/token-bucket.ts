/** So many a second on average, and a burst at once. */
export interface TokenBucket {
  /** Takes up to `count` and returns how many it got. */
  take(count: number): number
  /** Milliseconds until `count` (or, beyond the burst, all that it ever holds) could be taken. */
  waitMs(count: number): number
  full(): boolean
}

export interface TokenBucketOptions {
  perSecond: number
  burst: number
  /** Milliseconds, never going back. */
  now?: () => number
}

export function createTokenBucket({
  perSecond,
  burst,
  now = () => performance.now(),
}: TokenBucketOptions): TokenBucket {
  let tokens = burst
  let filledAt = now()
  const fill = () => {
    const time = now()
    tokens = Math.min(burst, tokens + ((time - filledAt) / 1000) * perSecond)
    filledAt = time
  }
  return {
    take(count) {
      fill()
      const taken = Math.min(count, Math.floor(tokens))
      tokens -= taken
      return taken
    },
    waitMs(count) {
      fill()
      return Math.max(1, Math.ceil(((Math.min(count, burst) - tokens) / perSecond) * 1000))
    },
    full() {
      fill()
      return tokens >= burst
    },
  }
}
