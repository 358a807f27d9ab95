// For pipes and for terminals that can do nothing: one entry a line, no escape sequences. An entry's line
// begins with a digit; the lines of its text that follow begin with spaces.

import { newEditor, press } from './editor.js'
import type { Entry, NoticeEntry, Terminal, TerminalOptions } from './entry.js'
import { clock, day } from './rows.js'
import { sanitiseEntry, sanitiseRow } from './sanitise.js'

const CONTINUATION = '\n    '
const LEVELS: Readonly<Record<NoticeEntry['level'], string>> = {
  info: '--',
  warning: 'warning:',
  error: 'error:',
}

/** Marks, status and prompt are not shown. */
export function openPlain(options: TerminalOptions): Terminal {
  const { output } = options
  let open = true
  const write = (text: string) => {
    if (open) output.write(text)
  }
  const reader = openReader(options)
  output.on('error', () => {
    // A reader that went away (head, a closed pager) wants no more.
    if (open) options.onEnd('eof')
    open = false
  })
  return {
    print: entry => write(`${plainEntry(entry)}\n`),
    mark: () => {},
    status: () => {},
    prompt: () => {},
    ask(question, { secret = false } = {}) {
      write(sanitiseRow(question) + (options.input.isTTY ? '' : '\n'))
      const answer = reader.ask(secret)
      // Without echo the person's Enter has not ended the row.
      if (secret && options.input.isTTY) void answer.then(() => write('\n'))
      return answer
    },
    close() {
      open = false
      reader.close()
    },
  }
}

/** YYYY-MM-DD HH:MM in local time, who, and the text. */
export function plainEntry(entry: Entry): string {
  const safe = sanitiseEntry(entry)
  const figure = safe.kind === 'notice' && safe.figure ? safe.figure : []
  const text = [safe.text.replaceAll('\n', CONTINUATION), ...figure].join(CONTINUATION)
  const when = `${day(safe.at)} ${clock(safe.at)}`
  if (safe.kind === 'notice') return `${when} ${LEVELS[safe.level]} ${text}`
  const to = safe.to === undefined ? '' : ` → ${safe.to}`
  return `${when} ${safe.from}${to}: ${text}`
}

interface Asked {
  secret: boolean
  answer(line: string | undefined): void
}

function openReader(options: TerminalOptions) {
  const { input } = options
  const asked: Asked[] = []
  let state: 'reading' | 'ended' | 'closed' = 'reading'
  /** A terminal shows what is typed unless it is told not to. */
  const hush = () => {
    if (input.isTTY) input.setRawMode(asked[0]?.secret ?? false)
  }
  const answer = (line: string | undefined) => {
    asked.shift()?.answer(line)
    hush()
  }
  const take = async (line: string) => {
    if (asked.length === 0) return options.onLine(line)
    answer(line)
    // Lets the asker ask again before the next line is taken.
    return new Promise(resolve => setImmediate(resolve))
  }
  const secretly = () => (input.isTTY && asked[0]?.secret ? answer : undefined)
  const finish = () => {
    const wasOpen = state === 'reading'
    if (wasOpen) state = 'ended'
    while (asked.length > 0) answer(undefined)
    if (wasOpen) options.onEnd('eof')
  }
  // An input that breaks has ended; a defect in onLine is the caller's, and must not pass for an end.
  void readLines(input, { take, secretly }).then(finish)
  return {
    ask(secret: boolean): Promise<string | undefined> {
      if (state !== 'reading') return Promise.resolve(undefined)
      return new Promise(resolve => {
        asked.push({ secret, answer: resolve })
        hush()
      })
    },
    close() {
      state = 'closed'
      finish()
      input.destroy()
    },
  }
}

interface LineTaker {
  take(line: string): Promise<unknown>
  /** The receiver of a line that is typed without echo, if one is wanted now. */
  secretly(): ((line: string | undefined) => void) | undefined
}

/** Resolves at the input's end. Reads on only when each line was taken; lines may be of any length. */
async function readLines(input: NodeJS.ReadStream, taker: LineTaker): Promise<void> {
  input.setEncoding('utf8')
  let parts: string[] = []
  const secret = secretLine()
  for await (const chunk of chunksOf(input)) {
    const secretly = taker.secretly()
    if (secretly) {
      secret(chunk, secretly)
      continue
    }
    const [rest = '', ...lines] = chunk.split('\n')
    parts.push(rest)
    for (const next of lines) {
      const line = parts.join('')
      parts = [next]
      await taker.take(line)
    }
  }
  if (parts.some(part => part !== '')) await taker.take(parts.join(''))
}

async function* chunksOf(input: NodeJS.ReadStream): AsyncIterable<string> {
  try {
    for await (const chunk of input) yield String(chunk)
  } catch {
    // Closed by us, or gone: either way there is no more.
  }
}

/** A raw terminal gives keys; the few that matter to a line that nobody sees. */
function secretLine() {
  const names: Readonly<Record<string, { name: string; ctrl?: boolean }>> = {
    '\r': { name: 'return' },
    '\n': { name: 'enter' },
    '\x7f': { name: 'backspace' },
    '\b': { name: 'backspace' },
    '\x03': { name: 'c', ctrl: true },
    '\x04': { name: 'd', ctrl: true },
    '\x15': { name: 'u', ctrl: true },
  }
  let editor = newEditor()
  return (chunk: string, done: (line: string | undefined) => void) => {
    for (const typed of chunk) {
      const step = press(editor, { sequence: typed, ...names[typed] })
      editor = step.editor
      if (!step.effect) continue
      // Not kept in a history either.
      editor = newEditor()
      done(step.effect.kind === 'submit' ? step.effect.line : undefined)
    }
  }
}
