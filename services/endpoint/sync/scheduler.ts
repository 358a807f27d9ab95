import type { Clock, Timer } from '../ports.js'

/** Does work later. Once it is stopped, it does nothing of it any more, and nothing is added. */
export class Scheduler {
  readonly #timers = new Set<Timer>()
  #wakesAt = Number.POSITIVE_INFINITY
  #isStopped = false

  constructor(private readonly clock: Clock) {}

  get isStopped(): boolean {
    return this.#isStopped
  }

  after(ms: number, action: () => void): Timer {
    if (this.#isStopped) return NONE
    const timer = this.clock.after(ms, () => {
      this.#timers.delete(timer)
      action()
    })
    return this.#keep(timer)
  }

  every(ms: number, action: () => void): Timer {
    return this.#isStopped ? NONE : this.#keep(this.clock.every(ms, action))
  }

  /** Runs the action at this time, in ms since 1970; of several such, only the one that is due first. */
  wakeAt(time: number, action: () => void): void {
    if (time >= this.#wakesAt) return
    this.#wakesAt = time
    this.after(time - this.clock.now() + 1, () => {
      this.#wakesAt = Number.POSITIVE_INFINITY
      action()
    })
  }

  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  #keep(timer: Timer): Timer {
    this.#timers.add(timer)
    return {
      cancel: () => {
        this.#timers.delete(timer)
        timer.cancel()
      },
    }
  }
}

const NONE: Timer = { cancel: () => undefined }
