// The history owed to new members: to another device of this account all of it, to a person invited to a room what the
// room's members agreed to hand over.

import { GroupKind } from '../../../../gen/parley/content/v1/room_pb.js'
import { type DeviceIdentity, parseVerifiedCertificate } from '../../../protocol/identity/certificate.js'
import { type AccountKey, keyText, sameKey } from '../../../protocol/keys.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../protocol/time.js'
import { accountsIn, isOwn, isOwnDevicesGroup, settingsOf } from '../../groups/membership.js'
import { type Membership, sameAccount } from '../../groups/policy.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Candidate } from '../../mls/engine.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { startTransfer } from './history-transfer.js'

/** Devices were added to a group by a commit. */
export function onAdded(
  parts: Pick<MessageParts, 'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  { before, added, isOurs }: { before: Membership; added: readonly Candidate[]; isOurs: boolean },
): void {
  const newMembers = added.map(({ identity }) => parseVerifiedCertificate(identity))
  if (isOwnDevicesGroup(parts, group)) {
    announceName(parts, tx)
    for (const device of newMembers) if (isOurs) transferAll(parts, tx, device)
    return
  }
  for (const device of newMembers.filter(each => isOwn(parts, each)))
    if (isOurs || isFirstOwn(parts, group, device)) transferRest(parts, tx, group, device)
  const settings = settingsOf(parts, group)
  const days = settings.history?.days ?? 0
  if (settings.kind !== GroupKind.ROOM || !isOurs || days === 0) return
  const known = before.members.map(({ identity }) => parseVerifiedCertificate(identity))
  const invited = newMembers.filter(each => !known.some(other => sameAccount(other, each)))
  const accounts = new Map(invited.map(({ accountKey }) => [keyText(accountKey), accountKey]))
  for (const accountKey of accounts.values()) transferRoom(parts, tx, group, { accountKey, days })
}

/** This device has joined the group of own devices: whoever made it may be new, and have nobody else. */
export function onJoinedOwnDevices(
  parts: Pick<MessageParts, 'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'groups'>,
  tx: Transaction,
  group: LiveGroup,
): void {
  announceName(parts, tx)
  const others = parts.engine
    .members(group.state)
    .map(({ identity }) => parseVerifiedCertificate(identity))
    .filter(device => isOwn(parts, device))
    .sort((a, b) => b.issuedAt - a.issuedAt)
  if (others[0]) transferAll(parts, tx, others[0])
}

function announceName(
  { account, devices }: Pick<MessageParts, 'account' | 'devices'>,
  tx: Transaction,
): void {
  const { publicKey } = account.device
  if (devices.get(publicKey)?.name) devices.change(tx, publicKey, { nameDue: true })
}

/** Everything, to a device that is newer than this one; once. */
function transferAll(
  parts: Pick<MessageParts, 'account' | 'clock' | 'conversations' | 'devices' | 'groups'>,
  tx: Transaction,
  { deviceKey, issuedAt }: Pick<DeviceIdentity, 'deviceKey' | 'issuedAt'>,
): void {
  const { account, clock, conversations, devices, groups } = parts
  const isNewer = issuedAt > parseVerifiedCertificate(account.certificate).issuedAt
  const isDone = (devices.get(deviceKey)?.handedOverAtMs ?? 0n) > 0n
  if (!isNewer || isDone || devices.isRevoked(deviceKey)) return
  devices.change(tx, deviceKey, { issuedAtMs: BigInt(issuedAt), handedOverAtMs: BigInt(clock.now()) })
  for (const { number, kind } of conversations.all()) {
    const [group] = groups.of(number)
    if (kind === 'own-devices' || (kind === 'room' && !group)) continue
    const conversationId = group?.record.conversationId ?? new Uint8Array()
    startTransfer(tx, number, { toDevice: deviceKey, conversationId })
  }
}

/** Hands over what has come in this conversation between the transfer, or the beginning, and the device's joining it. */
function transferRest(
  parts: Pick<MessageParts, 'account' | 'clock' | 'devices'>,
  tx: Transaction,
  group: LiveGroup,
  device: DeviceIdentity,
): void {
  const { deviceKey, issuedAt } = device
  const handedOverAtMs = parts.devices.get(deviceKey)?.handedOverAtMs ?? 0n
  const isOlder = issuedAt <= parseVerifiedCertificate(parts.account.certificate).issuedAt
  const known = isOlder ? BigInt(parts.clock.now() - DAY_MS) : handedOverAtMs
  const sinceMs = known > 0n ? known - BigInt(CLOCK_SLACK_MS) : 0n
  const { conversation, conversationId } = group.record
  startTransfer(tx, conversation, { toDevice: deviceKey, conversationId, sinceMs })
}

/** Whether this device's leaf comes first among those of its account, the newcomer aside. */
function isFirstOwn(
  parts: Pick<MessageParts, 'account' | 'engine'>,
  group: LiveGroup,
  { deviceKey }: DeviceIdentity,
): boolean {
  const own = accountsIn(parts, group).find(account => isOwn(parts, account))?.devices ?? []
  const first = own.find(device => !sameKey(device, deviceKey))
  return first !== undefined && sameKey(first, parts.account.device.publicKey)
}

function transferRoom(
  parts: Pick<MessageParts, 'clock' | 'conversations'>,
  tx: Transaction,
  group: LiveGroup,
  { accountKey, days }: { accountKey: AccountKey; days: number },
): void {
  parts.conversations.open(tx, accountKey)
  const { conversation, conversationId } = group.record
  const sinceMs = BigInt(parts.clock.now() - days * DAY_MS)
  startTransfer(tx, conversation, { toAccount: accountKey, conversationId, sinceMs })
}
