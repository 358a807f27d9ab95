// The input line as a pure update: a state and a key give the next state and what is to happen.

import { graphemes } from './text.js'

/** A key press, as node:readline tells of it. */
export interface Key {
  name?: string | undefined
  sequence?: string | undefined
  ctrl?: boolean | undefined
  meta?: boolean | undefined
}

export interface Editor {
  text: string
  /** UTF-16 units before the cursor; never inside a grapheme. */
  cursor: number
  /** Oldest first. */
  history: readonly string[]
  /** Which line of the history is shown; its length: the draft. */
  place: number
  /** The input as it was before the person looked into the history. */
  draft: string
  /** The text that a paste has brought so far; undefined: not in a paste. */
  pasted: string | undefined
  /** Completions to choose from, or why a key did nothing; until the next key. */
  hints: readonly string[]
}

export type Effect =
  | { kind: 'submit'; line: string }
  | { kind: 'complete'; before: string }
  | { kind: 'end'; reason: 'interrupt' | 'eof' }
  | { kind: 'redraw' }

interface Step {
  editor: Editor
  effect?: Effect
}

/** Lines remembered. */
const MAX_HISTORY = 500
/** UTF-16 units of one input; what goes beyond is not inserted. Far above any message that a server takes. */
const MAX_INPUT = 1 << 20
const TOO_LONG = 'Not inserted: the line would be too long.'

// A terminal sends \r for a newline in a paste. Other controls could only do harm at the other end.
const PASTED_LINE_END = /\r\n?/g
const PASTED_CONTROL = /[\p{Cc}--[\n\t]]/gv
const CONTROL = /\p{Cc}/u

export function newEditor(history: readonly string[] = []): Editor {
  return { text: '', cursor: 0, history, place: history.length, draft: '', pasted: undefined, hints: [] }
}

/** The next state after a key. */
export function press(editor: Editor, key: Key): Step {
  if (key.name === 'paste-start') return { editor: { ...editor, pasted: '' } }
  if (key.name === 'paste-end') return { editor: endPaste(editor) }
  if (editor.pasted !== undefined) return { editor: pasting(editor, key) }
  const calm = editor.hints.length > 0 ? { ...editor, hints: [] } : editor
  const binding = BINDINGS[bindingName(key)]
  if (binding) return binding(calm)
  const typed = key.sequence ?? ''
  const printable = typed !== '' && !key.ctrl && !key.meta && !CONTROL.test(typed)
  return { editor: printable ? insert(calm, typed) : calm }
}

/** Puts candidates (whole replacements of the text before the cursor) to use: the only one, or what they share. */
export function completed(editor: Editor, candidates: readonly string[]): Editor {
  const [first, ...others] = candidates
  if (first === undefined) return editor
  const before = editor.text.slice(0, editor.cursor)
  const shared = others.reduce(sharedStart, first)
  if (others.length > 0 && shared.length <= before.length) return { ...editor, hints: candidates }
  return replaceBefore(editor, shared)
}

type Binding = (editor: Editor) => Step

const always =
  (change: (editor: Editor) => Editor): Binding =>
  editor => ({ editor: change(editor) })

const BINDINGS: Readonly<Record<string, Binding>> = {
  return: submit,
  // \n alone: what a program that types for a person sends.
  enter: submit,
  'meta return': always(editor => insert(editor, '\n')),
  'meta enter': always(editor => insert(editor, '\n')),
  backspace: always(editor => cut(editor, previous(editor), editor.cursor)),
  'ctrl h': always(editor => cut(editor, previous(editor), editor.cursor)),
  delete: always(editor => cut(editor, editor.cursor, next(editor))),
  left: always(editor => moved(editor, previous(editor))),
  right: always(editor => moved(editor, next(editor))),
  'ctrl b': always(editor => moved(editor, previous(editor))),
  'ctrl f': always(editor => moved(editor, next(editor))),
  'ctrl left': always(editor => moved(editor, wordStart(editor))),
  'ctrl right': always(editor => moved(editor, wordEnd(editor))),
  'meta b': always(editor => moved(editor, wordStart(editor))),
  'meta f': always(editor => moved(editor, wordEnd(editor))),
  home: always(editor => moved(editor, 0)),
  end: always(editor => moved(editor, editor.text.length)),
  'ctrl a': always(editor => moved(editor, 0)),
  'ctrl e': always(editor => moved(editor, editor.text.length)),
  'ctrl u': always(editor => cut(editor, 0, editor.cursor)),
  'ctrl k': always(editor => cut(editor, editor.cursor, editor.text.length)),
  'ctrl w': always(editor => cut(editor, wordStart(editor), editor.cursor)),
  'meta backspace': always(editor => cut(editor, wordStart(editor), editor.cursor)),
  up: always(editor => recalled(editor, editor.place - 1)),
  down: always(editor => recalled(editor, editor.place + 1)),
  'ctrl p': always(editor => recalled(editor, editor.place - 1)),
  'ctrl n': always(editor => recalled(editor, editor.place + 1)),
  tab: editor => ({ editor, effect: { kind: 'complete', before: editor.text.slice(0, editor.cursor) } }),
  'ctrl l': editor => ({ editor, effect: { kind: 'redraw' } }),
  'ctrl c': interrupt,
  'ctrl d': editor => {
    if (editor.text === '') return { editor, effect: { kind: 'end', reason: 'eof' } }
    return { editor: cut(editor, editor.cursor, next(editor)) }
  },
}

