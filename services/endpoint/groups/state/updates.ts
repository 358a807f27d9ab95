// When this device commits fresh keys of its own: soon after it has joined, and then from time to time in a conversation
// in use (post-compromise security).

import { DAY_MS } from '../../../protocol/time.js'
import type { GroupRecord } from './groups.js'

export const UPDATE_AFTER_MS = DAY_MS
export const UPDATE_AFTER_SEALED = 1000n

/**
 * In larger groups the updates that follow joining wait for a time of their own, in ms for each device: a commit is
 * work for every member, and those of all newcomers at once would keep everybody from talking.
 */
const FEW_DEVICES = 8
const UPDATE_SPREAD_MS = 3000

/** When the update after joining is made, in ms since 1970. `fraction`: from 0 to less than 1, by chance. */
export function drawUpdate({
  now,
  devices,
  fraction,
}: {
  now: number
  devices: number
  fraction: number
}): number {
  return devices <= FEW_DEVICES ? now : now + fraction * devices * UPDATE_SPREAD_MS
}

/** Since when an update is due, or from when on; undefined: none is. `drawn`: the time for the one after joining. */
export function updateTime(
  { sealedSinceCommit, committedAtMs }: Pick<GroupRecord, 'sealedSinceCommit' | 'committedAtMs'>,
  drawn: number,
): number | undefined {
  if (sealedSinceCommit >= UPDATE_AFTER_SEALED) return 0
  if (committedAtMs === 0n) return drawn
  return sealedSinceCommit > 0n ? Number(committedAtMs) + UPDATE_AFTER_MS : undefined
}
