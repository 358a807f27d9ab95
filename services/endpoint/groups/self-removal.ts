// Nobody can remove themselves in MLS (RFC 9420 section 12.1.3), so a device says that it leaves and another one commits
// that. The others wait for each other in the order of their leaves, so that few of them race.

import { create } from '@bufbuild/protobuf'
import type { Leave } from '../../../gen/parley/content/v1/content_pb.js'
import { RemoveDevicesSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import type { Transaction } from '../vault/records.js'
import { intend } from './intents.js'
import { accountsIn } from './membership.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'

/** Milliseconds that each device waits for the one before it, and at most. */
const TURN_MS = 300
const TURNS_MS = 10_000

/** A device leaves, or all of its account. */
export function takeLeave(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  device: Uint8Array,
  { account }: Leave,
): void {
  const has = (devices: readonly Uint8Array[], id: Uint8Array) =>
    devices.some(other => Buffer.compare(other, id) === 0)
  const leaving = account
    ? (accountsIn(parts, group).find(({ devices }) => has(devices, device))?.devices ?? [])
    : [device]
  removeWhenOurTurn(parts, tx, group, leaving)
}

/** Notes that these devices may be removed by anybody, and that this one will, if nobody has by its turn. */
export function removeWhenOurTurn(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  devices: readonly Uint8Array[],
): void {
  if (devices.length === 0) return
  const leavingDeviceIds = [...group.record.leavingDeviceIds, ...devices]
  parts.groups.change(tx, group, { leavingDeviceIds })
  if (devices.some(device => Buffer.compare(device, parts.account.device.publicKey) === 0)) return
  const change = {
    case: 'removeDevices',
    value: create(RemoveDevicesSchema, { deviceIds: [...devices] }),
  } as const
  intend(parts, tx, group, change, myTurnMs(parts, group, devices))
}

/** How long this device waits for those before it, when all but these devices could do the same. */
export function myTurnMs(
  { engine }: Pick<GroupParts, 'engine'>,
  group: LiveGroup,
  without: readonly Uint8Array[],
): number {
  const others = engine
    .members(group.state)
    .filter(({ signatureKey }) => !without.some(device => Buffer.compare(device, signatureKey) === 0))
  const turn = others.findIndex(({ leaf }) => leaf === engine.ownLeaf(group.state))
  return Math.min(turn * TURN_MS, TURNS_MS)
}
