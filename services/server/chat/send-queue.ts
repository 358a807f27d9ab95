// From the frames of one device to the store: all that arrived while the store was writing goes to it in
// one call, so that a fast sender needs few transactions, and one call at a time keeps its order.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OutgoingEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import { WAITING_SEND_BYTES, WAITING_SENDS } from '../limits.js'
import { payloadBytes } from '../store/log-record.js'
import type { AppendOutcome, DeviceId, Log } from '../store/store.js'
import type { Answers } from './answers.js'
import type { TokenBucket } from './token-bucket.js'

/**
 * Turns of the event loop for which sends are gathered, as long as each brings more: a turn reads no more than
 * 64 KiB of a connection, and a disk sync costs more than to read them all. One that comes alone waits for one.
 */
const GATHER_TURNS = 8

export interface SendsOptions {
  log: Pick<Log, 'append'>
  device: DeviceId
  bucket: TokenBucket
  answers: Answers
  /** See Delivery.mark: asked for at a rejection that must come after what won. */
  mark: () => number
  onAnswered: () => void
  onFailure: (error: unknown) => void
}

export interface Sends {
  add(envelopes: readonly OutgoingEnvelope[]): void
  /** Whether so much waits for the store that frames are better left unread. */
  full(): boolean
  idle(): boolean
  /** Resolves when all that was added so far is answered or has failed. */
  settled(): Promise<void>
}

export function createSends(options: SendsOptions): Sends {
  let waiting: OutgoingEnvelope[] = []
  let waitingBytes = 0
  let working = false
  let settled = Promise.resolve()
  const full = () => waiting.length >= WAITING_SENDS || waitingBytes >= WAITING_SEND_BYTES
  const gather = async () => {
    for (let turn = 0, before = 0; turn < GATHER_TURNS && waiting.length > before && !full(); turn++) {
      before = waiting.length
      await nextTurn()
    }
  }
  const drain = async () => {
    working = true
    while (waiting.length > 0) {
      await gather()
      const batch = waiting
      waiting = []
      waitingBytes = 0
      await append(options, batch)
      working = waiting.length > 0
      options.onAnswered()
    }
  }
  return {
    add(envelopes) {
      for (const envelope of envelopes) {
        waiting.push(envelope)
        waitingBytes += payloadBytes(envelope)
      }
      if (!working) settled = drain().catch(options.onFailure)
    },
    full,
    idle: () => !working,
    settled: () => settled,
  }
}

async function append(options: SendsOptions, batch: readonly OutgoingEnvelope[]): Promise<void> {
  const { log, device, bucket } = options
  const granted = bucket.take(batch.length)
  const within = granted < batch.length ? batch.slice(0, granted) : batch
  const outcomes = within.length > 0 ? await log.append(device, within) : []
  for (const [index, envelope] of within.entries()) answer(options, envelope, outcomes[index]!)
  const over = batch.slice(granted)
  const retryAfterMs = over.length > 0 ? bucket.waitMs(over.length) : 0
  for (const { clientSequence } of over)
    options.answers.reject({ clientSequence, reason: { case: 'rateLimited', value: { retryAfterMs } } })
}

function answer(
  { answers, mark }: SendsOptions,
  { clientSequence }: OutgoingEnvelope,
  outcome: AppendOutcome,
): void {
  if (outcome.accepted) {
    answers.accept(clientSequence)
  } else {
    const { reason } = outcome
    answers.reject({ clientSequence, reason }, reason.case === 'staleEpoch' ? mark() : undefined)
  }
}
