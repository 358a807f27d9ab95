// The model of the screen, as a pure update. The live entries are those that may still be redrawn: from
// the first own message whose mark may yet change. All before it belongs to the terminal's scrollback.

import { type Editor, newEditor } from './editor.js'
import type { Entry, Mark, MessageEntry } from './entry.js'
import type { Paint } from './paint.js'
import { day, dayRow, entryRows } from './rows.js'
import { sanitiseEntry, sanitiseRow } from './sanitise.js'
import { clip } from './text.js'

interface LiveEntry {
  entry: Entry
  /** Set where the day changes: the date that is drawn before the entry. */
  date: string | undefined
}

interface Question {
  text: string
  secret: boolean
  editor: Editor
}

export interface Model {
  live: readonly LiveEntry[]
  /** The day of the entry printed last, or of the start. */
  today: string
  /** Own messages that left the region before their mark was final: id to the beginning of the text. */
  scrolledOff: ReadonlyMap<string, string>
  status: string
  prompt: string
  editor: Editor
  question: Question | undefined
}

export interface Screen {
  columns: number
  rows: number
}

/** Messages whose failure is still reported after they left the region. */
const MAX_SCROLLED_OFF = 1000
/** Cells of a message's text that a report quotes. */
const EXCERPT = 30

export function newModel(now: Date): Model {
  const empty = { live: [], scrolledOff: new Map(), status: '', prompt: '> ', question: undefined }
  return { ...empty, today: day(now), editor: newEditor() }
}

export function printed(model: Model, entry: Entry): Model {
  const today = day(entry.at)
  const date = today === model.today ? undefined : today
  return { ...model, today, live: [...model.live, { entry: sanitiseEntry(entry), date }] }
}

/** The mark in place; for a message that left the region, a notice if it failed and nothing otherwise. */
export function marked(model: Model, change: { id: string; mark: Mark; now: Date }): Model {
  const { id, mark, now } = change
  const held = model.live.some(({ entry }) => entry.kind === 'message' && entry.id === id)
  if (held) return { ...model, live: model.live.map(live => withMark(live, id, mark)) }
  const excerpt = model.scrolledOff.get(id)
  if (excerpt === undefined || mark === 'waiting' || mark === 'stored') return model
  const scrolledOff = new Map(model.scrolledOff)
  scrolledOff.delete(id)
  if (mark === 'delivered') return { ...model, scrolledOff }
  return printed(
    { ...model, scrolledOff },
    { kind: 'notice', at: now, level: 'error', text: `not sent: ${excerpt}` },
  )
}

export function withStatus(model: Model, status: string): Model {
  return { ...model, status: sanitiseRow(status) }
}

export function withPrompt(model: Model, prompt: string): Model {
  return { ...model, prompt: sanitiseRow(prompt) }
}

export function asking(model: Model, question: { text: string; secret: boolean }): Model {
  return {
    ...model,
    question: { text: sanitiseRow(question.text), secret: question.secret, editor: newEditor() },
  }
}

/** Takes from the live entries what is final, or has no room in `room` rows: the rows for the scrollback. */
export function settle(
  model: Model,
  area: { columns: number; room: number },
  paint: Paint,
): { model: Model; rows: string[] } {
  const drawn = model.live.map(live => liveRows(live, area.columns, paint))
  const firstOpen = model.live.findIndex(({ entry }) => isOpen(entry))
  let keep = firstOpen < 0 ? model.live.length : firstOpen
  let height = drawn.slice(keep).reduce((sum, rows) => sum + rows.length, 0)
  while (height > area.room || (keep < model.live.length && !isOpen(model.live[keep]!.entry))) {
    height -= drawn[keep]!.length
    keep++
  }
  const scrolledOff = remember(model.scrolledOff, model.live.slice(0, keep))
  return { model: { ...model, live: model.live.slice(keep), scrolledOff }, rows: drawn.slice(0, keep).flat() }
}

export function liveRows(live: LiveEntry, columns: number, paint: Paint): string[] {
  const rows = entryRows(live.entry, columns, paint)
  return live.date === undefined ? rows : [dayRow(live.date, paint), ...rows]
}

function isOpen(entry: Entry): entry is MessageEntry {
  return entry.kind === 'message' && entry.own && (entry.mark === 'waiting' || entry.mark === 'stored')
}

function remember(known: Model['scrolledOff'], leaving: readonly LiveEntry[]): Model['scrolledOff'] {
  const open = leaving.map(live => live.entry).filter(isOpen)
  if (open.length === 0) return known
  const added = open.map(({ id, text }) => [id, clip(text.replaceAll('\n', ' '), EXCERPT)] as const)
  return new Map([...known, ...added].slice(-MAX_SCROLLED_OFF))
}

function withMark(live: LiveEntry, id: string, mark: Mark): LiveEntry {
  const { entry } = live
  return entry.kind === 'message' && entry.id === id ? { ...live, entry: { ...entry, mark } } : live
}
