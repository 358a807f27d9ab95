// Compares who is in a group with who should be: the certified devices of an account that is in it. The server's word
// on them (lookup_handles) is signed by the account, so that it can leave a device out but not slip one in.

import { create } from '@bufbuild/protobuf'
import { AddDevicesSchema, RemoveDevicesSchema } from '../../../../gen/parley/vault/v1/records_pb.js'
import type { DeviceIdentity } from '../../../protocol/identity/certificate.js'
import type { Context } from '../../context.js'
import { type IntentChange, intend } from '../../groups/intents.js'
import { accountsIn, isOwn } from '../../groups/membership.js'
import { myTurnMs } from '../../groups/self-removal.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Transaction } from '../../vault/records.js'

/** Milliseconds that each device of an account waits for the older ones to add or remove another one. */
const OWN_TURN_MS = 1_000
/** Milliseconds that others wait for the account's own devices. */
const OTHERS_WAIT_MS = 3_000

/** By handle: the devices whose certificates the server holds, verified. */
export type Directory = ReadonlyMap<string, readonly DeviceIdentity[]>

type GroupAccount = ReturnType<typeof accountsIn>[number]

const includes = (devices: readonly Uint8Array[], device: Uint8Array): boolean =>
  devices.some(other => Buffer.compare(other, device) === 0)

/** Intends in one group what the directory says. Returns the handles of which a device is not in it yet. */
export function reconcile(
  context: Pick<Context, 'account' | 'clock' | 'contacts' | 'devices' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  directory: Directory,
): string[] {
  if (!can(group.phase, 'tell-devices')) return []
  const incomplete: string[] = []
  for (const account of accountsIn(context, group)) {
    const certified = directory
      .get(account.handle)
      ?.filter(({ accountKey }) => Buffer.compare(accountKey, account.accountKey) === 0)
      .map(({ deviceKey }) => deviceKey)
    if (!certified || isLeaving(group, account)) continue
    if (addMissing(context, tx, group, account, certified)) incomplete.push(account.handle)
    if (isOwn(context, account)) removeRevoked(context, tx, group, account, certified)
  }
  return incomplete
}

const isLeaving = ({ record }: LiveGroup, { devices }: GroupAccount): boolean =>
  devices.every(device => includes(record.leavingDeviceIds, device)) && record.rejoiningDeviceIds.length === 0

function addMissing(
  context: Pick<Context, 'account' | 'clock' | 'contacts' | 'devices' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  account: GroupAccount,
  certified: readonly Uint8Array[],
): boolean {
  const deviceIds = certified.filter(
    device => !includes(account.devices, device) && !isRevoked(context, account, device),
  )
  if (deviceIds.length === 0) return false
  const value = create(AddDevicesSchema, { handle: account.handle, deviceIds })
  const delay = isOwn(context, account)
    ? ownTurnMs(context, group, deviceIds)
    : OTHERS_WAIT_MS + myTurnMs(context, group, account.devices)
  intendOnce(context, tx, group, { case: 'addDevices', value }, delay)
  return true
}

/** A device of this account that the server does not know any more was revoked, whoever has told so. */
function removeRevoked(
  context: Pick<Context, 'account' | 'clock' | 'devices' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { devices }: GroupAccount,
  certified: readonly Uint8Array[],
): void {
  // Or the server does not know what it says.
  if (!includes(certified, context.account.device.publicKey)) return
  const deviceIds = devices.filter(device => !includes(certified, device))
  if (deviceIds.length === 0) return
  const value = create(RemoveDevicesSchema, { deviceIds })
  intendOnce(context, tx, group, { case: 'removeDevices', value }, ownTurnMs(context, group, deviceIds))
}

function isRevoked(
  { devices, contacts }: Pick<Context, 'contacts' | 'devices'>,
  { handle }: GroupAccount,
  device: Uint8Array,
): boolean {
  return devices.isRevoked(device) || includes(contacts.get(handle)?.revokedDeviceIds ?? [], device)
}

/** The older devices of an account go first. */
function ownTurnMs(
  context: Pick<Context, 'account' | 'devices' | 'engine'>,
  group: LiveGroup,
  without: readonly Uint8Array[],
): number {
  const present = accountsIn(context, group).find(account => isOwn(context, account))?.devices ?? []
  const older = context.devices
    .all()
    .map(({ deviceId }) => deviceId)
    .filter(device => includes(present, device) && !includes(without, device))
  return Math.max(
    0,
    older.findIndex(device => Buffer.compare(device, context.account.device.publicKey) === 0) * OWN_TURN_MS,
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
        change.value.deviceIds.every(device => includes(other.value.deviceIds, device)),
    )
  if (!isIntended) intend(context, tx, group, change, delayMs)
}

/** Whether there are other devices and no group with them, nor one on its way. */
export function needsOwnGroup(
  context: Pick<Context, 'account' | 'conversations' | 'devices' | 'groups'>,
  directory: Directory,
): boolean {
  const { account, conversations, groups } = context
  const others = (directory.get(account.handle) ?? []).filter(
    device =>
      isOwn(context, device) &&
      Buffer.compare(device.deviceKey, account.device.publicKey) !== 0 &&
      !context.devices.isRevoked(device.deviceKey),
  )
  const conversation = conversations.ownDevices()
  const made = conversation === undefined ? [] : groups.of(conversation)
  return others.length > 0 && made.every(({ phase }) => phase.name === 'ended')
}
