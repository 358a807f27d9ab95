import {
  type ChatRequest,
  type ChatResponse,
  ErrorReason,
  type Open,
} from '../../../gen/parley/v1/chat_pb.js'
import { METHODS, PROTOCOL_VERSION } from '../../protocol/method.js'
import { openRequest } from '../../protocol/proof.js'
import type { BidiHandler, CallContext } from '../../rpc/service.js'
import { failure, frameFailure } from '../auth/failure.js'
import type { ProofCheck } from '../auth/proof.js'
import type { RelayLimits } from '../limits.js'
import { Cursors } from '../store/cursor.js'
import type { DeviceId, Log } from '../store/store.js'
import type { PassEphemeral } from './ephemeral.js'
import { openedFrame } from './frames.js'
import type { Timing } from './heartbeat.js'
import { openCursor } from './open-cursor.js'
import { Session } from './session.js'
import type { SessionGuard } from './session-guard.js'
import type { Sessions } from './sessions.js'

interface ChatOptions {
  log: Log
  /** The store's. Secret. */
  cursorKey: Uint8Array
  sessions: Sessions
  proofs: Pick<ProofCheck, 'check'>
  /** Throws if the device is blocked. */
  checkDevice: (device: DeviceId) => Promise<void>
  passEphemeral: PassEphemeral
  /** The bounds of a device. */
  guardOf: (device: DeviceId) => Promise<SessionGuard>
  limits: RelayLimits
  timing: Timing
  operatorHandle: string
  /** Milliseconds since 1970. */
  now(): number
}

/** The handler of Chat: Open is answered with Opened, then each frame as it comes, until one side ends. */
export function createChat(options: ChatOptions): BidiHandler<ChatRequest, ChatResponse> {
  return async function* chat(requests, context) {
    const frames = requests[Symbol.asyncIterator]()
    const { session, clientSequence } = await openSession(options, frames, context)
    try {
      yield openedFrame({ clientSequence, ...options.timing, ...options })
      void session.receive(frames)
      while (!context.signal.aborted) {
        const frame = session.next()
        if (frame) yield frame
        else if (session.isFinished()) return
        else await session.changed()
      }
    } finally {
      session.release()
      options.sessions.leave(session)
    }
  }
}

/** Reads Open and brings the session to where Opened can be said. Throws what the call ends with. */
async function openSession(
  options: ChatOptions,
  frames: AsyncIterator<ChatRequest>,
  { signal, proven }: CallContext,
): Promise<{ session: Session; clientSequence: bigint }> {
  const { log, sessions, proofs, checkDevice: checkStanding, passEphemeral, limits, timing } = options
  const open = await firstFrame(frames, timing.deadAfterMs)
  const device = await proofs.check({ signed: open.proof, method: METHODS.chat, request: openRequest(open) })
  proven()
  const cursors = new Cursors(options.cursorKey, device)
  const place = openCursor(cursors, open.cursor, 'Open')
  const guard = await options.guardOf(device)
  const session = new Session({
    ...{ guard, log, device, place, cursors, limits, timing, passEphemeral },
    bucket: sessions.bucket(device),
    onFailed: () => sessions.leave(session),
  })
  try {
    await sessions.enter(session)
    // Once more: a device that was blocked between the proof and here had no session yet that could be closed.
    await checkStanding(device)
    signal.addEventListener('abort', () => session.wake(), { once: true })
    return { session, clientSequence: await log.clientSequence(device) }
  } catch (error) {
    session.release()
    sessions.leave(session)
    throw error
  }
}

/** The Open that a stream begins with. A client that says nothing must not hold a stream for ever. */
async function firstFrame(frames: AsyncIterator<ChatRequest>, waitMs: number): Promise<Open> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(failure('DEADLINE_EXCEEDED', ErrorReason.DEAD, `no Open came within ${waitMs} ms`)),
    waitMs,
  )
  try {
    const { done, value } = await Promise.race([frames.next(), late])
    if (done) throw frameFailure('the stream ended without an Open')
    if (value.frame.case !== 'open') throw frameFailure('the first frame of a stream must be Open')
    if (value.frame.value.protocolVersion === 0)
      throw failure(
        'FAILED_PRECONDITION',
        ErrorReason.PROTOCOL_VERSION,
        `Open: protocol_version 0 is none; this server speaks ${PROTOCOL_VERSION}`,
      )
    return value.frame.value
  } finally {
    clearTimeout(timer)
  }
}
