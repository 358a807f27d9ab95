// Reads the log for one device at the device's own pace. At most one batch is read ahead and at most
// Limits.unacked_deliveries are out unacked, so a device that is slow or away costs a place in the log.

import type { ChatResponse } from '../../../gen/parley/v1/chat_pb.js'
import { DELIVER_BYTES, DELIVER_ENVELOPES } from '../limits.js'
import type { Cursors } from '../store/cursor.js'
import type { DeviceId, Log, Place, ReadResult } from '../store/store.js'
import { caughtUpFrame, deliverFrame } from './frames.js'

interface DeliveryOptions {
  log: Pick<Log, 'read' | 'watch' | 'acknowledge'>
  device: DeviceId
  /** Where the device saved that it stands. */
  place: Place
  /** The device's. */
  cursors: Pick<Cursors, 'seal'>
  /** Limits.unacked_deliveries. */
  window: number
  onReady: () => void
  onFailure: (error: unknown) => void
}

export class Delivery {
  readonly #options: DeliveryOptions
  readonly #unwatch: () => void
  /** Where the next read begins. */
  #position: Place
  /** The batch that is read ahead. */
  #ahead: ReadResult | undefined
  #isReading = false
  /** There may be more to read. */
  #isStale = true
  /** Up to where the log was handed out; undefined: nothing of it was read yet. */
  #handedOut: Place | undefined
  /** Up to where it is handed out whatever the window says. */
  #wanted: Place = 0
  #unacked: Place[] = []
  /** The newest ack that the store was not told yet. */
  #ackToPass: Place | undefined
  #isPassingAck = false
  #caughtUp: 'no' | 'due' | 'sent' = 'no'
  #isStopped = false

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#position = options.place
    this.#unwatch = options.log.watch(options.device, () => this.#readOn())
    // The place that the device comes with is as good as an ack that was lost.
    if (options.place > 0) this.#passAck(options.place)
    this.#readAhead()
  }

  /** The next Deliver or CaughtUp; undefined: nothing now, onReady tells when to ask again. */
  next(): ChatResponse | undefined {
    if (this.#caughtUp === 'due') {
      this.#caughtUp = 'sent'
      return caughtUpFrame()
    }
    if (this.#ahead === undefined || this.#isHeldBack()) return undefined
    const { envelopes, place, more } = this.#ahead
    this.#ahead = undefined
    this.#position = place
    this.#handedOut = place
    if (more) this.#isStale = true
    else if (this.#caughtUp === 'no') this.#caughtUp = 'due'
    this.#readAhead()
    if (envelopes.length === 0) return this.next()
    this.#remember(place)
    return deliverFrame(envelopes, this.#options.cursors.seal(place))
  }

  /** The device saved everything up to the place. */
  acked(place: Place): void {
    const wasHeldBack = this.#isHeldBack()
    this.#unacked.splice(0, this.#unacked.indexOf(place) + 1)
    this.#passAck(place)
    if (!wasHeldBack) return
    this.#readAhead()
    this.#options.onReady()
  }

  /** Something waits to be told until this place is delivered: until then the window holds nothing back. */
  deliverTo(place: Place): void {
    this.#wanted = Math.max(this.#wanted, place)
    this.#readOn()
  }

  isDelivered(place: Place): boolean {
    return this.#handedOut !== undefined && this.#handedOut >= place
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
      error => this.#options.onFailure(error),
    )
  }

  /** Beyond the window (see deliverTo) the last two frames are remembered as one, which keeps it bounded. */
  #remember(place: Place): void {
    if (this.#unacked.length >= this.#options.window) this.#unacked.pop()
    this.#unacked.push(place)
  }

  /** Passes acks on one at a time; of those that come meanwhile only the last one counts. */
  #passAck(place: Place): void {
    this.#ackToPass = place
    if (!this.#isPassingAck) this.#passAcks().catch(error => this.#options.onFailure(error))
  }

  async #passAcks(): Promise<void> {
    const { log, device } = this.#options
    this.#isPassingAck = true
    while (this.#ackToPass !== undefined) {
      const place = this.#ackToPass
      this.#ackToPass = undefined
      await log.acknowledge(device, place)
    }
    this.#isPassingAck = false
  }
}
