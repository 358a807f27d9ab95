// Joins the model, the view and the device. Only the order of events is decided here.

import { type Device, openDevice } from './device.js'
import { completed, type Editor, type Effect, type Key, press } from './editor.js'
import type { EndReason, Terminal, TerminalOptions } from './entry.js'
import { asking, liveRows, type Model, marked, newModel, printed, withPrompt, withStatus } from './model.js'
import { painter } from './paint.js'
import { openPlain } from './plain.js'
import { view } from './view.js'

interface Asked {
  text: string
  secret: boolean
  answer(line: string | undefined): void
}

/** The interactive terminal; the plain one where either side is no terminal, or a dumb one. */
export function openTerminal(options: TerminalOptions): Terminal {
  const { input, output } = options
  const dumb = process.env.TERM === 'dumb'
  return input.isTTY && output.isTTY && !dumb ? openInteractive(options) : openPlain(options)
}

function openInteractive(options: TerminalOptions): Terminal {
  const display = openDisplay(options, { onKey: key => keys(key), onGone: () => end('eof') })
  const questions = openQuestions(display)
  const end = (reason: EndReason) => {
    questions.cancel()
    options.onEnd(reason)
  }
  const perform = (effect: Effect) => {
    if (effect.kind === 'redraw') display.redraw()
    else if (effect.kind === 'complete') complete(display, effect.before, options)
    else if (effect.kind === 'submit') questions.answered(effect.line) || submit(effect.line, options)
    else questions.answered(undefined) || options.onEnd(effect.reason)
  }
  const keys = (key: Key) => {
    const step = press(currentEditor(display.model()), key)
    display.update(model => withEditor(model, step.editor))
    if (step.effect) perform(step.effect)
  }
  return {
    print: entry => display.update(model => printed(model, entry)),
    mark: (id, mark) => display.update(model => marked(model, { id, mark, now: new Date() })),
    status: text => display.update(model => withStatus(model, text)),
    prompt: text => display.update(model => withPrompt(model, text)),
    ask: (text, { secret = false } = {}) => questions.ask(text, secret),
    close: () => {
      display.close()
      questions.cancel()
    },
  }
}

/** An empty line is a slip of the finger, except as an answer. */
function submit(line: string, options: TerminalOptions): void {
  if (line !== '') options.onLine(line)
}

function complete(display: Display, before: string, options: TerminalOptions): void {
  const candidates = display.model().question ? [] : (options.complete?.(before) ?? [])
  display.update(model => withEditor(model, completed(currentEditor(model), candidates)))
}

function currentEditor(model: Model): Editor {
  return model.question?.editor ?? model.editor
}

function withEditor(model: Model, editor: Editor): Model {
  return model.question ? { ...model, question: { ...model.question, editor } } : { ...model, editor }
}

interface Display {
  model(): Model
  /** Drawn soon; changes that come together are one frame. */
  update(change: (model: Model) => Model): void
  redraw(): void
  close(): void
}

function openDisplay(options: TerminalOptions, events: { onKey(key: Key): void; onGone(): void }): Display {
  const paint = painter(options.color)
  let model = newModel(new Date())
  let due: NodeJS.Immediate | undefined
  let closed = false
  const draw = () => {
    due = undefined
    const next = view(model, device.size(), paint)
    model = next.model
    device.show(next.frame)
  }
  const update = (change: (model: Model) => Model) => {
    if (closed) return
    model = change(model)
    due ??= setImmediate(draw)
  }
  const redraw = () => {
    device.forget()
    update(same => same)
  }
  const device: Device = openDevice({ ...options, ...events, onResize: () => update(same => same) })
  redraw()
  const close = () => {
    if (closed) return
    closed = true
    clearImmediate(due)
    const scrollback = model.live.flatMap(live => liveRows(live, device.size().columns, paint))
    device.show({ scrollback, rows: [''], cursor: { row: 0, before: '' } })
    device.close()
  }
  return { model: () => model, update, redraw, close }
}

/** One question stands at a time, in the place of the prompt; what was being typed waits behind it. */
function openQuestions(display: Display) {
  const waiting: Asked[] = []
  const stand = () => {
    const next = waiting[0]
    display.update(model => (next ? asking(model, next) : { ...model, question: undefined }))
  }
  return {
    ask(text: string, secret: boolean): Promise<string | undefined> {
      return new Promise(answer => {
        waiting.push({ text, secret, answer })
        if (waiting.length === 1) stand()
      })
    },
    /** False: nothing was asked. */
    answered(line: string | undefined): boolean {
      const asked = waiting.shift()
      if (!asked) return false
      stand()
      asked.answer(line)
      return true
    },
    cancel() {
      for (const asked of waiting.splice(0)) asked.answer(undefined)
      stand()
    },
  }
}
