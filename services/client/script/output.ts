// A script prints for people as the chat shows it, for programs one JSON object a line.

import type { EndpointEvent, RefusalCause } from '../../endpoint/index.js'
import { plainEntry } from '../../terminal/plain.js'
import { notKept } from '../words/chat.js'
import { entryOf, noticeOf } from '../words/events.js'
import { coded, jsonOf, line } from '../words/json.js'
import { downCause, stopCause } from '../words/line.js'
import { refusal } from '../words/refusals.js'

export interface Output {
  /** Takes what arrives; `note` what else there is to know. */
  print(line: string): void
  note(line: string): void
  json: boolean
}

/** A line of the input that is not even kept. */
export function tellUnsent({ json, print, note }: Output, why: RefusalCause): void {
  const text = notKept(refusal(why))
  if (json) print(line({ type: 'notice', level: 'error', text, ...coded(why) }))
  else note(plainEntry({ kind: 'notice', at: new Date(), level: 'error', text }))
}

/** Own messages are the input: a person knows them; a program wants their ids. */
export function tell({ json, print, note }: Output, event: EndpointEvent): void {
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
