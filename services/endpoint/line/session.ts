// One Chat stream, from Open to its end: pings, the watch for a silent server, and frames given on in their order.

import { type ChatResponse, ChatService, type Opened } from '../../../gen/parley/v1/chat_pb.js'
import type { RpcChannel } from '../../rpc/channel.js'
import type { Clock } from '../ports.js'
import { type ChatCall, FrameWriter, type RequestFrame } from './frame-writer.js'
import { SilenceWatch } from './silence-watch.js'
import { WorkQueue } from './work-queue.js'

/** Frames read ahead of the work on them; more than the server sends without an ack. */
const FRAMES_AHEAD = 512

export type ResponseFrame = ChatResponse['frame']

export interface SessionHandlers {
  onOpened(opened: Opened): Promise<void>
  /** Called for one frame at a time, in order, after onOpened. */
  onFrame(frame: ResponseFrame): Promise<void>
}

interface SessionOptions {
  channel: Pick<RpcChannel, 'bidi'>
  /** The first frame. */
  open: Extract<RequestFrame, { case: 'open' }>['value']
  handlers: SessionHandlers
  clock: Clock
  /** Breaks the stream. */
  signal: AbortSignal
}

export class Session {
  /** Resolves when the server has ended the stream and everything that came was worked on; rejects when it broke. */
  readonly ended: Promise<void>
  readonly #call: ChatCall
  readonly #writer: FrameWriter
  readonly #watch: SilenceWatch
  readonly #work: WorkQueue
  readonly #handlers: SessionHandlers

  constructor({ channel, open, handlers, clock, signal }: SessionOptions) {
    const abort = new AbortController()
    this.#handlers = handlers
    this.#call = channel.bidi(ChatService.method.chat, { signal: AbortSignal.any([signal, abort.signal]) })
    this.#writer = new FrameWriter(this.#call, clock)
    this.#writer.write({ case: 'open', value: open })
    const breakWith = (cause: unknown) => abort.abort(cause)
    this.#work = new WorkQueue(breakWith)
    this.#watch = new SilenceWatch(clock, this.#writer, breakWith)
    this.ended = this.#read()
      .catch(error => {
        throw abort.signal.aborted ? abort.signal.reason : error
      })
      .then(() => abort.signal.throwIfAborted())
      .finally(() => {
        this.#watch.stop()
        abort.abort()
      })
  }

  /** Frames leave in the order given; those given after the end of the stream are dropped. */
  write(frame: RequestFrame): void {
    this.#writer.write(frame)
  }

  /** Ends the stream in peace: what was written still leaves. */
  end(): void {
    this.#writer.end()
  }

  async #read(): Promise<void> {
    for await (const { frame } of this.#call.responses) {
      this.#watch.heard()
      this.#take(frame)
      if (this.#work.waiting > FRAMES_AHEAD) await this.#watch.pausedFor(this.#work.settled())
    }
    await this.#work.settled()
  }

  #take(frame: ResponseFrame): void {
    if (frame.case === 'ping') this.#writer.write({ case: 'pong', value: { nonce: frame.value.nonce } })
    else if (frame.case === 'opened') {
      this.#watch.opened(frame.value)
      this.#work.add(() => this.#handlers.onOpened(frame.value))
    } else if (frame.case !== 'pong') this.#work.add(() => this.#handlers.onFrame(frame))
  }
}
