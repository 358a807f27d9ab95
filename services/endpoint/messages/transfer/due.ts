// What new members are owed: another device of this account the history, somebody who was invited to a room what the
// room's members agreed to hand over.

import { GroupKind } from '../../../../gen/parley/content/v1/room_pb.js'
import { type DeviceIdentity, parseVerifiedCertificate } from '../../../protocol/identity/certificate.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../protocol/time.js'
import type { Context } from '../../context.js'
import type { LiveGroup } from '../../groups/groups.js'
import { accountsIn, isOwn, isOwnDevicesGroup, settingsOf } from '../../groups/membership.js'
import { type Group, sameAccount } from '../../groups/policy.js'
import type { Candidate } from '../../mls/engine.js'
import type { Batch } from '../../vault/records.js'
import { handOver } from './hand-over.js'

/** Devices were added to a group by a commit. */
export function onAdded(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  { before, added, isOurs }: { before: Group; added: readonly Candidate[]; isOurs: boolean },
): void {
  const newcomers = added.map(({ identity }) => parseVerifiedCertificate(identity))
  if (isOwnDevicesGroup(context, group)) {
    announceName(context, batch)
    for (const device of newcomers) if (isOurs) handAllOver(context, batch, device)
    return
  }
  for (const device of newcomers.filter(each => isOwn(context, each)))
    if (isOurs || isFirstOwn(context, group, device)) handRestOver(context, batch, group, device)
  const settings = settingsOf(context, group)
  const days = settings.history?.days ?? 0
  if (settings.kind !== GroupKind.ROOM || !isOurs || days === 0) return
  const known = before.members.map(({ identity }) => parseVerifiedCertificate(identity))
  const invited = newcomers.filter(each => !known.some(other => sameAccount(other, each)))
  for (const handle of new Set(invited.map(each => each.handle)))
    handRoomOver(context, batch, group, { handle, days })
}

/** This device has joined the group of own devices: whoever made it may be new, and have nobody else. */
export function onJoinedOwnDevices(context: Context, batch: Batch, group: LiveGroup): void {
  announceName(context, batch)
  const others = context.engine
    .members(group.state)
    .map(({ identity }) => parseVerifiedCertificate(identity))
    .sort((a, b) => b.issuedAt - a.issuedAt)
  if (others[0]) handAllOver(context, batch, others[0])
}

function announceName({ account, devices }: Context, batch: Batch): void {
  const { publicKey } = account.device
  if (devices.get(publicKey)?.name) devices.change(batch, publicKey, { nameDue: true })
}

/** Everything, to a device that is newer than this one; once. */
function handAllOver(
  context: Context,
  batch: Batch,
  { deviceKey, issuedAt }: Pick<DeviceIdentity, 'deviceKey' | 'issuedAt'>,
): void {
  const { account, clock, conversations, devices, groups } = context
  const isNewer = issuedAt > parseVerifiedCertificate(account.certificate).issuedAt
  const isDone = (devices.get(deviceKey)?.handedOverAtMs ?? 0n) > 0n
  if (!isNewer || isDone || devices.isRevoked(deviceKey)) return
  devices.change(batch, deviceKey, { issuedAtMs: BigInt(issuedAt), handedOverAtMs: BigInt(clock.now()) })
  for (const { number, kind } of conversations.all()) {
    const [group] = groups.of(number)
    if (kind === 'own-devices' || (kind === 'room' && !group)) continue
    const conversationId = group?.record.conversationId ?? new Uint8Array()
    handOver(batch, number, { toDevice: deviceKey, conversationId })
  }
}

/** What has come in this conversation between the handover, or the beginning, and the device's joining it. */
function handRestOver(context: Context, batch: Batch, group: LiveGroup, device: DeviceIdentity): void {
  const { deviceKey, issuedAt } = device
  const handedOverAtMs = context.devices.get(deviceKey)?.handedOverAtMs ?? 0n
  const isOlder = issuedAt <= parseVerifiedCertificate(context.account.certificate).issuedAt
  const known = isOlder ? BigInt(context.clock.now() - DAY_MS) : handedOverAtMs
  const sinceMs = known > 0n ? known - BigInt(CLOCK_SLACK_MS) : 0n
  const { conversation, conversationId } = group.record
  handOver(batch, conversation, { toDevice: deviceKey, conversationId, sinceMs })
}

/** Whether this device's leaf comes first among those of its account, the newcomer aside. */
function isFirstOwn(context: Context, group: LiveGroup, { deviceKey }: DeviceIdentity): boolean {
  const own = accountsIn(context, group).find(account => isOwn(context, account))?.devices ?? []
  const first = own.find(device => Buffer.compare(device, deviceKey) !== 0)
  return first !== undefined && Buffer.compare(first, context.account.device.publicKey) === 0
}

function handRoomOver(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  { handle, days }: { handle: string; days: number },
): void {
  context.conversations.open(batch, handle)
  const { conversation, conversationId } = group.record
  const sinceMs = BigInt(context.clock.now() - days * DAY_MS)
  handOver(batch, conversation, { toHandle: handle, conversationId, sinceMs })
}
