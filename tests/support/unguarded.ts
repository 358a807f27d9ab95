import { type GuardLimits, WITHOUT_ADDRESSES } from '../../services/server/guard/guard-limits.js'

/** For a server of which one address, and mostly one account, asks everything that a whole town would. */
export const UNGUARDED: Partial<GuardLimits> = {
  ...WITHOUT_ADDRESSES,
  lookupsPerMinute: Number.POSITIVE_INFINITY,
  claimsPerHour: Number.POSITIVE_INFINITY,
  claimsOfOnePerHour: Number.POSITIVE_INFINITY,
  claimsOfAllPerHour: Number.POSITIVE_INFINITY,
  conversationsPerHour: Number.POSITIVE_INFINITY,
}
