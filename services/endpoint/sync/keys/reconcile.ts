// Compares who is in a group with who should be: the certified devices of an account that is in it. The server's word
// on them (lookup_handles) is signed by the account, so that it can leave a device out but not slip one in.

import type { DeviceIdentity } from '../../../protocol/identity/certificate.js'
import {
  type AccountKey,
  type DeviceKey,
  includesKey,
  type KeyText,
  keyText,
  sameKey,
} from '../../../protocol/keys.js'
import type { Context } from '../../context.js'
import { addDevices, type IntentChange, intend, removeDevices } from '../../groups/intents.js'
import { accountsIn, type GroupAccount, isOwn } from '../../groups/membership.js'
import { myTurnMs } from '../../groups/self-removal.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Transaction } from '../../vault/records.js'

/** Milliseconds that each device of an account waits for the older ones to add or remove another one. */
const OWN_TURN_MS = 1_000
/** Milliseconds that others wait for the account's own devices. */
const OTHERS_WAIT_MS = 3_000

/** By account: the devices whose certificates the server holds, verified. */
export type Directory = ReadonlyMap<KeyText<AccountKey>, readonly DeviceIdentity[]>

/** Intends in one group what the directory says. Returns the accounts of which a device is not in it yet. */
export function reconcile(
  context: Pick<Context, 'account' | 'clock' | 'contacts' | 'devices' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  directory: Directory,
): KeyText<AccountKey>[] {
  if (!can(group.phase, 'tell-devices')) return []
  const incomplete: KeyText<AccountKey>[] = []
  for (const account of accountsIn(context, group)) {
    const certified = directory.get(keyText(account.accountKey))?.map(({ deviceKey }) => deviceKey)
    if (!certified || isLeaving(group, account)) continue
    if (addMissing(context, tx, group, account, certified)) incomplete.push(keyText(account.accountKey))
    if (isOwn(context, account)) removeRevoked(context, tx, group, account, certified)
  }
  return incomplete
}

const isLeaving = ({ record }: LiveGroup, { devices }: GroupAccount): boolean =>
  devices.every(device => includesKey(record.leavingDeviceIds, device))

function addMissing(
  context: Pick<Context, 'account' | 'clock' | 'contacts' | 'devices' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  account: GroupAccount,
  certified: readonly DeviceKey[],
): boolean {
  const deviceIds = certified.filter(
    device => !includesKey(account.devices, device) && !isRevoked(context, account, device),
  )
  if (deviceIds.length === 0) return false
  const change = addDevices(account, deviceIds)
  const delay = isOwn(context, account)
    ? ownTurnMs(context, group, deviceIds)
    : OTHERS_WAIT_MS + myTurnMs(context, group, account.devices)
  intendOnce(context, tx, group, change, delay)
  return true
}

/** A device of this account that the server does not know any more was revoked, whoever has told so. */
function removeRevoked(
  context: Pick<Context, 'account' | 'clock' | 'devices' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { devices }: GroupAccount,
  certified: readonly DeviceKey[],
): void {
  // Or the server does not know what it says.
  if (!includesKey(certified, context.account.device.publicKey)) return
  const deviceIds = devices.filter(device => !includesKey(certified, device))
  if (deviceIds.length === 0) return
  intendOnce(context, tx, group, removeDevices(deviceIds), ownTurnMs(context, group, deviceIds))
}

function isRevoked(
  { devices, contacts }: Pick<Context, 'contacts' | 'devices'>,
  { accountKey }: GroupAccount,
  device: DeviceKey,
): boolean {
  return devices.isRevoked(device) || includesKey(contacts.get(accountKey)?.revokedDeviceIds ?? [], device)
}

/** The older devices of an account go first. */
function ownTurnMs(
  context: Pick<Context, 'account' | 'devices' | 'engine'>,
  group: LiveGroup,
  without: readonly DeviceKey[],
): number {
  const present = accountsIn(context, group).find(account => isOwn(context, account))?.devices ?? []
  const older = context.devices
    .all()
    .map(({ deviceId }) => deviceId)
    .filter(device => includesKey(present, device) && !includesKey(without, device))
  return Math.max(
    0,
    older.findIndex(device => sameKey(device, context.account.device.publicKey)) * OWN_TURN_MS,
  )
}

/** Not again what is intended for these devices already. */
function intendOnce(
  context: Pick<Context, 'clock' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  change: Extract<IntentChange, { case: 'addDevices' | 'removeDevices' }>,
  delayMs: number,
): void {
  const isIntended = context.intents
    .of(group)
    .some(
      ({ intent: { change: other } }) =>
        other.case === change.case &&
        change.value.deviceIds.every(device => includesKey(other.value.deviceIds, device)),
    )
  if (!isIntended) intend(context, tx, group, change, delayMs)
}

/** Whether there are other devices, by what the server lists for this account, and no group with them, nor one on its way. */
export function needsOwnGroup(
  context: Pick<Context, 'account' | 'conversations' | 'devices' | 'groups'>,
  listed: readonly DeviceIdentity[],
): boolean {
  const { account, conversations, groups } = context
  const others = listed.filter(
    device =>
      isOwn(context, device) &&
      !sameKey(device.deviceKey, account.device.publicKey) &&
      !context.devices.isRevoked(device.deviceKey),
  )
  const conversation = conversations.ownDevices()
  const made = conversation === undefined ? [] : groups.of(conversation)
  return others.length > 0 && made.every(({ phase }) => phase.name === 'ended')
}
