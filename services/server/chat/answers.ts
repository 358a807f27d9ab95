// What a stream still has to answer to its sends, in their order. Accepted numbers are joined, so that a
// writer that waits for its reader keeps one number and not thousands; rejections are kept one by one, and
// whoever adds them watches the size.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ChatResponse, RejectedSendSchema } from '../../../gen/parley/v1/chat_pb.js'
import { acceptedFrame, rejectedFrame } from './frames.js'

export type Rejection = MessageInitShape<typeof RejectedSendSchema>

type Answer = { acceptedTo: bigint } | { rejection: Rejection; mark: number | undefined }

/** Rejections of one frame. */
const REJECTIONS_PER_FRAME = 1024

export interface Answers {
  accept(clientSequence: bigint): void
  /** With a mark: to be told only when delivery has passed it (see Delivery.mark). */
  reject(rejection: Rejection, mark?: number): void
  /** The next frame, joining what may be joined; undefined: nothing, or nothing yet. */
  next(passed: (mark: number) => boolean): ChatResponse | undefined
  size(): number
}

export function createAnswers(): Answers {
  const queue: Answer[] = []
  const takeRejections = (passed: (mark: number) => boolean): Rejection[] => {
    const taken: Rejection[] = []
    for (const answer of queue) {
      if ('acceptedTo' in answer || taken.length === REJECTIONS_PER_FRAME) break
      if (answer.mark !== undefined && !passed(answer.mark)) break
      taken.push(answer.rejection)
    }
    queue.splice(0, taken.length)
    return taken
  }
  return {
    accept(clientSequence) {
      const last = queue.at(-1)
      if (last === undefined || 'rejection' in last) queue.push({ acceptedTo: clientSequence })
      else if (clientSequence > last.acceptedTo) last.acceptedTo = clientSequence
    },
    reject: (rejection, mark) => void queue.push({ rejection, mark }),
    next(passed) {
      const first = queue[0]
      if (first === undefined) return undefined
      if ('acceptedTo' in first) {
        queue.shift()
        return acceptedFrame(first.acceptedTo)
      }
      const rejections = takeRejections(passed)
      return rejections.length > 0 ? rejectedFrame(rejections) : undefined
    },
    size: () => queue.length,
  }
}
