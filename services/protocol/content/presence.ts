// How devices tell that they are here (Presence in proto/parley/content/v1/content.proto): what one does, the others
// count on.

import { MINUTE_MS, SECOND_MS } from '../time.js'

/** How often a device says that it is here. */
export const PRESENCE_INTERVAL_MS = 15 * SECOND_MS
/** A device of which nothing was heard for so long has gone: two of its words may be lost. */
export const GONE_AFTER_MS = 40 * SECOND_MS
/** Ephemeral content that was sent so long ago, by the sender's clock, is ignored. */
export const IGNORED_AFTER_MS = 2 * MINUTE_MS
/** In larger groups nobody says so: everybody asks after a commit, everybody answers, and all of it goes to everybody. */
export const PRESENCE_DEVICES = 8
