import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ChatRequestSchema, ChatService } from '../../../gen/parley/v1/chat_pb.js'
import type { BidiCall } from '../../rpc/channel.js'
import type { Clock } from '../ports.js'

export type RequestFrame = NonNullable<MessageInitShape<typeof ChatRequestSchema>['frame']>
export type ChatCall = BidiCall<typeof ChatService.method.chat.input, typeof ChatService.method.chat.output>

/** Writes the frames of one stream in the order given. Those given after its end are dropped. */
export class FrameWriter {
  #last: Promise<unknown> = Promise.resolve()
  #lastWritten: number

  constructor(
    private readonly call: Pick<ChatCall, 'write' | 'end'>,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    this.#lastWritten = clock.now()
  }

  /** When something was last given to be written, in ms since 1970. */
  get lastWritten(): number {
    return this.#lastWritten
  }

  write(frame: RequestFrame): void {
    this.#lastWritten = this.clock.now()
    // That the call is over is told by its responses.
    this.#last = this.#last.then(() => this.call.write({ frame })).catch(() => undefined)
  }

  /** Ends this side, behind what was written. */
  end(): void {
    this.#last = this.#last.then(() => this.call.end())
  }
}
