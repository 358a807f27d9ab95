// Which of the counts of a device are missing here, and how they hold its receipt back.

import type { Sender } from '../groups/state/groups.js'
import { type Count, countOf } from '../ids.js'

/** Counts of one device that are remembered as missing, and asked for: the newest. */
export const MISSING_COUNTS = 256

/** The counts of a device that were skipped, of which the newest are remembered. */
export function skipped(first: bigint, last: bigint): Count[] {
  const from = last - first >= MISSING_COUNTS ? last - BigInt(MISSING_COUNTS) + 1n : first
  return Array.from({ length: Number(last - from) + 1 }, (_, index) => countOf(from + BigInt(index)))
}

/** These counts are missing as well. */
export const withMissing = (sender: Sender, counts: readonly Count[]): Sender => ({
  ...sender,
  missing: [...sender.missing, ...counts].slice(-MISSING_COUNTS),
})

/** These counts are not missing any more, and do not hold a receipt back. */
export const withoutMissing = (sender: Sender, counts: readonly Count[]): Sender => ({
  ...sender,
  missing: sender.missing.filter(count => !counts.includes(count)),
})

/** A receipt covers everything up to a count, so it must stop before what is missing. */
export function owedUpTo({ missing }: Sender, count: Count): Count {
  const [first] = missing
  return first !== undefined && first <= count ? countOf(first - 1n) : count
}
