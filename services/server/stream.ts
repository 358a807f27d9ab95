// One device's stream: what its frames do, and which frame it is owed next. Nothing here waits for a slow
// reader: the generator that writes asks for the next frame when the last one was taken.

import {
  type ChatRequest,
  type ChatResponse,
  type Envelope,
  ErrorReason,
  type OutgoingEnvelope,
} from '../../gen/parley/v1/chat_pb.js'
import { type Answers, createAnswers } from './answers.js'
import { createDelivery, type Delivery } from './delivery.js'
import { failure, frameFailure } from './failure.js'
import { type ClosingReason, closingFrame, deliverFrame, pingFrame, pongFrame } from './frames.js'
import { type RelayLimits, UNSENT_ANSWERS, WAITING_EPHEMERAL } from './limits.js'
import { createSends, type Sends } from './sends.js'
import { createSignal, type Signal } from './signal.js'
import type { Cursor, DeviceId, Log } from './store.js'
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
  /** Passes an ephemeral envelope on to the members whose streams are open. */
  fanOut: (sender: DeviceId, envelope: OutgoingEnvelope) => Promise<void>
  /** The stream has failed: nothing more will come of it, though its writer may still hang on a dead line. */
  onFailed: () => void
}

export interface ChatStream {
  readonly device: DeviceId
  readonly bucket: TokenBucket
  /** Reads the client's frames until they end or the stream does. Never rejects. */
  listen(requests: AsyncIterator<ChatRequest>): Promise<void>
  /** The next frame to write; undefined: none now. Throws what the stream ends with, if not with OK. */
  next(): ChatResponse | undefined
  /** Whether everything was written: the stream ends with OK. */
  finished(): boolean
  /** Resolves when `next` or `finished` may have something else to say. */
  changed(): Promise<void>
  /** Wakes whoever waits for `changed`. */
  wake(): void
  /** Adds an ephemeral envelope, or drops it where too many wait already. */
  push(envelope: Envelope): void
  /** Takes no more frames and ends with Closing. Resolves when nothing more goes to the log. */
  close(reason: ClosingReason): Promise<void>
  /** Looks how long either side has been silent. Milliseconds of Date.now(); `lostMs`: the process stood still. */
  tick(nowMs: number, lostMs: number): void
  /** Frees what the stream holds. */
  release(): void
}

