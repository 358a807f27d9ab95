// One device's stream: which frame it is owed next. Nothing here waits for a slow reader: the generator that
// writes asks for the next frame when the last one was taken.

import {
  type ChatRequest,
  type ChatResponse,
  type Envelope,
  ErrorReason,
} from '../../../gen/parley/v1/chat_pb.js'
import { failure } from '../auth/failure.js'
import type { ClosingReason } from '../cluster.js'
import { WAITING_ACCOUNT_CHANGES, WAITING_EPHEMERAL } from '../limits.js'
import type { DeviceId } from '../store/store.js'
import { accountChangedFrame, closingFrame, deliverFrame, pingFrame, pongFrame } from './frames.js'
import { listen } from './session-input.js'
import { createParts, type Parts, type StreamOptions } from './session-parts.js'
import type { TokenBucket } from './token-bucket.js'

export type { Timing } from './session-parts.js'

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
  /** Adds the hint that an account's devices have changed, or drops it where too many wait already. */
  pushAccountChanged(handle: string): void
  /** Takes no more frames and ends with Closing. Resolves when nothing more goes to the log. */
  close(reason: ClosingReason): Promise<void>
  /** Looks how long either side has been silent. Milliseconds of Date.now(); `lostMs`: the process stood still. */
  tick(nowMs: number, lostMs: number): void
  /** Frees what the stream holds. */
  release(): void
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
    pushAccountChanged(handle) {
      if (state.changedAccounts.size < WAITING_ACCOUNT_CHANGES) state.changedAccounts.add(handle)
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
  for (const handle of state.changedAccounts) {
    state.changedAccounts.delete(handle)
    return accountChangedFrame(handle)
  }
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
