// A cursor is the number of a record: the place after it.

import { BadCursorError, type Cursor } from './store.js'

const CURSOR_BYTES = 8
const WORD = 2 ** 32

/** Eight bytes, big-endian: cursors of one store order as their bytes do. */
export function encodeCursor(sequence: number): Cursor {
  const cursor = new Uint8Array(CURSOR_BYTES)
  const view = new DataView(cursor.buffer)
  view.setUint32(0, Math.floor(sequence / WORD))
  view.setUint32(4, sequence % WORD)
  return cursor
}

/** The sequence that the cursor stands after; 0 at the beginning. Throws BadCursorError. */
export function decodeCursor(cursor: Cursor): number {
  if (cursor.length === 0) return 0
  if (cursor.length !== CURSOR_BYTES) throw new BadCursorError(`a cursor has ${CURSOR_BYTES} bytes`)
  const view = new DataView(cursor.buffer, cursor.byteOffset, cursor.length)
  const sequence = view.getUint32(0) * WORD + view.getUint32(4)
  if (!Number.isSafeInteger(sequence)) throw new BadCursorError('the cursor is out of range')
  return sequence
}

const YEAR_2025_MS = Date.UTC(2025, 0, 1)
const MICROSECONDS = 1_000

/**
 * The number that a log stands at which is opened now. Numbers go up and are never used twice, not even when an
 * older copy of the data is put back: every opening begins above the microseconds that have passed since 2025,
 * which is far above what any earlier opening can have reached. So a cursor from before that hides nothing that is
 * stored afterwards, as long as the machine's clock was not set back as well.
 */
export function openingSequence(nowMs: number): number {
  return (nowMs - YEAR_2025_MS) * MICROSECONDS
}
