// The history for a person or a program, without a line to the server.

import type { Endpoint, HistoryEntry } from '../../endpoint/index.js'
import { plainEntry } from '../../terminal/plain.js'
import { entryOf } from '../words/events.js'
import { jsonOfEntry, line } from '../words/json.js'

/** All conversations, or the one with `to`, in the order that everybody sees; what is unsent comes last. */
export function transcript(
  endpoint: Pick<Endpoint, 'people' | 'history'>,
  { to, json }: { to: string | undefined; json: boolean },
): string[] {
  const people = endpoint.people().filter(({ handle }) => to === undefined || handle === to)
  return people.flatMap(({ conversation }) =>
    [...endpoint.history(conversation)]
      .sort(inServerOrder)
      .map(entry => (json ? line(jsonOfEntry(entry)) : plainEntry(entryOf(entry, true)))),
  )
}

function inServerOrder(a: HistoryEntry, b: HistoryEntry): number {
  const place = ({ sequence }: HistoryEntry) =>
    sequence === 0n ? Number.POSITIVE_INFINITY : Number(sequence)
  const [first, second] = [place(a), place(b)]
  return first === second ? Number(a.id.message - b.id.message) : first - second
}
