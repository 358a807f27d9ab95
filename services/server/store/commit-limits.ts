// How many commits there may be, and how many successors. A store keeps a moment for them and no list: that from which
// on as many may come at once as at the beginning.

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Conversations that may be created in the place of one, in an hour. */
export const SUCCESSORS_PER_HOUR = 3

/** The conversations that were created in the place of another one. */
export interface Successors {
  /** The id of the first one, and the sequence of its record in the order of the old one. */
  readonly first: Uint8Array
  readonly sequence: number
  /** How many there were in an hour, and when that began; ms since 1970. */
  readonly count: number
  readonly since: number
}

/**
 * A commit now, where `perMinute` may come at once and are free again evenly over a minute: the moment at which all are
 * free again after it, or how long it has to wait. All in ms.
 */
export function commitAt(
  freeAt: number,
  { now, perMinute }: { now: number; perMinute: number },
): { freeAt: number } | { waitMs: number } {
  // It is never further away than a minute, unless the clock was set back since: then all are free.
  const begun = freeAt > now + MINUTE_MS ? now : Math.max(freeAt, now)
  const next = begun + MINUTE_MS / perMinute
  const waitMs = Math.ceil(next - now - MINUTE_MS)
  return waitMs > 0 ? { waitMs } : { freeAt: Math.ceil(next) }
}

/** The successors with another one, or how long that has to wait. ms since 1970. */
export function anotherSuccessor(
  before: Successors | undefined,
  { id, sequence, now }: { id: Uint8Array; sequence: number; now: number },
): Successors | { waitMs: number } {
  if (!before) return { first: id.slice(), sequence, count: 1, since: now }
  const endsAt = before.since + HOUR_MS
  if (now >= endsAt || now < before.since) return { ...before, count: 1, since: now }
  if (before.count >= SUCCESSORS_PER_HOUR) return { waitMs: endsAt - now }
  return { ...before, count: before.count + 1 }
}
