// The numbers that records have in their conversations. The last one of each that is in use is kept in memory, and read
// from its last record, or from what was deleted, when it comes into use: so a record costs no write beside its own.

import type { DatabaseSync } from 'node:sqlite'
import { nextShown } from '../../sequence.js'
import { prepare, type Statement } from '../database/database.js'
import { Lru } from '../database/lru.js'

/** Conversations whose last number is kept in memory; about 100 bytes each. */
const CACHED_CONVERSATIONS = 50_000

export class ShownSequences {
  readonly #select: Statement<{ last: number }>
  /** By the conversation's key. */
  readonly #last = new Lru<number, number>({ capacity: CACHED_CONVERSATIONS })

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
    const last = this.#last.get(conversation) ?? this.#select.get(conversation)?.last ?? 0
    const next = nextShown(last, nowMs)
    this.#last.set(conversation, next)
    return next
  }

  /** The transaction of the latest numbers was rolled back. */
  rolledBack(): void {
    this.#last.clear()
  }
}
