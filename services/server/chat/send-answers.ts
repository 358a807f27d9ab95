// The answers that a session still owes to its sends, in their order. Accepted numbers are joined, so that a writer
// that waits for its reader keeps one number and not thousands; rejections are kept one by one, and the session,
// which reads the sends, watches how many there are.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ChatResponse, RejectedSendSchema } from '../../../gen/parley/v1/chat_pb.js'
import type { Place } from '../store/store.js'
import { acceptedFrame, rejectedFrame } from './frames.js'

type Rejection = MessageInitShape<typeof RejectedSendSchema>

type Answer = { acceptedTo: bigint } | { rejection: Rejection; after: Place | undefined }

/** Rejections of one frame. */
const REJECTIONS_PER_FRAME = 1024

export class SendAnswers {
  readonly #queue: Answer[] = []

  accept(clientSequence: bigint): void {
    const last = this.#queue.at(-1)
    if (last === undefined || 'rejection' in last) this.#queue.push({ acceptedTo: clientSequence })
    else if (clientSequence > last.acceptedTo) last.acceptedTo = clientSequence
  }

  /** With `after`: to be told only when the device was delivered up to there. */
  reject(rejection: Rejection, after?: Place): void {
    this.#queue.push({ rejection, after })
  }

  /** The next frame, joining what may be joined; undefined: nothing, or nothing yet. */
  next(isDelivered: (after: Place) => boolean): ChatResponse | undefined {
    const first = this.#queue[0]
    if (first === undefined) return undefined
    if ('acceptedTo' in first) {
      this.#queue.shift()
      return acceptedFrame(first.acceptedTo)
    }
    const rejections = this.#takeRejections(isDelivered)
    return rejections.length > 0 ? rejectedFrame(rejections) : undefined
  }

  size(): number {
    return this.#queue.length
  }

  #takeRejections(isDelivered: (after: Place) => boolean): Rejection[] {
    const taken: Rejection[] = []
    for (const answer of this.#queue) {
      if ('acceptedTo' in answer || taken.length === REJECTIONS_PER_FRAME) break
      if (answer.after !== undefined && !isDelivered(answer.after)) break
      taken.push(answer.rejection)
    }
    this.#queue.splice(0, taken.length)
    return taken
  }
}
