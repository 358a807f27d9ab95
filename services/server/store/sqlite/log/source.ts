// Where the records of a read come from: the tail, or SQLite for a reader that is further behind.

import type { DatabaseSync } from 'node:sqlite'
import { contentOf, type LogRecord, recordSize } from '../../log-record.js'
import { prepare, type Statement } from '../database/database.js'
import type { Tail } from './tail.js'

/** A page is short at first, as most of many conversations may go unread in this call, then grows. */
const FIRST_PAGE_RECORDS = 4
const PAGE_GROWTH = 4
const LARGEST_PAGE_RECORDS = 64
const PAGE_BYTES = 256 * 1024

/** A row of the table `log`. */
interface LogRow {
  sequence: number
  conversation: number
  shown: number
  sender: number
  client_sequence: number
  stored_at: number
  epoch: number
  kind: number
  payload: Uint8Array
}

interface Page {
  records: LogRecord[]
  /** Of the first record that was not passed yet. */
  index: number
  /** Whether the log had nothing after the last of them. */
  complete: boolean
  /** How many records it asked for. */
  asked: number
}

/** Makes the sources of single reads. */
export class Sources {
  readonly #select: Statement<LogRow>
  readonly #tail: Tail

  constructor(db: DatabaseSync, tail: Tail) {
    this.#tail = tail
    this.#select = prepare<LogRow>(
      db,
      'SELECT * FROM log WHERE conversation = ? AND sequence >= ? ORDER BY sequence LIMIT ?',
    )
  }

  forOneRead(): Source {
    return new Source(this.#select, this.#tail)
  }
}

/** The records for one read, at the end of which those that it fetched are forgotten. */
export class Source {
  readonly #select: Statement<LogRow>
  readonly #tail: Tail
  /** By conversation. */
  readonly #pages = new Map<number, Page>()

  constructor(select: Statement<LogRow>, tail: Tail) {
    this.#select = select
    this.#tail = tail
  }

  /** The conversation's first record at or after `sequence`. Within one read, sequences only go up. */
  first(conversation: number, sequence: number): LogRecord | undefined {
    if (this.#tail.covers(sequence)) return this.#tail.first(conversation, sequence)
    return this.#firstOfPages(conversation, sequence)
  }

  #firstOfPages(conversation: number, sequence: number): LogRecord | undefined {
    let page = this.#pages.get(conversation)
    while (page) {
      const record = page.records[page.index]
      if (record && record.sequence >= sequence) return record
      if (!record) break
      page.index += 1
    }
    if (page?.complete) return undefined
    const asked = page ? Math.min(page.asked * PAGE_GROWTH, LARGEST_PAGE_RECORDS) : FIRST_PAGE_RECORDS
    page = this.#load(conversation, sequence, asked)
    this.#pages.set(conversation, page)
    return page.records[0]
  }

  #load(conversation: number, sequence: number, asked: number): Page {
    const records: LogRecord[] = []
    let bytes = 0
    for (const row of this.#select.iterate(conversation, sequence, asked)) {
      const record = recordOf(row)
      records.push(record)
      bytes += record.size
      if (bytes > PAGE_BYTES) return { records, index: 0, complete: false, asked }
    }
    return { records, index: 0, complete: records.length < asked, asked }
  }
}

function recordOf(row: LogRow): LogRecord {
  const { sequence, conversation, shown, sender, client_sequence: clientSequence, stored_at: storedAt } = row
  const { body } = contentOf(row.kind, row.epoch, row.payload)
  return {
    sequence,
    conversation,
    shown,
    sender,
    clientSequence,
    storedAt,
    size: recordSize(row.payload.length),
    body,
  }
}
