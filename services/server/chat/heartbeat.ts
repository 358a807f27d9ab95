// Pings and pongs of one session, and how long either side has been silent.

import type { ChatResponse } from '../../../gen/parley/v1/chat_pb.js'
import { pingFrame, pongFrame } from './frames.js'

export interface Timing {
  /** Milliseconds without a frame to the client after which it is pinged. */
  pingIntervalMs: number
  /** Milliseconds without a frame from the client after which it is taken for dead. */
  deadAfterMs: number
}

export class Heartbeat {
  readonly #timing: Timing
  #heardAtMs = Date.now()
  #sentAtMs = Date.now()
  /** Nonces of pings that were not answered yet. */
  readonly #pongs: bigint[] = []
  #pingDue = false
  #nextPing = 1n

  constructor(timing: Timing) {
    this.#timing = timing
  }

  /** The client has sent something. */
  heard(nowMs = Date.now()): void {
    this.#heardAtMs = nowMs
  }

  /** Something was sent to the client. */
  sent(): void {
    this.#sentAtMs = Date.now()
  }

  owePong(nonce: bigint): void {
    this.#pongs.push(nonce)
  }

  unsentPongs(): number {
    return this.#pongs.length
  }

  /** The Pong or Ping that is owed now. */
  next(): ChatResponse | undefined {
    const pong = this.#pongs.shift()
    if (pong !== undefined) return pongFrame(pong)
    if (!this.#pingDue) return undefined
    this.#pingDue = false
    return pingFrame(this.#nextPing++)
  }

  /** Looks at the silence. `lostMs`: the process stood still for so long, and heard nothing because of itself. */
  tick(nowMs: number, lostMs: number): 'dead' | 'ping' | undefined {
    this.#heardAtMs += lostMs
    if (nowMs - this.#heardAtMs >= this.#timing.deadAfterMs) return 'dead'
    if (nowMs - this.#sentAtMs < this.#timing.pingIntervalMs) return undefined
    this.#pingDue = true
    return 'ping'
  }
}
