// A vault that was put back from a copy has message keys that are used: whatever had it since has sealed with them. So
// the vault counts how often that was noted, each group keeps at which count its keys are this device's alone, and
// where that is not the present one, a commit of this device has to win before it seals anything. It is compared where
// something is to be sealed: conversations that are not used cost nothing.

import { at, type Reader } from '../../vault/records.js'
import { ASK_AGAIN_MS } from './group.js'
import type { LiveGroup } from './live-group.js'

const ONLY = at(0n)

/** How often it was noted that this vault was put back. */
export const putBacks = (reader: Reader): bigint => reader.get('server', ONLY)?.putBack?.number ?? 0n

/** Nothing may be sealed in it: its keys may be used already. */
export const needsFreshKeys = ({ record, reader }: Pick<LiveGroup, 'reader' | 'record'>): boolean =>
  record.keysSincePutBack < putBacks(reader)

/** The server refused the commit that would have brought them, a short while ago: another one would be refused as well. */
export function wasRefusedLately(
  { record, reader }: Pick<LiveGroup, 'reader' | 'record'>,
  now: number,
): boolean {
  const putBack = reader.get('server', ONLY)?.putBack
  return (
    putBack !== undefined &&
    record.commitSincePutBack === putBack.number &&
    record.committedAtMs > putBack.notedAtMs &&
    now < Number(record.committedAtMs) + ASK_AGAIN_MS
  )
}
