import type { EndpointEvent } from '../endpoint/index.js'

/** Keeps the events that come before there is somebody to tell, then passes them on in their order. */
export function eventBuffer(): {
  push(event: EndpointEvent): void
  drainTo(listener: (event: EndpointEvent) => void): void
} {
  const early: EndpointEvent[] = []
  let listener: ((event: EndpointEvent) => void) | undefined
  return {
    push(event) {
      if (listener) listener(event)
      else early.push(event)
    },
    drainTo(next) {
      listener = next
      for (const event of early.splice(0)) next(event)
    },
  }
}
