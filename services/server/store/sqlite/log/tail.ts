// The newest records of the log in memory, so that readers who keep up don't touch SQLite.

import type { LogRecord } from '../../log-record.js'

export const TAIL_RECORDS = 65_536
export const TAIL_BYTES = 32 * 1024 * 1024

export class Tail {
  readonly #all = new Fifo()
  readonly #byConversation = new Map<number, Fifo>()
  #bytes = 0
  #missingThrough: number

  /** `last`: the highest sequence that the log has; nothing up to there will be here. */
  constructor(last: number) {
    this.#missingThrough = last
  }

  /** Takes the next record of the log. */
  push(record: LogRecord): void {
    this.#all.push(record)
    this.#bytes += record.size
    const own = this.#byConversation.get(record.conversation) ?? new Fifo()
    own.push(record)
    this.#byConversation.set(record.conversation, own)
    while (this.#all.length() > TAIL_RECORDS || this.#bytes > TAIL_BYTES) this.#dropOldest()
  }

  /** Whether every record of the log from `sequence` on is here. */
  covers(sequence: number): boolean {
    return sequence > this.#missingThrough
  }

  /** The conversation's first record at or after `sequence`, of those that are here. */
  first(conversation: number, sequence: number): LogRecord | undefined {
    return this.#byConversation.get(conversation)?.first(sequence)
  }

  #dropOldest(): void {
    const oldest = this.#all.shift()
    if (!oldest) return
    this.#bytes -= oldest.size
    this.#missingThrough = oldest.sequence
    // The oldest of all is the oldest of its conversation.
    const own = this.#byConversation.get(oldest.conversation)
    own?.shift()
    if (own?.length() === 0) this.#byConversation.delete(oldest.conversation)
  }
}

/** From how many dropped places on, if they are half of all, an array is compacted: it costs O(1) each. */
const COMPACT_AT = 32

/** Records in the order of their sequences. */
class Fifo {
  #records: (LogRecord | undefined)[] = []
  #head = 0

  push(record: LogRecord): void {
    this.#records.push(record)
  }

  shift(): LogRecord | undefined {
    const record = this.#records[this.#head]
    this.#records[this.#head] = undefined
    this.#head += 1
    if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#head)
      this.#head = 0
    }
    return record
  }

  length(): number {
    return this.#records.length - this.#head
  }

  /** The first record at or after `sequence`. */
  first(sequence: number): LogRecord | undefined {
    let low = this.#head
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#records[middle]!.sequence < sequence) low = middle + 1
      else high = middle
    }
    return this.#records[low]
  }
}
