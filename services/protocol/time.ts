// Spans of time in milliseconds, and those that both ends have to agree on.

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** How far the clocks of two honest machines may be apart where a time of one is compared on the other. */
export const CLOCK_SLACK_MS = HOUR_MS
/** How long a key package is valid (RFC 9420 section 7.2). */
export const KEY_PACKAGE_LIFETIME_MS = 30 * DAY_MS
/** How long a server keeps a one-time key package that nobody claims: less, so that nobody is handed a stale one. */
export const KEY_PACKAGE_KEPT_MS = 28 * DAY_MS

/** The latest time that a Date holds, in ms since 1970 (ECMA-262 section 21.4.1.1). */
const MAX_TIME_MS = 8_640_000_000_000_000n

/** Whether a Date can hold the time, in ms since 1970. */
export function isTime(timeMs: bigint): boolean {
  return timeMs >= 0n && timeMs <= MAX_TIME_MS
}

/** A time that somebody else says, in ms since 1970, to be shown: the nearest one that there is. */
export function dateOf(timeMs: bigint): Date {
  if (isTime(timeMs)) return new Date(Number(timeMs))
  return new Date(timeMs < 0n ? 0 : Number(MAX_TIME_MS))
}
