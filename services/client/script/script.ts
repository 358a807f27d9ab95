// The client in a pipe: every line of the input is a message, what arrives is printed, and it ends when the input
// has ended and everything sent is where it was to be.

import type { Readable } from 'node:stream'
import { type Endpoint, type EndpointEvent, Refusal, type RefusalCause } from '../../endpoint/index.js'
import { plainEntry } from '../../terminal/plain.js'
import type { Exit } from '../exit.js'
import { entryOf, noticeOf } from '../words/events.js'
import { coded, jsonOf, line } from '../words/json.js'
import { downCause, stopCause } from '../words/line.js'
import { refusal } from '../words/refusals.js'
import { readLines } from './lines.js'

export interface ScriptOptions {
  endpoint: Endpoint
  input: Readable
  /** What arrives; and what else there is to know. */
  print(line: string): void
  note(line: string): void
  json: boolean
  waitDelivered: boolean
  follow: boolean
  timeoutMs: number | undefined
}

export interface Script {
  onEvent(event: EndpointEvent): void
  /**
   * Sends the input to this conversation. Resolves when the script is done; the time that it may take also runs while
   * the conversation is not known. Rejects where that does, and with VaultError.
   */
  run(conversation: Promise<bigint>): Promise<Exit>
  /** Ends it from outside. */
  stop(exit: Exit): void
}

export function openScript(options: ScriptOptions): Script {
  const { endpoint } = options
  let result: Exit = 'done'
  let inputEnded = false
  let target: bigint | undefined
  const changed = new Set<string>()
  let finish: (exit: Exit) => void = () => undefined
  const finished = new Promise<Exit>(resolve => {
    finish = resolve
  })
  const limitTime = (): NodeJS.Timeout | undefined => {
    if (options.timeoutMs === undefined || options.follow) return undefined
    return setTimeout(() => finish('timeout'), options.timeoutMs).unref()
  }
  /** Lines to somebody whose changed key nobody accepts would wait for ever. */
  const stopAtChange = () => {
    if (options.follow || target === undefined) return
    const to = endpoint.people().find(({ conversation }) => conversation === target)
    if (to && changed.has(to.handle)) finish('stopped')
  }
  const settle = () => {
    if (!inputEnded || options.follow) return
    const { unsent, undelivered } = endpoint.unsettled()
    if ((options.waitDelivered ? undelivered : unsent) === 0) finish(result)
  }
  const send = async (conversation: bigint, text: string) => {
    try {
      await endpoint.send(conversation, text)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      result = 'unsent'
      tellUnsent(options, error.why)
    }
  }
  return {
    onEvent(event) {
      tell(options, event)
      if (event.type === 'state' && event.state === 'failed') result = 'unsent'
      if (event.type === 'line' && event.line.state === 'stopped')
        finish(event.line.reason === 'vault' ? 'failed' : 'stopped')
      if (event.type === 'key-changed' && event.policy === 'block') {
        changed.add(event.handle)
        stopAtChange()
      }
      if (event.type === 'state') settle()
    },
    async run(conversation) {
      const read = async () => {
        const unknown = limitTime()
        const to = await conversation
        clearTimeout(unknown)
        target = to
        if (changed.size > 0) stopAtChange()
        for await (const line of readLines(options.input)) await send(to, line)
        inputEnded = true
        limitTime()
        settle()
      }
      const reading = read()
      await Promise.race([finished, reading])
      return await finished
    },
    stop: exit => finish(exit),
  }
}

/** A line of the input that is not even kept. */
function tellUnsent({ json, print, note }: ScriptOptions, why: RefusalCause): void {
  const text = `not sent: ${refusal(why)}`
  if (json) print(line({ type: 'notice', level: 'error', text, ...coded(why) }))
  else note(plainEntry({ kind: 'notice', at: new Date(), level: 'error', text }))
}

/** Own messages are the input: a person knows them; a program wants their ids. */
function tell({ json, print, note }: ScriptOptions, event: EndpointEvent): void {
  if (json) print(line(jsonOf(event)))
  else if (event.type === 'message') {
    const entry = entryOf(event.entry, false)
    if (entry.kind === 'notice') note(plainEntry(entry))
    else if (!event.entry.own) print(plainEntry(entry))
  } else if (event.type === 'line') {
    if (event.line.state === 'down') note(downCause(event.line.cause))
    if (event.line.state === 'stopped') note(stopCause(event.line.cause))
  } else {
    const notice = noticeOf(event)
    if (notice) note(plainEntry(notice))
  }
}
