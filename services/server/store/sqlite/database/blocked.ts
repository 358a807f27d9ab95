// Whether a device is blocked, as a query of `devices`, `accounts` and `progress` tells.

import { blockedBy } from '../../account-rules.js'
import type { Blocked } from '../../store.js'

/** Columns of BlockedRow, for a SELECT that joins these three tables. */
export const BLOCKED_SQL = `revoked,
  EXISTS (SELECT 1 FROM bans WHERE bans.device_id = devices.id)
  OR EXISTS (SELECT 1 FROM bans WHERE bans.handle = accounts.handle) AS banned`

export interface BlockedRow {
  revoked: number
  banned: number
}

export function blockedOf({ revoked, banned }: BlockedRow): Blocked | undefined {
  return blockedBy({ revoked: revoked !== 0, banned: banned !== 0 })
}
