// Measuring and breaking. A cell is one column of the terminal.

import stringWidth from 'string-width'

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/
const BASE_WITH_MARKS = /^\p{M}+|\P{M}\p{M}*/gu
const ELLIPSIS = '…'
/** Graphemes whose width is remembered: measuring one takes some 10 µs, a message has up to 64 KiB of them. */
const MAX_MEASURED = 16_384
/** UTF-16 units of a grapheme that is worth remembering. */
const MAX_MEASURED_LENGTH = 32

const measured = new Map<string, number>()

/** The user-perceived characters (UAX #29). */
export function graphemes(text: string): string[] {
  if (PRINTABLE_ASCII.test(text)) return text.split('')
  return Array.from(segmenter.segment(text), part => part.segment)
}

/**
 * The cells that a grapheme may take. Terminals disagree on joined emoji: some draw one, some draw each
 * part. The larger figure keeps rows inside the screen on both.
 */
export function cells(grapheme: string): number {
  if (grapheme.length === 1 && PRINTABLE_ASCII.test(grapheme)) return 1
  const known = measured.get(grapheme)
  if (known !== undefined) return known
  const width = measure(grapheme)
  if (measured.size >= MAX_MEASURED) measured.clear()
  if (grapheme.length <= MAX_MEASURED_LENGTH) measured.set(grapheme, width)
  return width
}

function measure(grapheme: string): number {
  const whole = stringWidth(grapheme)
  const points = [...grapheme]
  if (points.length === 1) return whole
  return Math.max(
    whole,
    points.reduce((sum, point) => sum + cells(point), 0),
  )
}

/** The cells that sanitised text of one row may take. */
export function widthOf(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  return graphemes(text).reduce((sum, grapheme) => sum + cells(grapheme), 0)
}

/** The graphemes, with those that no row of `room` cells can hold taken apart. */
export function fitting(text: string, room: number): string[] {
  return graphemes(text).flatMap(grapheme =>
    cells(grapheme) > room ? (grapheme.match(BASE_WITH_MARKS) ?? []) : [grapheme],
  )
}

/** The text cut to `room` cells, with an ellipsis where something is missing. */
export function clip(text: string, room: number): string {
  if (widthOf(text) <= room) return text
  let kept = ''
  let used = widthOf(ELLIPSIS)
  for (const grapheme of graphemes(text)) {
    used += cells(grapheme)
    if (used > room) break
    kept += grapheme
  }
  return kept + ELLIPSIS
}

/** Rows of at most `room` cells (2 or more), broken at \n, after spaces and beside wide characters. */
export function wrap(text: string, room: number): string[] {
  return text.split('\n').flatMap(paragraph => wrapParagraph(paragraph, room))
}

function wrapParagraph(paragraph: string, room: number): string[] {
  if (widthOf(paragraph) <= room) return [paragraph]
  const rows: string[] = []
  let row = ''
  let left = room
  const breakRow = () => {
    rows.push(row.trimEnd())
    row = ''
    left = room
  }
  for (const chunk of chunks(paragraph, room)) {
    // A chunk that no row can hold begins where it stands; any other moves to the next row whole.
    if (chunk.width > left && chunk.width <= room) breakRow()
    for (const piece of chunk.pieces) {
      const width = cells(piece)
      if (width > left) breakRow()
      row += piece
      left -= width
    }
    // Spaces at the end of a full row are the break itself.
    const spaces = Math.min(chunk.spaces, left)
    row += ' '.repeat(spaces)
    left -= spaces
  }
  rows.push(row)
  return rows
}

/** Pieces that stay together: those of a word (or one wide character) and the spaces after it. */
interface Chunk {
  pieces: string[]
  width: number
  spaces: number
}

function chunks(paragraph: string, room: number): Chunk[] {
  const done: Chunk[] = []
  let open: Chunk = { pieces: [], width: 0, spaces: 0 }
  const closeChunk = () => {
    if (open.pieces.length + open.spaces > 0) done.push(open)
    open = { pieces: [], width: 0, spaces: 0 }
  }
  for (const piece of fitting(paragraph, room)) {
    if (piece === ' ') {
      open.spaces++
      continue
    }
    const width = cells(piece)
    const besideWide = width > 1 || open.width > open.pieces.length
    if (open.spaces > 0 || besideWide) closeChunk()
    open.pieces.push(piece)
    open.width += width
  }
  closeChunk()
  return done
}
