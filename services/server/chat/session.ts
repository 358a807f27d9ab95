// One device's session: it hears the client's frames, and knows which frame the client is owed next. Nothing here
// waits for a slow reader: the generator that writes asks for the next frame when the last one was taken.

import {
  type ChatRequest,
  type ChatResponse,
  type Envelope,
  ErrorReason,
  type OutgoingEnvelope,
} from '../../../gen/parley/v1/chat_pb.js'
import { failure, frameFailure } from '../auth/failure.js'
import type { ClosingReason, Stock } from '../cluster.js'
import type { TokenBucket } from '../guard/token-bucket.js'
import { type RelayLimits, UNSENT_ANSWERS } from '../limits.js'
import type { Cursors } from '../store/cursor.js'
import type { DeviceId, Log, Place } from '../store/store.js'
import { Delivery } from './delivery.js'
import type { PassEphemeral } from './ephemeral.js'
import { closingFrame } from './frames.js'
import { Heartbeat, type Timing } from './heartbeat.js'
import { Hints } from './hints.js'
import { openCursor } from './open-cursor.js'
import { checkSend } from './send-check.js'
import { SendQueue } from './send-queue.js'
import type { SessionGuard } from './session-guard.js'
import { Signal } from './signal.js'

export interface SessionOptions {
  log: Pick<Log, 'append' | 'read' | 'watch' | 'acknowledge'>
  device: DeviceId
  /** Where the device saved that it stands. */
  place: Place
  /** The device's. */
  cursors: Cursors
  limits: RelayLimits
  timing: Timing
  bucket: TokenBucket
  guard: SessionGuard
  passEphemeral: PassEphemeral
  /** The session has failed: nothing more will come of it, though its writer may still hang on a dead line. */
  onFailed: () => void
}

export class Session {
  readonly device: DeviceId
  readonly bucket: TokenBucket
  readonly #options: SessionOptions
  readonly #heartbeat: Heartbeat
  readonly #sendQueue: SendQueue
  readonly #delivery: Delivery
  readonly #hints = new Hints()
  /** Raised for the writer. */
  readonly #changed = new Signal()
  /** Raised when there may be room for the client's next frame. */
  readonly #room = new Signal()
  /** The client's next frame is left unread for now. */
  #isHeldUp = false
  #closing: ClosingReason | undefined
  #clientEnded = false
  #finished = false
  #failed: { error: unknown } | undefined

