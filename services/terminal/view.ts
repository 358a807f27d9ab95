// The rows to draw, as a pure view of the model.

import type { Editor } from './editor.js'
import { liveRows, type Model, type Screen, settle } from './model.js'
import type { Paint } from './paint.js'
import { MIN_COLUMNS } from './rows.js'
import { sanitiseRow } from './sanitise.js'
import { cells, clip, fitting, graphemes, widthOf, wrap } from './text.js'

export interface Frame {
  /** Go to the scrollback above the region and are never drawn again. */
  scrollback: string[]
  /** The region: live entries, status, hints, input. */
  rows: string[]
  cursor: Cursor
}

interface Cursor {
  /** Index in the region's rows. */
  row: number
  /** The text left of the cursor in that row; drawn again, it puts the cursor where the terminal has that cell. */
  before: string
}

const MASK = '•'
const INDENT = '  '

/** The next frame, and the model without what went to the scrollback. */
export function view(model: Model, screen: Screen, paint: Paint): { model: Model; frame: Frame } {
  const columns = Math.max(screen.columns, MIN_COLUMNS)
  const input = inputRows(model, { columns, rows: Math.max(1, Math.floor(screen.rows / 2)) }, paint)
  const above = notesRows(model, columns, paint).slice(0, Math.max(0, screen.rows - input.rows.length - 1))
  const room = Math.max(0, screen.rows - 1 - above.length - input.rows.length)
  const settled = settle(model, { columns, room }, paint)
  const live = settled.model.live.flatMap(entry => liveRows(entry, columns, paint))
  const cursor = { row: live.length + above.length + input.cursor.row, before: input.cursor.before }
  const frame = { scrollback: settled.rows, rows: [...live, ...above, ...input.rows], cursor }
  return { model: settled.model, frame }
}

function notesRows(model: Model, columns: number, paint: Paint): string[] {
  const hints = (model.question?.editor ?? model.editor).hints.map(hint => sanitiseRow(hint)).join('  ')
  return [model.status, hints].filter(note => note !== '').map(note => paint('dim', clip(note, columns)))
}

interface Input {
  rows: string[]
  cursor: Cursor
}

function inputRows(model: Model, screen: Screen, paint: Paint): Input {
  const editor = model.question?.editor ?? model.editor
  // The prompt leaves half of the row to what is typed; a question comes whole, above its answer if it must.
  const lead = model.question?.text ?? shortened(model.prompt, Math.floor(screen.columns / 2))
  const masked = model.question?.secret ?? false
  const laid = layout({ lead, editor, masked }, screen.columns)
  const styled = (row: string) => (row.startsWith(lead) ? paint('bold', lead) + row.slice(lead.length) : row)
  const all = laid.rows.map((row, index) => (index === 0 ? styled(row) : row))
  const before = laid.cursor.row === 0 ? styled(laid.cursor.before) : laid.cursor.before
  // Where there are more rows than room, the screen shows those up to the cursor's.
  const start = Math.max(0, laid.cursor.row - screen.rows + 1)
  return { rows: all.slice(start, start + screen.rows), cursor: { row: laid.cursor.row - start, before } }
}

function shortened(prompt: string, room: number): string {
  return widthOf(prompt) <= room ? prompt : `${clip(prompt.trimEnd(), room - 1)} `
}

/** Rows of one cell less than the screen, so that the cursor has a place behind a full one. */
function layout(input: { lead: string; editor: Editor; masked: boolean }, columns: number): Input {
  const { lead, editor, masked } = input
  const room = columns - 1
  const rows: string[] = []
  let row = ''
  let used = 0
  let cursor: Cursor | undefined
  const begin = (indent: string) => {
    rows.push(row)
    row = indent
    used = widthOf(indent)
  }
  const put = (shown: string) => {
    for (const piece of fitting(shown, room - INDENT.length)) {
      if (used + cells(piece) > room) begin(INDENT)
      row += piece
      used += cells(piece)
    }
  }
  const [first = '', ...more] = widthOf(lead) <= room ? [lead] : wrap(lead, room - INDENT.length)
  put(first)
  for (const part of more) {
    begin(INDENT)
    put(part)
  }
  let offset = 0
  for (const grapheme of graphemes(editor.text)) {
    if (offset === editor.cursor) cursor = { row: rows.length, before: row }
    if (grapheme === '\n') begin(INDENT)
    else put(masked ? MASK : sanitiseRow(grapheme))
    offset += grapheme.length
  }
  cursor ??= { row: rows.length, before: row }
  return { rows: [...rows, row], cursor }
}
