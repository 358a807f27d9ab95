/**
 * How much of it somebody gets. So much may come at once, and from then on so much comes back in the time that its name
 * says. Infinity: as much as one likes.
 */
export interface GuardLimits {
  /** Of one address, which may be that of a whole office: connections that are open at once, and new ones. */
  readonly connectionsPerAddress: number
  readonly connectionsPerMinute: number
  /** Of one address: calls that are begun. */
  readonly callsPerMinute: number
  /** Of one address: devices that are registered or try to. */
  readonly registrationsPerHour: number
  /** Of one account: handles that are looked up. */
  readonly lookupsPerMinute: number
  /** Of one account: handles that key packages are claimed of. */
  readonly claimsPerHour: number
  /** One account claims another: beyond it, the claim is answered with key packages of last resort. */
  readonly claimsOfOnePerHour: number
  /** All claim one account: as the one before. Twice the stock of a device. */
  readonly claimsOfAllPerHour: number
  /** Of one account: conversations that it creates, which others are in without being asked. */
  readonly conversationsPerHour: number
}

export const GUARD_LIMITS: GuardLimits = {
  connectionsPerAddress: 512,
  connectionsPerMinute: 1_200,
  callsPerMinute: 3_000,
  registrationsPerHour: 120,
  lookupsPerMinute: 3_000,
  claimsPerHour: 1_000,
  claimsOfOnePerHour: 20,
  claimsOfAllPerHour: 200,
  conversationsPerHour: 300,
}

const UNLIMITED = Number.POSITIVE_INFINITY

/** Limits by address are off: for a server behind a proxy, which sees one address for all. */
export const WITHOUT_ADDRESSES: Partial<GuardLimits> = {
  connectionsPerAddress: UNLIMITED,
  connectionsPerMinute: UNLIMITED,
  callsPerMinute: UNLIMITED,
  registrationsPerHour: UNLIMITED,
}
