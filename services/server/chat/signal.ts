/** Wakes one waiter. A signal that is raised while nobody waits is kept for the next wait, once. */
export class Signal {
  #raised = false
  #wake: (() => void) | undefined

  raise(): void {
    this.#raised = true
    this.#wake?.()
    this.#wake = undefined
  }

  async wait(): Promise<void> {
    if (!this.#raised)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    this.#raised = false
  }
}
