// The unread of a device: for each conversation that may hold something for it, a lower bound on the
// sequence of the next envelope. It is found once, by asking SQLite for each conversation of the device,
// and then kept up to date by the appends; so a device that keeps up pays for what is new, not for the
// conversations that it is in nor for the log's growth.

import type { DatabaseSync } from 'node:sqlite'
import { prepare, type Statement } from '../database/database.js'

/** By the conversation's key. Nothing in any other conversation is unread. */
export type Unread = Map<number, number>

interface NextRow {
  conversation: number
  start: number
  left_sequence: number | null
  expired_through: number
  next: number | null
}

/** Finds what a device has to read after a sequence: one look into the index for each conversation. */
export class UnreadFinder {
  readonly #select: Statement<NextRow>

  constructor(db: DatabaseSync) {
    this.#select = prepare<NextRow>(
      db,
      `SELECT conversation, max(joined_sequence, :from) AS start, left_sequence, expired_through,
         (SELECT min(sequence) FROM log
          WHERE log.conversation = roster.conversation AND sequence >= max(joined_sequence, :from)) AS next
       FROM roster JOIN conversations ON key = conversation
       WHERE device = :device AND (left_sequence IS NULL OR left_sequence >= :from)`,
    )
  }

  find(device: number, after: number): Unread {
    const unread: Unread = new Map()
    for (const row of this.#select.iterate({ from: after + 1, device })) {
      const next = row.expired_through >= row.start ? row.start : row.next
      if (next === null || (row.left_sequence !== null && next > row.left_sequence)) continue
      const other = unread.get(row.conversation) ?? next
      unread.set(row.conversation, Math.min(next, other))
    }
    return unread
  }
}

/** The conversation that comes first, and up to which sequence nothing of another comes before it. */
export function earliest(
  unread: Unread,
): { conversation: number; from: number; othersFrom: number } | undefined {
  let first: { conversation: number; from: number } | undefined
  let othersFrom = Number.POSITIVE_INFINITY
  for (const [conversation, from] of unread) {
    if (first && from >= first.from) {
      if (from < othersFrom) othersFrom = from
      continue
    }
    if (first) othersFrom = first.from
    first = { conversation, from }
  }
  return first && { ...first, othersFrom }
}
