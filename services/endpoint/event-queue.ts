/** Events that are kept for a program that does not read them. */
const KEPT = 10_000

/**
 * Events in their order, for one reader. While nobody reads, the latest are kept: what was said is in the history, and
 * an event that is dropped says only when.
 */
export class EventQueue<Event> implements AsyncIterableIterator<Event> {
  readonly #waiting: Event[] = []
  #reader: ((result: IteratorResult<Event>) => void) | undefined
  #isOver = false

  push(value: Event): void {
    if (this.#reader) {
      this.#reader({ value, done: false })
      this.#reader = undefined
    } else this.#waiting.push(value)
    if (this.#waiting.length > KEPT) this.#waiting.shift()
  }

  /** Nothing comes any more; what is waiting is still given out. */
  end(): void {
    this.#isOver = true
    this.#reader?.({ value: undefined, done: true })
    this.#reader = undefined
  }

  /** Rejects with RangeError for a second reader at the same time. */
  next(): Promise<IteratorResult<Event>> {
    const value = this.#waiting.shift()
    if (value !== undefined) return Promise.resolve({ value, done: false })
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true })
    if (this.#reader) return Promise.reject(new RangeError('events have one reader at a time'))
    return new Promise(resolve => {
      this.#reader = resolve
    })
  }

  /** A reader that stops early; the next one goes on from there. */
  return(): Promise<IteratorResult<Event>> {
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
