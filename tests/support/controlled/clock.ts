// The time of real processes: nobody moves it, and a test waits for what happens.

import { FakeClock } from '../memory/clock.js'

/** How long something may take to happen on a busy machine, in ms. */
const PATIENCE_MS = 40_000
/** Nothing has happened for so long, in ms: everything has. */
const QUIET_MS = 700
/** Between two looks where nothing is told, in ms. */
const LOOK_MS = 250

export class RealClock extends FakeClock {
  readonly #looks = new Set<() => void>()
  #last = performance.now()
  #isDue = false

  override now = (): number => Date.now()

  override after(ms: number, action: () => void) {
    const timer = setTimeout(action, Math.max(ms, 1))
    return { cancel: () => clearTimeout(timer) }
  }

  override every(ms: number, action: () => void) {
    const timer = setInterval(action, ms).unref()
    return { cancel: () => clearInterval(timer) }
  }

  override touch(): void {
    this.#last = performance.now()
    if (!this.#isDue) setImmediate(() => this.#look())
    this.#isDue = true
  }

  /** It passes by itself. */
  override pass(): void {}

  override async settled(): Promise<void> {
    const isQuiet = () => performance.now() - this.#last > QUIET_MS || undefined
    await this.until(isQuiet, () => new Error('something goes on happening'))
  }

  override until<T>(look: () => T | undefined, explain: () => Error): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const lookOnce = () => {
      try {
        const found = look()
        if (found !== undefined) resolve(found)
      } catch (error) {
        reject(error)
      }
    }
    const again = setInterval(lookOnce, LOOK_MS)
    const late = setTimeout(() => reject(explain()), PATIENCE_MS)
    this.#looks.add(lookOnce)
    lookOnce()
    return promise.finally(() => {
      clearInterval(again)
      clearTimeout(late)
      this.#looks.delete(lookOnce)
    })
  }

  override run<T>(promise: Promise<T>): Promise<T> {
    return promise
  }

  #look(): void {
    this.#isDue = false
    for (const look of [...this.#looks]) look()
  }
}
