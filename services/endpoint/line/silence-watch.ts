import type { Opened } from '../../../gen/parley/v1/chat_pb.js'
import { LineDown } from '../codes/line-error.js'
import type { Clock, Timer } from '../ports.js'
import type { FrameWriter } from './frame-writer.js'

/** How long the server may take to answer Open, in ms. */
const OPEN_TIMEOUT_MS = 10_000
/** How often silence is looked for, in ms. */
const WATCH_INTERVAL_MS = 1_000

/** Ends a stream on which nothing is heard; sends a ping where nothing else was sent. */
export class SilenceWatch {
  #lastHeard: number
  #pingIntervalMs = Number.POSITIVE_INFINITY
  #deadAfterMs = OPEN_TIMEOUT_MS
  #isPaused = false
  #nonce = 0n
  readonly #timer: Timer

  constructor(
    private readonly clock: Clock,
    private readonly writer: Pick<FrameWriter, 'lastWritten' | 'write'>,
    private readonly onDead: (cause: LineDown) => void,
  ) {
    this.#lastHeard = clock.now()
    this.#timer = clock.every(WATCH_INTERVAL_MS, () => this.#look())
  }

  heard(): void {
    this.#lastHeard = this.clock.now()
  }

  /** From here on the times that the server names count. */
  opened({ pingIntervalMs, deadAfterMs }: Pick<Opened, 'pingIntervalMs' | 'deadAfterMs'>): void {
    this.#pingIntervalMs = pingIntervalMs
    this.#deadAfterMs = deadAfterMs
  }

  /** While this lasts nothing is read, so silence means nothing. */
  async pausedFor(work: Promise<unknown>): Promise<void> {
    this.#isPaused = true
    await work
    this.#lastHeard = this.clock.now()
    this.#isPaused = false
  }

  stop(): void {
    this.#timer.cancel()
  }

  #look(): void {
    const now = this.clock.now()
    const silentMs = now - this.#lastHeard
    if (!this.#isPaused && silentMs > this.#deadAfterMs)
      this.onDead(new LineDown({ code: 'silent', seconds: Math.round(silentMs / 1000) }))
    else if (now - this.writer.lastWritten >= this.#pingIntervalMs)
      this.writer.write({ case: 'ping', value: { nonce: ++this.#nonce } })
  }
}