  constructor(options: SessionOptions) {
    const { log, device, place, cursors, limits, bucket, guard, timing } = options
    this.device = device
    this.bucket = bucket
    this.#options = options
    this.#heartbeat = new Heartbeat(timing)
    const shared = { log, device, onFailure: (error: unknown) => this.#fail(error) }
    this.#delivery = new Delivery({
      ...{ ...shared, place, cursors, window: limits.unackedDeliveries },
      onReady: () => this.#changed.raise(),
    })
    this.#sendQueue = new SendQueue({
      ...{ ...shared, bucket, guard },
      deliverTo: after => this.#delivery.deliverTo(after),
      onAnswered: () => {
        this.#changed.raise()
        this.#room.raise()
      },
    })
  }

  /** Reads the client's frames until they end or the session does, but not while too much waits. Never rejects. */
  async receive(requests: AsyncIterator<ChatRequest>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await requests.next()
        if (this.#isOver()) return
        this.#heartbeat.heard()
        if (done) break
        await this.#hear(value)
        if (this.#isFull()) await this.#waitForRoom()
      }
      this.#clientEnded = true
      this.#changed.raise()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The next frame to write; undefined: none now. Throws what the session ends with, if not with OK. */
  next(): ChatResponse | undefined {
    if (this.#failed) throw this.#failed.error
    const frame = this.#pendingFrame() ?? this.#lastFrame()
    if (frame) this.#heartbeat.sent()
    return frame
  }

  /** Whether everything was written: the session ends with OK. */
  isFinished(): boolean {
    return this.#finished
  }

  /** Resolves when `next` or `isFinished` may have something else to say. */
  changed(): Promise<void> {
    return this.#changed.wait()
  }

  /** Wakes the one who waits for `changed`. */
  wake(): void {
    this.#changed.raise()
  }

  addEphemeral(envelope: Envelope): void {
    this.#hints.addEphemeral(envelope)
    this.#changed.raise()
  }

  addChangedAccount(handle: string): void {
    this.#hints.addChangedAccount(handle)
    this.#changed.raise()
  }

  setKeyPackagesLeft(stock: Stock): void {
    this.#hints.setKeyPackagesLeft(stock)
    this.#changed.raise()
  }

  /** Takes no more frames and ends with Closing. Resolves when nothing more goes to the log. */
  close(reason: ClosingReason): Promise<void> {
    this.#closing ??= reason
    this.#room.raise()
    this.#changed.raise()
    return this.#sendQueue.settled()
  }

  /** Looks how long either side has been silent. Milliseconds of Date.now(); `lostMs`: the process stood still. */
  tick(nowMs: number, lostMs: number): void {
    // While the store is behind, frames are left unread: the silence is ours.
    if (this.#isHeldUp && !this.#sendQueue.isIdle()) this.#heartbeat.heard(nowMs)
    const silence = this.#heartbeat.tick(nowMs, lostMs)
    if (silence === 'ping') this.#changed.raise()
    if (silence !== 'dead') return
    const { deadAfterMs } = this.#options.timing
    const message = `nothing was heard of the device for ${deadAfterMs} ms`
    this.#fail(failure('DEADLINE_EXCEEDED', ErrorReason.DEAD, message))
  }

  /** Frees what the session holds. */
  release(): void {
    this.#closing ??= 'shuttingDown'
    this.#room.raise()
    this.#delivery.stop()
  }

  #fail(error: unknown): void {
    this.#failed ??= { error }
    this.#changed.raise()
    this.#options.onFailed()
  }

  /** Whether nothing more is heard. */
  #isOver(): boolean {
    return this.#closing !== undefined || this.#failed !== undefined
  }

  async #waitForRoom(): Promise<void> {
    this.#isHeldUp = true
    while (this.#isFull() && !this.#isOver()) await this.#room.wait()
    this.#isHeldUp = false
  }

  /** Whether so much waits already that the client's next frame is better left unread. */
  #isFull(): boolean {
    const unsent = this.#sendQueue.answers.size() + this.#heartbeat.unsentPongs()
    return this.#sendQueue.isFull() || unsent >= UNSENT_ANSWERS
  }

  async #hear({ frame }: ChatRequest): Promise<void> {
    switch (frame.case) {
      case 'send':
        return this.#hearSend(frame.value.envelopes)
      case 'ack':
        if (frame.value.cursor.length === 0) throw frameFailure('Ack: its cursor is empty')
        return this.#delivery.acked(openCursor(this.#options.cursors, frame.value.cursor, 'Ack'))
      case 'ping':
        this.#heartbeat.owePong(frame.value.nonce)
        return this.#changed.raise()
      case 'pong':
        return
      case 'open':
        throw frameFailure('Open: only the first frame of a stream may be one')
      default:
        throw frameFailure('a frame with no case that this server knows')
    }
  }

  async #hearSend(envelopes: readonly OutgoingEnvelope[]): Promise<void> {
    const { limits, bucket, passEphemeral, device } = this.#options
    checkSend(envelopes, limits)
    const numbered = envelopes.filter(({ envelope }) => envelope.case !== 'ephemeral')
    if (numbered.length > 0) this.#sendQueue.add(numbered)
    if (numbered.length === envelopes.length) return
    for (const outgoing of envelopes) {
      const { envelope } = outgoing
      if (envelope.case !== 'ephemeral' || envelope.value.ciphertext.length > limits.applicationBytes)
        continue
      if (bucket.take(1) === 1) await passEphemeral(device, outgoing)
    }
  }

  /** The frame that is owed now, the urgent first. Answers are asked twice, as delivery may have set one free. */
  #pendingFrame(): ChatResponse | undefined {
    if (this.#finished) return undefined
    const urgent = this.#heartbeat.next() ?? this.#nextAnswer()
    if (urgent) {
      this.#room.raise()
      return urgent
    }
    if (this.#closing) return undefined
    return this.#hints.next() ?? this.#delivery.next() ?? this.#nextAnswer()
  }

  #nextAnswer(): ChatResponse | undefined {
    return this.#sendQueue.answers.next(after => this.#delivery.isDelivered(after))
  }

  /**
   * Nothing is owed at the moment: whether the session ends now. With Closing, an answer that waits for delivery is
   * left out: its sender asks again in the next session.
   */
  #lastFrame(): ChatResponse | undefined {
    if (this.#finished || !this.#sendQueue.isIdle()) return undefined
    const isAnswered = this.#clientEnded && this.#sendQueue.answers.size() === 0
    this.#finished = this.#closing !== undefined || isAnswered
    return this.#finished && this.#closing ? closingFrame(this.#closing) : undefined
  }
}
