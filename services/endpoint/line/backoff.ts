/** Milliseconds before the first retry, and at most. */
const FIRST_MS = 500
const MAX_MS = 30_000

/** How long to wait before the next try: doubles each time, with jitter, so that many clients don't come back at once. */
export class Backoff {
  #failures = 0

  /** `fraction`: from 0 to less than 1, by chance. */
  constructor(private readonly fraction: () => number) {}

  next(): number {
    const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** this.#failures++)
    return Math.round(ceiling * (0.5 + this.fraction() / 2))
  }

  reset(): void {
    this.#failures = 0
  }
}
