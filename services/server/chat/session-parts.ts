// What one device's stream consists of; listen.ts fills it and stream.ts writes from it.

import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import type { ClosingReason } from '../cluster.js'
import type { RelayLimits } from '../limits.js'
import type { Cursor, DeviceId, Log } from '../store/store.js'
import { type Answers, createAnswers } from './answers.js'
import { createDelivery, type Delivery } from './delivery.js'
import type { PassEphemeral } from './ephemeral.js'
import { createSends, type Sends } from './send-queue.js'
import { createSignal, type Signal } from './signal.js'
import type { TokenBucket } from './token-bucket.js'

export interface Timing {
  /** Milliseconds without a frame to the client after which it is pinged. */
  pingIntervalMs: number
  /** Milliseconds without a frame from the client after which it is taken for dead. */
  deadAfterMs: number
}

export interface StreamOptions {
  log: Log
  device: DeviceId
  cursor: Cursor
  limits: RelayLimits
  timing: Timing
  bucket: TokenBucket
  passEphemeral: PassEphemeral
  /** The stream has failed: nothing more will come of it, though its writer may still hang on a dead line. */
  onFailed: () => void
}

export interface State {
  pongs: bigint[]
  ephemeral: Envelope[]
  /** Handles of accounts whose devices have changed. */
  changedAccounts: Set<string>
  pingDue: boolean
  nextPing: bigint
  heardAtMs: number
  sentAtMs: number
  closing: ClosingReason | undefined
  clientEnded: boolean
  finished: boolean
  failed: { error: unknown } | undefined
}

/** What the functions below share. */
export interface Parts {
  options: StreamOptions
  state: State
  answers: Answers
  sends: Sends
  delivery: Delivery
  /** Raised for the writer. */
  changed: Signal
  /** Raised when there may be room for the client's next frame. */
  room: Signal
  fail: (error: unknown) => void
}

export function createParts(options: StreamOptions): Parts {
  const nowMs = Date.now()
  const state: State = {
    pongs: [],
    ephemeral: [],
    changedAccounts: new Set(),
    pingDue: false,
    nextPing: 1n,
    heardAtMs: nowMs,
    sentAtMs: nowMs,
    closing: undefined,
    clientEnded: false,
    finished: false,
    failed: undefined,
  }
  const changed = createSignal()
  const room = createSignal()
  const fail = (error: unknown) => {
    state.failed ??= { error }
    changed.raise()
    options.onFailed()
  }
  const answers = createAnswers()
  const { log, device, cursor, limits, bucket } = options
  const shared = { log, device, onFailure: fail }
  const window = limits.unackedDeliveries
  const delivery = createDelivery({ ...shared, cursor, window, onReady: changed.raise })
  const onAnswered = () => {
    changed.raise()
    room.raise()
  }
  const sends = createSends({ ...shared, bucket, answers, mark: delivery.mark, onAnswered })
  return { options, state, answers, sends, delivery, changed, room, fail }
}
