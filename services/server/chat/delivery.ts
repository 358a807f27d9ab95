// Reads the log for one device at the device's own pace. At most one batch is read ahead and at most
// Limits.unacked_deliveries are out unacked, so a device that is slow or away costs a place in the log.

import type { ChatResponse } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { frameFailure } from '../auth/failure.js'
import { DELIVER_BYTES, DELIVER_ENVELOPES } from '../limits.js'
import {
  BadCursorError,
  type Cursor,
  type DeviceId,
  isAtOrPast,
  type Log,
  type ReadResult,
} from '../store/store.js'
import { caughtUpFrame, deliverFrame } from './frames.js'

interface DeliveryOptions {
  log: Pick<Log, 'read' | 'watch' | 'acknowledge'>
  device: DeviceId
  /** Where the device saved that it stands. */
  cursor: Cursor
  /** Limits.unacked_deliveries. */
  window: number
  onReady: () => void
  onFailure: (error: unknown) => void
}

export class Delivery {
  readonly #options: DeliveryOptions
  readonly #unwatch: () => void
  /** Where the next read begins. */
  #position: Cursor
  /** The batch that is read ahead. */
  #ahead: ReadResult | undefined
  #isReading = false
  /** There may be more to read. */
  #isStale = true
  /** Up to where the log was handed out; undefined: nothing of it was read yet. */
  #handedOut: Cursor | undefined
  /** Up to where it is handed out whatever the window says. */
  #wanted: Cursor = new Uint8Array()
  #unacked: Cursor[] = []
  /** The newest ack that the store was not told yet. */
  #ackToPass: Cursor | undefined
  #isPassingAck = false
  #caughtUp: 'no' | 'due' | 'sent' = 'no'
  #isStopped = false

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#position = options.cursor
    this.#unwatch = options.log.watch(options.device, () => this.#readOn())
    // The place that the device comes with is as good as an ack that was lost.
    if (options.cursor.length > 0) this.#passAck(options.cursor)
    this.#readAhead()
  }

  /** The next Deliver or CaughtUp; undefined: nothing now, onReady tells when to ask again. */
  next(): ChatResponse | undefined {
    if (this.#caughtUp === 'due') {
      this.#caughtUp = 'sent'
      return caughtUpFrame()
    }
    if (this.#ahead === undefined || this.#isHeldBack()) return undefined
    const { envelopes, cursor, more } = this.#ahead
    this.#ahead = undefined
    this.#position = cursor
    this.#handedOut = cursor
    if (more) this.#isStale = true
    else if (this.#caughtUp === 'no') this.#caughtUp = 'due'
    this.#readAhead()
    if (envelopes.length === 0) return this.next()
    this.#remember(cursor)
    return deliverFrame(envelopes, cursor)
  }

  /** The device saved everything up to the cursor. */
  acked(cursor: Cursor): void {
    const wasHeldBack = this.#isHeldBack()
    const place = this.#unacked.findIndex(unacked => equalBytes(unacked, cursor))
    this.#unacked.splice(0, place + 1)
    this.#passAck(cursor)
    if (!wasHeldBack) return
    this.#readAhead()
    this.#options.onReady()
  }

  /** Something waits to be told until this place is delivered: until then the window holds nothing back. */
  deliverTo(place: Cursor): void {
    if (isAtOrPast(place, this.#wanted)) this.#wanted = place
    this.#readOn()
  }

  isDelivered(place: Cursor): boolean {
    return this.#handedOut !== undefined && isAtOrPast(this.#handedOut, place)
  }

  stop(): void {
    this.#isStopped = true
    this.#unwatch()
  }

  #isHeldBack(): boolean {
    return this.#unacked.length >= this.#options.window && this.isDelivered(this.#wanted)
  }

  #readOn(): void {
    this.#isStale = true
    this.#readAhead()
  }

  #readAhead(): void {
    if (this.#isReading || this.#ahead || !this.#isStale || this.#isStopped || this.#isHeldBack()) return
    this.#isReading = true
    this.#isStale = false
    const { log, device, onReady } = this.#options
    const limits = { maxEnvelopes: DELIVER_ENVELOPES, maxBytes: DELIVER_BYTES }
    log.read({ device, after: this.#position, ...limits }).then(
      result => {
        this.#isReading = false
        this.#ahead = result
        onReady()
      },
      error => this.#fail(error),
    )
  }

  /** Beyond the window (see deliverTo) the last two frames are remembered as one, which keeps it bounded. */
  #remember(cursor: Cursor): void {
    if (this.#unacked.length >= this.#options.window) this.#unacked.pop()
    this.#unacked.push(cursor)
  }

  /** Passes acks on one at a time; of those that come meanwhile only the last one counts. */
  #passAck(cursor: Cursor): void {
    this.#ackToPass = cursor
    if (!this.#isPassingAck) this.#passAcks().catch(error => this.#fail(error))
  }

  async #passAcks(): Promise<void> {
    const { log, device } = this.#options
    this.#isPassingAck = true
    while (this.#ackToPass !== undefined) {
      const cursor = this.#ackToPass
      this.#ackToPass = undefined
      await log.acknowledge(device, cursor)
    }
    this.#isPassingAck = false
  }

  /** A cursor that is none is the client's fault; anything else is a defect. */
  #fail(error: unknown): void {
    const isBadCursor = error instanceof BadCursorError
    this.#options.onFailure(isBadCursor ? frameFailure('a cursor that this server did not give') : error)
  }
}
