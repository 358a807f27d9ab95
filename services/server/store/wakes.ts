/** Calls those who wait for something new to read, by the keys of their devices. */
export class Wakes {
  readonly #waiting = new Map<number, Set<() => void>>()

  /** Returns how to stop. The same function may be given twice. */
  add(device: number, wake: () => void): () => void {
    const entry = () => wake()
    const own = this.#waiting.get(device) ?? new Set()
    this.#waiting.set(device, own.add(entry))
    return () => {
      own.delete(entry)
      if (own.size === 0 && this.#waiting.get(device) === own) this.#waiting.delete(device)
    }
  }

  has(device: number): boolean {
    return this.#waiting.has(device)
  }

  /** Each is called as a task of its own: one that throws does not keep the others asleep. */
  wake(devices: Iterable<number>): void {
    for (const device of devices) for (const wake of this.#waiting.get(device) ?? []) queueMicrotask(wake)
  }
}
