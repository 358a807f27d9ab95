// Events as one JSON object a line, for programs. Fields are added in later versions, never changed: README,
// "Scripting". Beside each text for people stand its code, and what the code is about.

import type { EndpointEvent, HistoryEntry, LineState } from '../../endpoint/index.js'
import { messageName } from './events.js'
import { sendFailure, systemMessage, unreadable } from './history.js'
import { downCause, stopCause } from './line.js'
import { notice } from './notices.js'

export function jsonOfEntry(entry: HistoryEntry): object {
  const { id, kind, peer, from, own, sentAt, state, sequence, otherKey, hearsay } = entry
  return {
    type: kind === 'text' ? 'message' : kind,
    id: messageName(id),
    peer,
    from,
    own,
    ...saidIn(entry),
    sentAt: sentAt.toISOString(),
    state,
    sequence: Number(sequence),
    ...(otherKey ? { otherKey } : {}),
    ...(hearsay === undefined ? {} : { hearsay }),
  }
}

function saidIn(entry: HistoryEntry): object {
  if (entry.kind === 'text') return { text: entry.text }
  if (entry.kind === 'event') return { text: systemMessage(entry.system), ...coded(entry.system) }
  const { text, remedy } = unreadable(entry.cause)
  return { text, ...(remedy ? { remedy } : {}), ...coded(entry.cause) }
}

/** `code`, and `data` where there is some. */
export function coded({ code, ...data }: { code: string }): object {
  return Object.keys(data).length > 0 ? { code, data } : { code }
}

/** Numbers of any size as JSON has them. */
export const line = (object: object): string =>
  JSON.stringify(object, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))

function whyOf(line: LineState): object {
  if (line.state === 'down') return { cause: downCause(line.cause), ...coded(line.cause) }
  return line.state === 'stopped' ? { cause: stopCause(line.cause), ...coded(line.cause) } : {}
}

export function jsonOf(event: EndpointEvent): object {
  switch (event.type) {
    case 'message':
      return jsonOfEntry(event.entry)
    case 'state': {
      const { type, id, peer, state, sequence, failure } = event
      const why = failure ? { cause: sendFailure(failure), code: failure } : {}
      return { type, id: messageName(id), peer, state, sequence: Number(sequence), ...why }
    }
    case 'line':
      return { type: 'line', ...event.line, ...whyOf(event.line) }
    case 'conversation':
      return { type: 'conversation', peer: event.peer, state: event.state }
    case 'notice':
      return { type: 'notice', level: event.level, text: notice(event.notice), ...coded(event.notice) }
    default:
      return event
  }
}