interface State {
  pongs: bigint[]
  ephemeral: Envelope[]
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
interface Parts {
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

export function createStream(options: StreamOptions): ChatStream {
  const parts = createParts(options)
  const { state, sends, delivery, changed, room } = parts
  return {
    device: options.device,
    bucket: options.bucket,
    listen: requests => listen(parts, requests).catch(parts.fail),
    next: () => nextFrame(parts),
    finished: () => state.finished,
    changed: () => changed.wait(),
    wake: () => changed.raise(),
    push(envelope) {
      if (state.ephemeral.length < WAITING_EPHEMERAL) state.ephemeral.push(envelope)
      changed.raise()
    },
    close(reason) {
      state.closing ??= reason
      room.raise()
      changed.raise()
      return sends.settled()
    },
    tick: (nowMs, lostMs) => tick(parts, nowMs, lostMs),
    release() {
      state.closing ??= 'shuttingDown'
      room.raise()
      delivery.stop()
    },
  }
}

function createParts(options: StreamOptions): Parts {
  const nowMs = Date.now()
  const state: State = {
    pongs: [],
    ephemeral: [],
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

async function listen(parts: Parts, requests: AsyncIterator<ChatRequest>): Promise<void> {
  const { state, changed, room } = parts
  for (;;) {
    const { done, value } = await requests.next()
    if (state.closing || state.failed) return
    state.heardAtMs = Date.now()
    if (done) break
    await hear(parts, value)
    while (isFull(parts) && !state.closing && !state.failed) await room.wait()
  }
  state.clientEnded = true
  changed.raise()
}

/** Whether so much waits already that the client's next frame is better left unread. */
function isFull({ sends, answers, state }: Parts): boolean {
  return sends.full() || answers.size() + state.pongs.length >= UNSENT_ANSWERS
}

async function hear(parts: Parts, { frame }: ChatRequest): Promise<void> {
  const { state, delivery, changed } = parts
  switch (frame.case) {
    case 'send':
      return hearSend(parts, frame.value.envelopes)
    case 'ack':
      if (frame.value.cursor.length === 0) throw frameFailure('Ack: its cursor is empty')
      return delivery.acked(frame.value.cursor)
    case 'ping':
      state.pongs.push(frame.value.nonce)
      return changed.raise()
    case 'pong':
      return
    case 'open':
      throw frameFailure('Open: only the first frame of a stream may be one')
    default:
      throw frameFailure('a frame with no case that this server knows')
  }
}

async function hearSend({ options, sends }: Parts, envelopes: readonly OutgoingEnvelope[]): Promise<void> {
  const { limits, bucket, fanOut, device } = options
  if (envelopes.length === 0) throw frameFailure('Send: it has no envelope')
  if (envelopes.length > limits.envelopesPerSend)
    throw frameFailure(`Send: ${envelopes.length} envelopes, at most ${limits.envelopesPerSend} are allowed`)
  for (const { clientSequence, envelope } of envelopes) {
    if (envelope.case !== 'ephemeral' && clientSequence === 0n)
      throw frameFailure('Send: client_sequence 0 is for ephemeral envelopes only')
    if (envelope.case === 'ephemeral' && clientSequence !== 0n)
      throw frameFailure('Send: an ephemeral envelope has no client_sequence')
  }
  const numbered = envelopes.filter(({ envelope }) => envelope.case !== 'ephemeral')
  if (numbered.length > 0) sends.add(numbered)
  if (numbered.length === envelopes.length) return
  for (const outgoing of envelopes) {
    const { envelope } = outgoing
    if (envelope.case !== 'ephemeral' || envelope.value.ciphertext.length > limits.applicationBytes) continue
    if (bucket.take(1) === 1) await fanOut(device, outgoing)
  }
}

function nextFrame(parts: Parts): ChatResponse | undefined {
  if (parts.state.failed) throw parts.state.failed.error
  const frame = pendingFrame(parts) ?? lastFrame(parts)
  if (frame) parts.state.sentAtMs = Date.now()
  return frame
}

/** What is owed now, the urgent first. Answers are asked twice, because delivery may have set one free. */
function pendingFrame({ state, answers, delivery, room }: Parts): ChatResponse | undefined {
  if (state.finished) return undefined
  const pong = state.pongs.shift()
  if (pong !== undefined) {
    room.raise()
    return pongFrame(pong)
  }
  if (state.pingDue) {
    state.pingDue = false
    return pingFrame(state.nextPing++)
  }
  const answer = answers.next(delivery.passed)
  if (answer) {
    room.raise()
    return answer
  }
  if (state.closing) return undefined
  if (state.ephemeral.length > 0) return deliverFrame(state.ephemeral.splice(0), new Uint8Array())
  return delivery.next() ?? answers.next(delivery.passed)
}

/**
 * Nothing is owed at the moment: whether the stream ends now. With Closing, an answer that waits for
 * delivery is left out: its sender asks again on the next stream.
 */
function lastFrame({ state, sends, answers }: Parts): ChatResponse | undefined {
  if (state.finished || !sends.idle()) return undefined
  state.finished = state.closing !== undefined || (state.clientEnded && answers.size() === 0)
  return state.finished && state.closing ? closingFrame(state.closing) : undefined
}

function tick(parts: Parts, nowMs: number, lostMs: number): void {
  const { state, options, changed, fail } = parts
  state.heardAtMs += lostMs
  const { pingIntervalMs, deadAfterMs } = options.timing
  // While the store is behind, frames are left unread: the silence is ours.
  if (parts.sends.full()) state.heardAtMs = nowMs
  if (nowMs - state.heardAtMs >= deadAfterMs) {
    fail(
      failure('DEADLINE_EXCEEDED', ErrorReason.DEAD, `nothing was heard of the device for ${deadAfterMs} ms`),
    )
  } else if (nowMs - state.sentAtMs >= pingIntervalMs) {
    state.pingDue = true
    changed.raise()
  }
}
