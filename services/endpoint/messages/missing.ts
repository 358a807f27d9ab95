// Which of the counts of a device are missing here, and how they hold its receipt back.

import type { Content } from '../../../gen/parley/content/v1/content_pb.js'
import type { KnownSender } from '../groups/groups.js'

/** Counts of one device that are remembered as missing, and asked for: the newest. */
export const MISSING_COUNTS = 256

/** Notes that these counts of a device were skipped. */
export function noteMissing({ sender }: KnownSender, first: bigint, last: bigint): void {
  const from = last - first >= MISSING_COUNTS ? last - BigInt(MISSING_COUNTS) + 1n : first
  for (let count = from; count <= last; count++) sender.missing.push(count)
  sender.missing = sender.missing.slice(-MISSING_COUNTS)
}

/** A receipt covers everything up to a count, so it must stop before what is missing. */
export function owedUpTo({ sender }: KnownSender, count: bigint): bigint {
  const first = sender.missing[0]
  return first !== undefined && first <= count ? first - 1n : count
}

/** Whether this says again what is missing here; then it is not missing any more. */
export function takeResent(known: KnownSender, { resentCount }: Content): boolean {
  if (!known.sender.missing.includes(resentCount)) return false
  forget(known, [resentCount])
  return true
}

/** These counts are not missing, and do not hold a receipt back any more. */
export function forget({ sender }: KnownSender, counts: readonly bigint[]): void {
  sender.missing = sender.missing.filter(count => !counts.includes(count))
}
