/** Milliseconds before the first retry, and at most. */
const FIRST_MS = 500
const MAX_MS = 30_000

export interface Backoff {
  /** How long to wait now: doubles each time, with jitter, so that many clients don't come back at once. */
  next(): number
  reset(): void
}

export function backoff(random: () => number = Math.random): Backoff {
  let failures = 0
  return {
    next() {
      const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** failures++)
      return Math.round(ceiling * (0.5 + random() / 2))
    },
    reset() {
      failures = 0
    },
  }
}
