/** Wakes one waiter. What is raised while nobody waits is kept for the next wait, once. */
export interface Signal {
  raise(): void
  wait(): Promise<void>
}

export function createSignal(): Signal {
  let raised = false
  let wake: (() => void) | undefined
  return {
    raise() {
      raised = true
      wake?.()
      wake = undefined
    },
    async wait() {
      if (!raised) await new Promise<void>(resolve => (wake = resolve))
      raised = false
    },
  }
}
