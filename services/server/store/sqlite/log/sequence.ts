// The numbers of the log. They are reserved many at a time: what is reserved is never given out again.

import type { DatabaseSync } from 'node:sqlite'
import { sequenceAt } from '../../sequence.js'
import { prepare } from '../database/database.js'

/** How many numbers are reserved in the database with one write. */
const RESERVED = 1_000_000

const statements = (db: DatabaseSync) => ({
  ceiling: prepare<{ ceiling: number }>(db, 'SELECT ceiling FROM sequence'),
  reserve: prepare(db, 'UPDATE sequence SET ceiling = ?'),
})

export class Sequence {
  readonly #sql: ReturnType<typeof statements>
  #ceiling: number
  #last: number

  constructor(db: DatabaseSync, nowMs: number) {
    this.#sql = statements(db)
    this.#ceiling = this.#storedCeiling()
    this.#last = Math.max(this.#ceiling, sequenceAt(nowMs))
  }

  /** The highest number that may be in the log. */
  last(): number {
    return this.#last
  }

  /** The next number. Call it within a transaction. */
  next(): number {
    if (this.#last >= this.#ceiling) {
      this.#ceiling = this.#last + RESERVED
      this.#sql.reserve.run(this.#ceiling)
    }
    this.#last += 1
    return this.#last
  }

  /** The transaction of the latest numbers was rolled back: they are skipped. */
  rolledBack(): void {
    this.#ceiling = this.#storedCeiling()
  }

  #storedCeiling(): number {
    return this.#sql.ceiling.get()?.ceiling ?? 0
  }
}
