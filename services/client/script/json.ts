// Events as one JSON object a line, for programs. Fields are added in later versions, never changed: README,
// "Scripting".

import type { EndpointEvent, HistoryEntry } from '../../endpoint/events.js'
import { nameOf } from '../words.js'

export function jsonOfEntry(entry: HistoryEntry): object {
  const { id, kind, peer, from, own, text, sentAt, state, sequence, remedy, otherKey } = entry
  return {
    type: kind === 'text' ? 'message' : kind,
    id: nameOf(id),
    peer,
    from,
    own,
    text,
    sentAt: sentAt.toISOString(),
    state,
    sequence: Number(sequence),
    ...(remedy ? { remedy } : {}),
    ...(otherKey ? { otherKey } : {}),
  }
}

export function jsonOf(event: EndpointEvent): object {
  switch (event.type) {
    case 'message':
      return jsonOfEntry(event.entry)
    case 'state': {
      const { type, id, peer, state, sequence, cause } = event
      return { type, id: nameOf(id), peer, state, sequence: Number(sequence), ...(cause ? { cause } : {}) }
    }
    case 'line':
      return { type: 'line', ...event.line }
    case 'conversation':
      return { type: 'conversation', peer: event.peer, state: event.state }
    default:
      return event
  }
}
