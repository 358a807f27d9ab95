// The part of the store that one account may have: the bytes of its envelopes that are kept, since somebody has not
// received them. An account that fills it waits, and the others go on.

import type { OutgoingEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import { payloadBytes, recordSize } from './log-record.js'
import { storageFull } from './reasons.js'
import type { AppendOutcome } from './store.js'

/** Appends as many of the sends, from the first on, as there is room for, and rejects the others. */
export function appendWithin(
  sends: readonly OutgoingEnvelope[],
  { used, limit }: { used: number; limit: number },
  append: (sends: readonly OutgoingEnvelope[]) => AppendOutcome[],
): AppendOutcome[] {
  const granted = fitting(sends, limit - used)
  if (granted === sends.length) return append(sends)
  const outcomes = granted > 0 ? append(sends.slice(0, granted)) : []
  for (let index = granted; index < sends.length; index += 1)
    outcomes.push({ accepted: false, reason: storageFull(limit) })
  return outcomes
}

/** How many of the sends, from the first on, have at most so many bytes together. To leave is always possible. */
function fitting(sends: readonly OutgoingEnvelope[], room: number): number {
  let left = room
  for (const [index, send] of sends.entries()) {
    left -= recordSize(payloadBytes(send))
    if (left < 0 && send.envelope.case !== 'leave') return index
  }
  return sends.length
}
