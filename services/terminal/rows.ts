// How an entry looks. Each row of a message's text stands behind a bar or an indent, so that no text,
// however broken, can pass for another entry.

import type { Entry, Mark, MessageEntry, NoticeEntry } from './entry.js'
import type { Paint } from './paint.js'
import { clip, widthOf, wrap } from './text.js'

const BAR = '▏'
const HANGING_INDENT = '  '
/** Cells that no layout goes below; on a narrower screen rows are cut by the terminal. */
export const MIN_COLUMNS = 20

// The failed one says so in words, because it asks for something to be done.
const MARKS: Readonly<Record<Mark, string>> = {
  waiting: '·',
  stored: '✓',
  delivered: '✓✓',
  failed: '✗ not sent',
}
const LEVELS: Readonly<Record<NoticeEntry['level'], string>> = {
  info: '-- ',
  warning: 'warning: ',
  error: 'error: ',
}

/** Local time, HH:MM. */
export function clock(at: Date): string {
  return `${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}`
}

/** Local date, YYYY-MM-DD: the same in every language. */
export function day(at: Date): string {
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`
}

export function dayRow(date: string, paint: Paint): string {
  return paint('dim', `── ${date} ──`)
}

/** The entry as rows of at most `columns` cells. */
export function entryRows(entry: Entry, columns: number, paint: Paint): string[] {
  const room = Math.max(columns, MIN_COLUMNS)
  return entry.kind === 'message' ? messageRows(entry, room, paint) : noticeRows(entry, room, paint)
}

interface Header {
  painted: string
  width: number
}

function messageRows(message: MessageEntry, columns: number, paint: Paint): string[] {
  const header = messageHeader(message, columns, paint)
  // A header that takes half of the screen or more gets a row of its own.
  const besides = header.width <= columns / 2
  const indent = besides ? ' '.repeat(header.width - 1) : HANGING_INDENT
  const room = columns - indent.length - 1
  const rows = wrap(message.text, room)
  if (message.mark) appendMark(rows, message.mark, room, paint)
  const drawn = rows.map((row, index) => (besides && index === 0 ? header.painted : indent + BAR) + row)
  return besides ? drawn : [header.painted, ...drawn]
}

function messageHeader(message: MessageEntry, columns: number, paint: Paint): Header {
  const time = `${clock(message.at)} `
  const arrow = message.to === undefined ? '' : ' → '
  const names = columns - widthOf(time) - widthOf(arrow) - 2
  const to = message.to === undefined ? '' : clip(message.to, Math.floor(names / 2))
  const from = clip(message.from, names - widthOf(to))
  const painted = `${paint('dim', time)}${paintedSender(message, from, paint)}${paint('dim', arrow)}${to} ${BAR}`
  return { painted, width: widthOf(time + from + arrow + to) + 2 }
}

function paintedSender(message: MessageEntry, shown: string, paint: Paint): string {
  return message.own ? paint('bold', shown) : paint({ handle: message.from }, shown)
}

function appendMark(rows: string[], mark: Mark, room: number, paint: Paint): void {
  const text = clip(MARKS[mark], room)
  const painted = paint(mark === 'failed' ? 'error' : 'dim', text)
  const last = rows.at(-1) ?? ''
  if (widthOf(last) + 1 + widthOf(text) <= room) rows[rows.length - 1] = `${last} ${painted}`
  else rows.push(painted)
}

function noticeRows(notice: NoticeEntry, columns: number, paint: Paint): string[] {
  const style = notice.level === 'info' ? 'dim' : notice.level
  const indent = ' '.repeat(`${clock(notice.at)} `.length)
  const rows = wrap(LEVELS[notice.level] + notice.text, columns - indent.length)
  const drawn = rows.map((row, index) => paint(style, (index === 0 ? `${clock(notice.at)} ` : indent) + row))
  return [...drawn, ...(notice.figure ?? []).flatMap(row => wrap(row, columns))]
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
