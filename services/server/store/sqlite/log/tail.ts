// The newest records of the log in memory, so that readers who keep up don't touch SQLite.

import type { LogRecord } from '../../log-record.js'

export const TAIL_RECORDS = 65_536
export const TAIL_BYTES = 32 * 1024 * 1024

export interface Tail {
  /** Takes the next record of the log. */
  push(record: LogRecord): void
  /** Whether every record of the log from `sequence` on is here. */
  covers(sequence: number): boolean
  /** The conversation's first record at or after `sequence`, of those that are here. */
  first(conversation: number, sequence: number): LogRecord | undefined
}

/** `last`: the highest sequence that the log has; nothing up to there will be here. */
export function createTail(last: number): Tail {
  const all = createFifo()
  const byConversation = new Map<number, Fifo>()
  let bytes = 0
  let missingThrough = last

  function dropOldest(): void {
    const oldest = all.shift()
    if (!oldest) return
    bytes -= oldest.size
    missingThrough = oldest.sequence
    // The oldest of all is the oldest of its conversation.
    const own = byConversation.get(oldest.conversation)
    own?.shift()
    if (own?.length() === 0) byConversation.delete(oldest.conversation)
  }

  return {
    push: record => {
      all.push(record)
      bytes += record.size
      const own = byConversation.get(record.conversation) ?? createFifo()
      own.push(record)
      byConversation.set(record.conversation, own)
      while (all.length() > TAIL_RECORDS || bytes > TAIL_BYTES) dropOldest()
    },
    covers: sequence => sequence > missingThrough,
    first: (conversation, sequence) => byConversation.get(conversation)?.first(sequence),
  }
}

/** Records in the order of their sequences. */
interface Fifo {
  push(record: LogRecord): void
  shift(): LogRecord | undefined
  length(): number
  first(sequence: number): LogRecord | undefined
}

/** From how many dropped places on, if they are half of all, an array is compacted: it costs O(1) each. */
const COMPACT_AT = 32

function createFifo(): Fifo {
  let records: (LogRecord | undefined)[] = []
  let head = 0
  return {
    push: record => records.push(record),
    shift: () => {
      const record = records[head]
      records[head] = undefined
      head += 1
      if (head >= COMPACT_AT && head * 2 >= records.length) {
        records = records.slice(head)
        head = 0
      }
      return record
    },
    length: () => records.length - head,
    first: sequence => {
      let low = head
      let high = records.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (records[middle]!.sequence < sequence) low = middle + 1
        else high = middle
      }
      return records[low]
    },
  }
}
