// Nobody can remove themselves in MLS (RFC 9420 section 12.1.3), so a device says that it leaves and another one commits
// that. The others wait for each other in the order of their leaves, so that few of them race.

import type { Leave } from '../../../gen/parley/content/v1/content_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type DeviceKey, includesKey } from '../../protocol/keys.js'
import type { Member } from '../mls/engine.js'
import type { Transaction } from '../vault/records.js'
import { intend, removeDevices } from './intents.js'
import { accountsIn, settingsOf } from './membership.js'
import type { GroupParts } from './parts.js'
import { isAdmin } from './policy.js'
import type { LiveGroup } from './state/groups.js'

/** Milliseconds that each device waits for the one before it, and at most. */
const TURN_MS = 300
const TURNS_MS = 10_000

/** A device leaves, or all of its account. */
export function takeLeave(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  device: DeviceKey,
  { account }: Leave,
): void {
  const leaving = account
    ? (accountsIn(parts, group).find(({ devices }) => includesKey(devices, device))?.devices ?? [])
    : [device]
  removeWhenOurTurn(parts, tx, group, leaving)
}

/** Notes that these devices may be removed by anybody, and that this one will, if nobody has by its turn. */
export function removeWhenOurTurn(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  devices: readonly DeviceKey[],
): void {
  if (devices.length === 0) return
  const leavingDeviceIds = [...group.record.leavingDeviceIds, ...devices]
  parts.groups.change(tx, group, { leavingDeviceIds })
  if (includesKey(devices, parts.account.device.publicKey)) return
  intend(parts, tx, group, removeDevices(devices), myTurnMs(parts, group, devices))
}

/**
 * How long this device waits for those before it, when all but these devices could do the same. Admins go first: what
 * they commit nobody has to know the reason of.
 */
export function myTurnMs(
  { engine }: Pick<GroupParts, 'engine'>,
  group: LiveGroup,
  without: readonly DeviceKey[],
): number {
  const settings = settingsOf({ engine }, group)
  const rank = ({ identity }: Member) => (isAdmin(settings, parseVerifiedCertificate(identity)) ? 0 : 1)
  const others = engine
    .members(group.state)
    .filter(({ signatureKey }) => !includesKey(without, signatureKey))
    .sort((one, other) => rank(one) - rank(other))
  const turn = others.findIndex(({ leaf }) => leaf === engine.ownLeaf(group.state))
  return Math.min(turn * TURN_MS, TURNS_MS)
}
