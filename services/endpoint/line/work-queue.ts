/** Runs tasks one after the other; after one has failed, none of those behind it runs. */
export class WorkQueue {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  #hasFailed = false

  /** `onFailure` is told, once, what a task threw. */
  constructor(private readonly onFailure: (cause: unknown) => void) {}

  /** Tasks that have not ended. */
  get waiting(): number {
    return this.#waiting
  }

  add(task: () => Promise<void>): void {
    this.#waiting++
    this.#last = this.#last.then(() => this.#run(task))
  }

  /** Resolves when all that was added so far has ended, well or not. */
  settled(): Promise<void> {
    return this.#last
  }

  async #run(task: () => Promise<void>): Promise<void> {
    try {
      if (!this.#hasFailed) await task()
    } catch (cause) {
      this.#hasFailed = true
      this.onFailure(cause)
    } finally {
      this.#waiting--
    }
  }
}
