// A history as a person reads it.

import { systemMessage, unreadable } from '../../services/client/words/history.js'
import type { HistoryEntry } from '../../services/endpoint/events.js'

export function saidIn(entry: HistoryEntry): string {
  if (entry.kind === 'text') return entry.text
  return entry.kind === 'event' ? systemMessage(entry.system) : unreadable(entry.cause).text
}
