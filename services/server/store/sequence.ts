// The numbers of records. There are two series. The log's own goes through all conversations: it says in which order a
// device reads them, and no client is shown it. A conversation's own is Envelope.sequence in the contract.

const YEAR_2025_MS = Date.UTC(2025, 0, 1)
const MICROSECONDS = 1_000

/**
 * The number of a moment: the microseconds since 2025. Numbers go up and are never used twice, not even when an older
 * copy of the data is put back: they go on above the moment at which they are given (a conversation's own) or at which
 * the log was opened (the log's own), which is far above what can have been reached before. So what a client has read
 * hides nothing that is stored afterwards, as long as the machine's clock was not set back as well.
 */
export function sequenceAt(nowMs: number): number {
  return (nowMs - YEAR_2025_MS) * MICROSECONDS
}

/** A conversation's next number after its `last` one; 0: it had none. It rests on that and the time alone. */
export function nextShown(last: number, nowMs: number): number {
  return Math.max(last + 1, sequenceAt(nowMs))
}
