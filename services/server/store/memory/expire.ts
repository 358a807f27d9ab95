// Deletes envelopes that nobody will read any more, always from a conversation's beginning, so that what is gone is
// known by one sequence.

import type { Span } from '../facts.js'
import type { LogRecord } from '../log-record.js'
import type { ConversationRow, Tables } from './tables.js'

/**
 * Deletes what all have acked and what was stored before the given time (ms since 1970), and forgets those that were
 * removed before it. Returns the records that are gone.
 */
export function expireRecords(tables: Tables, storedBefore: number): LogRecord[] {
  // Records are in the order of their times, but for a clock that was set back.
  const oldThrough = tables.records.findLast(({ storedAt }) => storedAt < storedBefore)?.sequence ?? 0
  const gone: LogRecord[] = []
  for (const [key, records] of Map.groupBy(tables.records, record => record.conversation)) {
    const conversation = tables.conversationByKey(key)
    if (conversation) gone.push(...expireConversation(tables, { conversation, records, oldThrough }))
  }
  for (const conversation of tables.conversations()) forgetRemoved(conversation, storedBefore)
  const deleted = new Set(gone)
  tables.records = tables.records.filter(record => !deleted.has(record))
  return gone
}

function expireConversation(
  tables: Tables,
  given: { conversation: ConversationRow; records: readonly LogRecord[]; oldThrough: number },
): LogRecord[] {
  const { conversation, records, oldThrough } = given
  const through = Math.max(ackedByAll(tables, conversation), oldThrough)
  const gone = records.filter(({ sequence }) => sequence <= through)
  const last = gone.at(-1)
  if (!last) return []
  countMissed(tables, conversation, gone)
  conversation.facts = {
    ...conversation.facts,
    expiredThrough: last.sequence,
    expiredShown: last.shown,
    spans: stillRead(tables, conversation),
  }
  return gone
}

function forgetRemoved(conversation: ConversationRow, before: number): void {
  const removed = [...conversation.facts.removed].filter(([, { at }]) => at >= before)
  conversation.facts = { ...conversation.facts, removed: new Map(removed) }
}

/**
 * Up to where nobody needs the conversation any more. A device needs nothing from before it was added, one that has
 * left nothing once it has acked that, and one that is revoked nothing at all.
 */
function ackedByAll(tables: Tables, { facts }: ConversationRow): number {
  let through = Number.POSITIVE_INFINITY
  for (const [key, spans] of facts.spans) {
    const device = tables.deviceByKey(key)
    if (!device || tables.isRevoked(device)) continue
    for (const { joined, left } of spans)
      if (left === undefined || device.acked < left)
        through = Math.min(through, Math.max(device.acked, joined - 1))
  }
  return through
}

/** Adds to what each device has missed; an ack since the last time begins the count anew. */
function countMissed(tables: Tables, { facts, missed }: ConversationRow, gone: readonly LogRecord[]): void {
  for (const [key, spans] of facts.spans) {
    const acked = tables.deviceByKey(key)?.acked ?? 0
    const before = acked >= facts.expiredThrough ? 0 : (missed.get(key) ?? 0)
    const unread = gone.filter(
      ({ sequence }) =>
        sequence > acked &&
        spans.some(span => span.joined <= sequence && sequence <= (span.left ?? sequence)),
    )
    missed.set(key, before + unread.length)
  }
}

/** The spans without those that have ended and that their device has acked. */
function stillRead(tables: Tables, { facts }: ConversationRow): Map<number, readonly Span[]> {
  const kept = new Map<number, readonly Span[]>()
  for (const [key, spans] of facts.spans) {
    const acked = tables.deviceByKey(key)?.acked ?? 0
    const own = spans.filter(({ left }) => left === undefined || left > acked)
    if (own.length > 0) kept.set(key, own)
  }
  return kept
}
