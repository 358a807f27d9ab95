// The numbers that records have in their conversations. The last one of each that is in use is kept in memory, and read
// from its last record, or from what was deleted, when it comes into use: so a record costs no write beside its own.

import type { DatabaseSync } from 'node:sqlite'
import { nextShown } from '../../sequence.js'
import { prepare, type Statement } from '../database/database.js'

/** Conversations whose last number is kept in memory, about 100 bytes each; with one more all are forgotten. */
const CACHED_CONVERSATIONS = 100_000

export class ShownSequences {
  readonly #select: Statement<{ last: number }>
  /** By the conversation's key. */
  readonly #last = new Map<number, { number: number }>()

  constructor(db: DatabaseSync) {
    this.#select = prepare(
      db,
      `SELECT max(expired_shown, coalesce(
         (SELECT shown FROM log WHERE conversation = key ORDER BY sequence DESC LIMIT 1), 0)) AS last
       FROM conversations WHERE key = ?`,
    )
  }

  /** The conversation's next number. Call it within a transaction. */
  next(conversation: number, nowMs: number): number {
    const last = this.#last.get(conversation) ?? this.#load(conversation)
    last.number = nextShown(last.number, nowMs)
    return last.number
  }

  #load(conversation: number): { number: number } {
    if (this.#last.size >= CACHED_CONVERSATIONS) this.#last.clear()
    const last = { number: this.#select.get(conversation)?.last ?? 0 }
    this.#last.set(conversation, last)
    return last
  }

  /** The transaction of the latest numbers was rolled back. */
  rolledBack(): void {
    this.#last.clear()
  }
}
