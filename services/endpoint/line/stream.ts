// One Chat stream, from Open to its end: pings, the watch for a dead line, and frames given on in their order.

import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type ChatRequestSchema,
  type ChatResponse,
  ChatService,
  type Opened,
} from '../../../gen/parley/v1/chat_pb.js'
import type { BidiCall, RpcChannel } from '../../rpc/channel.js'
import { RpcError } from '../../rpc/error.js'

export const PROTOCOL_VERSION = 1
/** How long the server may take to answer Open, in ms. */
const OPEN_TIMEOUT_MS = 10_000
/** How often silence is looked for, in ms. */
const WATCH_INTERVAL_MS = 1_000
/** Frames read ahead of the work on them; more than the server sends without an ack. */
const FRAMES_AHEAD = 512

export type RequestFrame = NonNullable<MessageInitShape<typeof ChatRequestSchema>['frame']>
export type ResponseFrame = ChatResponse['frame']

export interface StreamHandlers {
  onOpened(opened: Opened): Promise<void>
  /** Called for one frame at a time, in order, after onOpened. */
  onFrame(frame: ResponseFrame): Promise<void>
}

export interface ChatStream {
  /** Frames leave in the order given; those given after the end of the stream are dropped. */
  write(frame: RequestFrame): void
  /** Resolves when the server has ended the stream and everything that came was worked on; rejects when it broke. */
  ended: Promise<void>
  /** Ends the stream in peace: what was written still leaves. */
  end(): void
}

/** Opens the stream. `proof` and `cursor` are those of the Open frame. */
export function openStream(
  channel: RpcChannel,
  open: Extract<RequestFrame, { case: 'open' }>['value'],
  handlers: StreamHandlers,
  signal: AbortSignal,
): ChatStream {
  const abort = new AbortController()
  const call = channel.bidi(ChatService.method.chat, { signal: AbortSignal.any([signal, abort.signal]) })
  const writer = frameWriter(call)
  writer.write({ case: 'open', value: open })
  const watch = deadLineWatch(writer, cause => abort.abort(cause))
  const ended = readFrames(call, writer, watch, handlers)
    .catch(error => {
      throw abort.signal.aborted ? abort.signal.reason : error
    })
    .finally(() => {
      watch.stop()
      abort.abort()
    })
  return { write: writer.write, ended, end: writer.end }
}

type Call = BidiCall<typeof ChatService.method.chat.input, typeof ChatService.method.chat.output>

interface FrameWriter {
  write(frame: RequestFrame): void
  /** Ends this side, behind what was written. */
  end(): void
  /** When something was last written, in ms since 1970. */
  lastWritten(): number
}

function frameWriter(call: Call): FrameWriter {
  let last: Promise<unknown> = Promise.resolve()
  let lastWritten = Date.now()
  return {
    write(frame) {
      lastWritten = Date.now()
      // That the call is over is told by its responses.
      last = last.then(() => call.write({ frame })).catch(() => undefined)
    },
    end() {
      last = last.then(() => call.end())
    },
    lastWritten: () => lastWritten,
  }
}

async function readFrames(
  call: Call,
  writer: FrameWriter,
  watch: Watch,
  handlers: StreamHandlers,
): Promise<void> {
  let work: Promise<unknown> = Promise.resolve()
  let ahead = 0
  let failure: { cause: unknown } | undefined
  const enqueue = (task: () => Promise<void>) => {
    ahead++
    work = work
      .then(async () => {
        if (!failure) await task()
      })
      .catch(cause => {
        failure ??= { cause }
      })
      .finally(() => {
        ahead--
      })
  }
  for await (const { frame } of call.responses) {
    watch.heard()
    if (frame.case === 'ping') writer.write({ case: 'pong', value: { nonce: frame.value.nonce } })
    else if (frame.case === 'opened') enqueue(() => handlers.onOpened(watch.opened(frame.value)))
    else if (frame.case !== 'pong') enqueue(() => handlers.onFrame(frame))
    if (ahead > FRAMES_AHEAD) await watch.pausedFor(work)
    if (failure) break
  }
  await work
  if (failure) throw (failure as { cause: unknown }).cause
}

interface Watch {
  heard(): void
  opened(opened: Opened): Opened
  /** While this lasts nothing is read, so silence means nothing. */
  pausedFor(work: Promise<unknown>): Promise<void>
  stop(): void
}

/** Ends a line on which nothing is heard; sends a ping where nothing else was sent. */
function deadLineWatch(writer: FrameWriter, dead: (cause: RpcError) => void): Watch {
  let lastHeard = Date.now()
  let pingInterval = Number.POSITIVE_INFINITY
  let deadAfter = OPEN_TIMEOUT_MS
  let nonce = 0n
  const timer = setInterval(() => {
    const now = Date.now()
    if (now - lastHeard > deadAfter)
      dead(new RpcError('UNAVAILABLE', `nothing was heard for ${Math.round((now - lastHeard) / 1000)} s`))
    else if (now - writer.lastWritten() >= pingInterval)
      writer.write({ case: 'ping', value: { nonce: ++nonce } })
  }, WATCH_INTERVAL_MS)
  timer.unref()
  return {
    heard() {
      lastHeard = Date.now()
    },
    opened(opened) {
      pingInterval = opened.pingIntervalMs
      deadAfter = opened.deadAfterMs
      return opened
    },
    async pausedFor(work) {
      const allowed = deadAfter
      deadAfter = Number.POSITIVE_INFINITY
      await work
      lastHeard = Date.now()
      deadAfter = allowed
    },
    stop: () => clearInterval(timer),
  }
}
