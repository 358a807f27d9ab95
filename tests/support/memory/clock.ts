// A clock that a test moves, and how a test waits with it: everything that is under way happens first, without any time
// passing; only when nothing moves any more does the clock go on to the next timer. So a test takes no longer than its
// work, and one that waits in vain ends at once.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Timer } from '../../../services/endpoint/ports.js'

/** Turns of the event loop without activity after which nothing is under way: more than anything here takes between two steps. */
const QUIET_TURNS = 16
/** How much of the test's time something may take, in ms. */
const PATIENCE_MS = 10 * 60_000

interface Waiting {
  due: number
  action: () => void
}

export class FakeClock implements Clock {
  #now: number
  /** Grows with everything that happens. */
  #activity = 0
  readonly #timers = new Set<Waiting>()

  constructor(now = Date.now()) {
    this.#now = now
  }

  now = (): number => this.#now

  after(ms: number, action: () => void): Timer {
    const timer: Waiting = { due: this.#now + Math.max(ms, 1), action }
    this.#timers.add(timer)
    this.touch()
    return { cancel: () => void this.#timers.delete(timer) }
  }

  every(ms: number, action: () => void): Timer {
    const again = () => {
      timer = this.after(ms, again)
      action()
    }
    let timer = this.after(ms, again)
    return { cancel: () => timer.cancel() }
  }

  /** Something has happened: what follows from it may still be under way. */
  touch(): void {
    this.#activity++
  }

  /** So much time passes at once, as while a machine sleeps: each timer that is due by then goes off once, in order. */
  pass(ms: number): void {
    this.#now += ms
    const due = [...this.#timers].filter(timer => timer.due <= this.#now).sort((a, b) => a.due - b.due)
    for (const timer of due) this.#goOff(timer)
  }

  /** Resolves when nothing is under way that does not wait for time. */
  async settled(): Promise<void> {
    await this.#settle(() => undefined)
  }

  /** Lets things happen, and time pass, until there is what is looked for. Throws what `explain` makes of it when it never is. */
  async until<T>(look: () => T | undefined, explain: () => Error): Promise<T> {
    const end = this.#now + PATIENCE_MS
    for (;;) {
      const found = look() ?? (await this.#settle(look))
      if (found !== undefined) return found
      if (this.#now > end || !this.#step()) throw explain()
    }
  }

  /** Lets things happen, and time pass, until the promise is settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const noted = () => {
      isSettled = true
      this.touch()
    }
    promise.then(noted, noted)
    await this.until(
      () => isSettled || undefined,
      () => new Error('nothing is under way any more that could settle this promise'),
    )
    return await promise
  }

  /** Looks after every turn in which something has happened, until there is what is looked for, or nothing happens any more. */
  async #settle<T>(look: () => T | undefined): Promise<T | undefined> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      const before = this.#activity
      await nextTurn()
      if (this.#activity === before) continue
      quiet = -1
      const found = look()
      if (found !== undefined) return found
    }
    // Everything takes some time.
    this.#now++
    return undefined
  }

  /** Goes on to the next timer. False: there is none. */
  #step(): boolean {
    const [next] = [...this.#timers].sort((a, b) => a.due - b.due)
    if (!next) return false
    this.#now = Math.max(this.#now, next.due)
    this.#goOff(next)
    return true
  }

  #goOff(timer: Waiting): void {
    if (!this.#timers.delete(timer)) return
    this.touch()
    timer.action()
  }
}
