// Where the records of a read come from: the tail, or SQLite for a reader that is further behind.

import type { DatabaseSync } from 'node:sqlite'
import { contentOf, type LogRecord, recordSize } from '../../log-record.js'
import { prepare } from '../database.js'
import type { Tail } from './tail.js'

/** A page is short at first, as most of many conversations may go unread in this call, then grows. */
const FIRST_PAGE_RECORDS = 4
const PAGE_GROWTH = 4
const LARGEST_PAGE_RECORDS = 64
const PAGE_BYTES = 256 * 1024

/** The conversation's first record at or after `sequence`. */
export type FirstRecord = (conversation: number, sequence: number) => LogRecord | undefined

/** A row of the table `log`. */
interface LogRow {
  sequence: number
  conversation: number
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

/** Makes the source for one read: what it fetched is kept until the read is done. */
export function createSources(db: DatabaseSync, tail: Tail): () => FirstRecord {
  const select = prepare<LogRow>(
    db,
    'SELECT * FROM log WHERE conversation = ? AND sequence >= ? ORDER BY sequence LIMIT ?',
  )

  function load(conversation: number, sequence: number, asked: number): Page {
    const records: LogRecord[] = []
    let bytes = 0
    for (const row of select.iterate(conversation, sequence, asked)) {
      const record = recordOf(row)
      records.push(record)
      bytes += record.size
      if (bytes > PAGE_BYTES) return { records, index: 0, complete: false, asked }
    }
    return { records, index: 0, complete: records.length < asked, asked }
  }

  function firstOf(pages: Map<number, Page>, conversation: number, sequence: number): LogRecord | undefined {
    let page = pages.get(conversation)
    while (page) {
      const record = page.records[page.index]
      if (record && record.sequence >= sequence) return record
      if (!record) break
      page.index += 1
    }
    if (page?.complete) return undefined
    const asked = page ? Math.min(page.asked * PAGE_GROWTH, LARGEST_PAGE_RECORDS) : FIRST_PAGE_RECORDS
    page = load(conversation, sequence, asked)
    pages.set(conversation, page)
    return page.records[0]
  }

  return () => {
    const pages = new Map<number, Page>()
    return (conversation, sequence) =>
      tail.covers(sequence) ? tail.first(conversation, sequence) : firstOf(pages, conversation, sequence)
  }
}

function recordOf(row: LogRow): LogRecord {
  const { sequence, conversation, sender, client_sequence: clientSequence, stored_at: storedAt } = row
  const content = contentOf(row.kind, row.epoch, row.payload)
  return {
    sequence,
    conversation,
    sender,
    clientSequence,
    storedAt,
    size: recordSize(content.payload.length),
    body: content.body,
  }
}
