// From the frames of one device to the store: all that arrived while the store was writing goes to it in one call, so
// that a fast sender needs few transactions, and one call at a time keeps its order.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OutgoingEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import type { TokenBucket } from '../guard/token-bucket.js'
import { WAITING_SEND_BYTES, WAITING_SENDS } from '../limits.js'
import { payloadBytes } from '../store/log-record.js'
import type { AppendOutcome, DeviceId, Log, Place } from '../store/store.js'
import { checkCommitHead } from './commit-check.js'
import { SendAnswers } from './send-answers.js'
import type { SessionGuard } from './session-guard.js'

/**
 * Turns of the event loop for which sends are gathered, as long as each brings more: a turn reads no more than
 * 64 KiB of a connection, and a disk sync costs more than to read them all. One that comes alone waits for one.
 */
const GATHER_TURNS = 8

interface SendQueueOptions {
  log: Pick<Log, 'append'>
  device: DeviceId
  bucket: TokenBucket
  guard: SessionGuard
  /** Called when a rejection waits until the device is delivered up to here. */
  deliverTo: (after: Place) => void
  onAnswered: () => void
  onFailure: (error: unknown) => void
}

export class SendQueue {
  readonly answers = new SendAnswers()
  readonly #options: SendQueueOptions
  #waiting: OutgoingEnvelope[] = []
  #waitingBytes = 0
  #working = false
  #settled = Promise.resolve()

  constructor(options: SendQueueOptions) {
    this.#options = options
  }

  add(envelopes: readonly OutgoingEnvelope[]): void {
    for (const envelope of envelopes) {
      this.#waiting.push(envelope)
      this.#waitingBytes += payloadBytes(envelope)
    }
    if (!this.#working) this.#settled = this.#drain().catch(this.#options.onFailure)
  }

  /** Whether so much waits for the store that frames are better left unread. */
  isFull(): boolean {
    return this.#waiting.length >= WAITING_SENDS || this.#waitingBytes >= WAITING_SEND_BYTES
  }

  isIdle(): boolean {
    return !this.#working
  }

  /** Resolves when all that was added so far is answered or has failed. */
  settled(): Promise<void> {
    return this.#settled
  }

  async #drain(): Promise<void> {
    this.#working = true
    while (this.#waiting.length > 0) {
      await this.#gather()
      const batch = this.#waiting
      this.#waiting = []
      this.#waitingBytes = 0
      await this.#append(batch)
      this.#working = this.#waiting.length > 0
      this.#options.onAnswered()
    }
  }

  async #gather(): Promise<void> {
    for (let turn = 0, before = 0; turn < GATHER_TURNS && this.#waiting.length > before; turn++) {
      if (this.isFull()) return
      before = this.#waiting.length
      await nextTurn()
    }
  }

  async #append(batch: readonly OutgoingEnvelope[]): Promise<void> {
    const { log, device } = this.#options
    const { granted, retryAfterMs } = this.#allowed(batch)
    const within = granted < batch.length ? batch.slice(0, granted) : batch
    const refused = within.map(send => checkCommitHead(device, send))
    const sound = within.filter((_, index) => refused[index] === undefined)
    const outcomes = sound.length > 0 ? await log.append(device, sound) : []
    let next = 0
    for (const [index, { clientSequence }] of within.entries()) {
      const reason = refused[index]
      // Those behind it are out of order now, and the store says so.
      if (reason) this.answers.reject({ clientSequence, reason })
      else this.#answer(clientSequence, outcomes[next++]!)
    }
    for (const { clientSequence } of batch.slice(granted))
      this.answers.reject({ clientSequence, reason: { case: 'rateLimited', value: { retryAfterMs } } })
  }

  /** How many of the sends may be stored now, from the first on, and how long the next one waits. */
  #allowed(batch: readonly OutgoingEnvelope[]): { granted: number; retryAfterMs: number } {
    const { bucket, guard } = this.#options
    const granted = bucket.take(batch.length)
    for (let index = 0; index < granted; index += 1) {
      const { envelope } = batch[index]!
      const retryAfterMs = envelope.case === 'commit' && envelope.value.creates ? guard.conversation() : 0
      if (retryAfterMs > 0) return { granted: index, retryAfterMs }
    }
    const over = batch.length - granted
    if (over > 0) guard.refused('sends', over)
    return { granted, retryAfterMs: over > 0 ? bucket.waitMs(over) : 0 }
  }

  #answer(clientSequence: bigint, outcome: AppendOutcome): void {
    if (outcome.accepted) {
      this.answers.accept(clientSequence)
      return
    }
    const { reason, after } = outcome
    if (reason.case === 'storageFull' && reason.value.accountLimitBytes > 0n)
      this.#options.guard.refused('storage', 1)
    this.answers.reject({ clientSequence, reason }, after)
    if (after !== undefined) this.#options.deliverTo(after)
  }
}
