// The numbers of the log. They are reserved many at a time: what is reserved is never given out again.

import type { DatabaseSync } from 'node:sqlite'
import { openingSequence } from '../../cursor.js'
import { prepare } from '../database.js'

/** How many numbers are reserved in the database with one write. */
const RESERVED = 1_000_000

export interface Sequence {
  /** The highest number that may be in the log. */
  last(): number
  /** The next number. Call it within a transaction. */
  next(): number
  /** The transaction of the latest numbers was rolled back: they are skipped. */
  rolledBack(): void
}

export function createSequence(db: DatabaseSync, nowMs: number): Sequence {
  const select = prepare<{ ceiling: number }>(db, 'SELECT ceiling FROM sequence')
  const reserve = prepare(db, 'UPDATE sequence SET ceiling = ?')
  const storedCeiling = () => select.get()?.ceiling ?? 0
  let ceiling = storedCeiling()
  let last = Math.max(ceiling, openingSequence(nowMs))
  return {
    last: () => last,
    next: () => {
      if (last >= ceiling) {
        ceiling = last + RESERVED
        reserve.run(ceiling)
      }
      last += 1
      return last
    },
    rolledBack: () => {
      ceiling = storedCeiling()
    },
  }
}
