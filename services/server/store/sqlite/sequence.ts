// The numbers of the log. They go up and are never used twice, not even when an older copy of the
// database is put back: every opening begins above the microseconds that have passed since 2025, which is
// far above what any earlier opening can have reached. So a cursor from before the disk was restored hides
// nothing that is stored afterwards, as long as the machine's clock was not set back as well.

import type { DatabaseSync } from 'node:sqlite'
import { prepare } from './database.js'

const YEAR_2025_MS = Date.UTC(2025, 0, 1)
const MICROSECONDS = 1_000
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
  let last = Math.max(ceiling, (nowMs - YEAR_2025_MS) * MICROSECONDS)
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
