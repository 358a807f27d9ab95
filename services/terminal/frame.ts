// Frames as the bytes that a terminal takes: up, over what changed, and nothing else.

import stringWidth from 'string-width'
import type { Frame } from './view.js'

/** The part of the region that stands on the screen. */
export interface Drawn {
  rows: readonly string[]
  /** Index of the row that the cursor is in. */
  cursorRow: number
  /** The text to the left of the cursor in its row. */
  before: string
}

export const NOTHING_DRAWN: Drawn = { rows: [''], cursorRow: 0, before: '' }

// ECMA-48 and DEC private modes.
const ERASE_BELOW = '\x1b[J'
/** A row that the terminal measures wider than we do is cut, not wrapped: the rows above it keep their place. */
const WRAP_OFF = '\x1b[?7l'
const WRAP_ON = '\x1b[?7h'

/** From what stands there to the next frame, rewriting from the first row that differs. */
export function encode(drawn: Drawn, frame: Frame): { bytes: string; drawn: Drawn } {
  const rows = [...frame.scrollback, ...frame.rows]
  const cursorRow = frame.scrollback.length + frame.cursor.row
  const limit = Math.min(drawn.cursorRow, rows.length - 1)
  let same = 0
  while (same < limit && rows[same] === drawn.rows[same]) same++
  const flushed = rows.slice(same, Math.max(same, frame.scrollback.length)).map(row => `${row}\r\n`)
  const region = rows.slice(Math.max(same, frame.scrollback.length))
  const bytes = [
    up(drawn.cursorRow - same),
    '\r',
    ERASE_BELOW,
    ...flushed,
    WRAP_OFF,
    region.join('\r\n'),
    up(rows.length - 1 - cursorRow),
    `\r${frame.cursor.before}`,
    WRAP_ON,
  ]
  return {
    bytes: bytes.join(''),
    drawn: { rows: frame.rows, cursorRow: frame.cursor.row, before: frame.cursor.before },
  }
}

/**
 * The rows that stand there once the screen has `columns`: terminals break the rows that no longer fit. Each row is
 * counted and never taken for unchanged. Counted by the likely width, not by the widest: one row too many
 * would take a row of the scrollback.
 */
export function reflowed(drawn: Drawn, columns: number): Drawn {
  const above = drawn.rows.slice(0, drawn.cursorRow)
  const height = above.reduce((sum, row) => sum + Math.max(1, Math.ceil(stringWidth(row) / columns)), 0)
  const within = Math.floor(stringWidth(drawn.before) / columns)
  return { rows: [], cursorRow: height + within, before: drawn.before }
}

function up(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : ''
}
