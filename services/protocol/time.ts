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
