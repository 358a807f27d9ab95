/** Runs tasks one after the other; after one has failed, none of those behind it runs. */
export class WorkQueue {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  #failure: { cause: unknown } | undefined

  /** Tasks that have not ended. */
  get waiting(): number {
    return this.#waiting
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  add(task: () => Promise<void>): void {
    this.#waiting++
    this.#last = this.#last.then(() => this.#run(task))
  }

  /** Resolves when all that was added so far has ended, well or not. */
  settled(): Promise<void> {
    return this.#last
  }

  /** The same, but throws what a task threw. */
  async done(): Promise<void> {
    await this.#last
    if (this.#failure) throw this.#failure.cause
  }

  async #run(task: () => Promise<void>): Promise<void> {
    try {
      if (!this.#failure) await task()
    } catch (cause) {
      this.#failure = { cause }
    } finally {
      this.#waiting--
    }
  }
}