function bindingName(key: Key): string {
  return `${key.ctrl ? 'ctrl ' : ''}${key.meta ? 'meta ' : ''}${key.name ?? ''}`
}

function submit(editor: Editor): Step {
  const line = editor.text
  const remembered = line !== '' && line !== editor.history.at(-1)
  const history = remembered ? [...editor.history, line].slice(-MAX_HISTORY) : editor.history
  return { editor: newEditor(history), effect: { kind: 'submit', line } }
}

function interrupt(editor: Editor): Step {
  if (editor.text !== '') return { editor: newEditor(editor.history) }
  return { editor, effect: { kind: 'end', reason: 'interrupt' } }
}

/** Ctrl-C leaves a paste whose end never came. */
function pasting(editor: Editor, key: Key): Editor {
  if (bindingName(key) === 'ctrl c') return { ...editor, pasted: undefined }
  const pasted = editor.pasted ?? ''
  return pasted.length > MAX_INPUT ? editor : { ...editor, pasted: pasted + (key.sequence ?? '') }
}

function endPaste(editor: Editor): Editor {
  const text = (editor.pasted ?? '').replace(PASTED_LINE_END, '\n').replace(PASTED_CONTROL, '')
  return insert({ ...editor, pasted: undefined }, text)
}

function insert(editor: Editor, typed: string): Editor {
  if (editor.text.length + typed.length > MAX_INPUT) return { ...editor, hints: [TOO_LONG] }
  const before = editor.text.slice(0, editor.cursor) + typed
  const text = before + editor.text.slice(editor.cursor)
  return { ...editor, text, cursor: settled(text, before.length) }
}

/** A grapheme may form across the place of insertion; the cursor goes behind it. */
function settled(text: string, cursor: number): number {
  let end = 0
  for (const grapheme of graphemes(text)) {
    if (end >= cursor) break
    end += grapheme.length
  }
  return end
}

function cut(editor: Editor, from: number, to: number): Editor {
  const text = editor.text.slice(0, from) + editor.text.slice(to)
  return { ...editor, text, cursor: settled(text, from) }
}

function moved(editor: Editor, cursor: number): Editor {
  return { ...editor, cursor: settled(editor.text, cursor) }
}

function replaceBefore(editor: Editor, before: string): Editor {
  const text = before + editor.text.slice(editor.cursor)
  return { ...editor, text, cursor: settled(text, before.length) }
}

function previous(editor: Editor): number {
  return editor.cursor - (graphemes(editor.text.slice(0, editor.cursor)).at(-1)?.length ?? 0)
}

function next(editor: Editor): number {
  return editor.cursor + (graphemes(editor.text.slice(editor.cursor))[0]?.length ?? 0)
}

function wordStart(editor: Editor): number {
  return editor.text.slice(0, editor.cursor).replace(/\S*\s*$/u, '').length
}

function wordEnd(editor: Editor): number {
  return editor.cursor + (/^\s*\S*/u.exec(editor.text.slice(editor.cursor))?.[0].length ?? 0)
}

function recalled(editor: Editor, place: number): Editor {
  if (place < 0 || place > editor.history.length) return editor
  const draft = editor.place === editor.history.length ? editor.text : editor.draft
  const text = editor.history[place] ?? draft
  return { ...editor, text, cursor: text.length, place, draft }
}

function sharedStart(a: string, b: string): string {
  const left = graphemes(a)
  const right = graphemes(b)
  const differs = left.findIndex((grapheme, index) => grapheme !== right[index])
  return differs < 0 ? a : left.slice(0, differs).join('')
}
