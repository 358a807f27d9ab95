import { setTimeout as delay } from 'node:timers/promises'
import type { Pair } from './pair.js'

export interface Shape {
  /** Envelopes of one frame, and bytes of one envelope's ciphertext. */
  envelopes: number
  bytes: number
}

const SETTLE_MS = 5

/** Keeps `window` envelopes of each pair under way until it is stopped. A call that fails ends the process. */
export function flood(pairs: readonly Pair[], { shape, window }: { shape: Shape; window: number }) {
  let received = 0
  let sent = 0
  let stopped = false
  const begin = (pair: Pair) => {
    let underWay = 0
    let writing = false
    const fill = async () => {
      if (writing) return
      writing = true
      while (!stopped && underWay + shape.envelopes <= window) {
        underWay += shape.envelopes
        sent += shape.envelopes
        await pair.send()
      }
      writing = false
    }
    pair.shape(shape)
    pair.onReceived = count => {
      received += count
      underWay -= count
      fill().catch(fail)
    }
    fill().catch(fail)
  }
  pairs.forEach(begin)
  return {
    received: () => received,
    /** Resolves when nothing is under way any more. */
    async stop() {
      stopped = true
      while (sent > received) await delay(SETTLE_MS)
    },
  }
}

/** The figures would be wrong. */
function fail(error: unknown): void {
  process.stderr.write(`${error}\n`)
  process.exit(1)
}
