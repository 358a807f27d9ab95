// The history owed to new members: to another device of this account all of it, once a person has agreed; to a person
// invited to a room what the room's members agreed to hand over.

import { parseVerifiedCertificate } from '../../../protocol/identity/certificate.js'
import { deviceFingerprint } from '../../../protocol/identity/fingerprint.js'
import { type AccountKey, type DeviceKey, includesKey, sameKey } from '../../../protocol/keys.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../protocol/time.js'
import type { Notice } from '../../codes/notice.js'
import { checkWaits } from '../../contacts/own-devices.js'
import { crypto } from '../../crypto.js'
import type { MemberChange } from '../../groups/commit-lines.js'
import { accountsIn, isOwn, isOwnDevicesGroup } from '../../groups/membership.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { startTransfer } from './history-transfer.js'

type DueParts = Pick<MessageParts, 'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'groups'>

/** Devices were added to a group by a commit. */
export function onAdded(
  parts: DueParts,
  tx: Transaction,
  group: LiveGroup,
  { change: { added, entries }, isOurs }: { change: MemberChange; isOurs: boolean },
): void {
  const own = parts.engine
    .members(group.state)
    .filter(({ signatureKey }) => includesKey(added, signatureKey))
    .map(({ identity }) => parseVerifiedCertificate(identity))
    .filter(device => isOwn(parts, device))
    .map(({ deviceKey }) => deviceKey)
  if (isOwnDevicesGroup(group)) {
    announceName(parts, tx)
    tellWaiting(parts, tx, own)
    return
  }
  for (const device of own.filter(each => parts.devices.mayHaveHistory(each)))
    if (isOurs || isFirstOwn(parts, group, device)) transferRest(parts, tx, group, device)
  const days = group.held.state.settings?.historyDays ?? 0
  if (!isOurs || days === 0) return
  for (const { change } of entries)
    if (change.kind === 'add') transferRoom(parts, tx, group, { accountKey: change.accountKey, days })
}

/** This device has joined the group of own devices. */
export function onJoinedOwnDevices(parts: DueParts, tx: Transaction, group: LiveGroup): void {
  announceName(parts, tx)
  const devices = parts.engine.members(group.state).map(({ signatureKey }) => signatureKey)
  tellWaiting(parts, tx, devices)
}

function announceName(
  { account, devices }: Pick<MessageParts, 'account' | 'devices'>,
  tx: Transaction,
): void {
  const { publicKey } = account.device
  if (devices.get(publicKey)?.name) devices.change(tx, publicKey, { nameDue: true })
}

/** These are in the group of own devices from here on: the person is told which of them waits, or that this one does. */
function tellWaiting(
  { account, devices }: Pick<MessageParts, 'account' | 'devices'>,
  tx: Transaction,
  come: readonly DeviceKey[],
): void {
  const self = account.device.publicKey
  const tell = (notice: Notice) => tx.tell({ type: 'notice', level: 'info', notice })
  if (!devices.mayHaveHistory(self)) {
    if (come.some(each => devices.mayHaveHistory(each))) tell({ code: 'history-awaited' })
    return
  }
  for (const each of come) {
    const known = devices.get(each)
    if (!known || known.isEnded || known.mayHaveHistory || sameKey(each, self)) continue
    const fingerprint = deviceFingerprint(crypto, each)
    tell({ code: 'history-asked', device: known.name, fingerprint })
  }
}

/** A person agrees that this device of theirs is handed everything. Throws Refusal for one that does not wait for it. */
export function giveHistory(
  {
    account,
    clock,
    conversations,
    devices,
  }: Pick<MessageParts, 'account' | 'clock' | 'conversations' | 'devices'>,
  tx: Transaction,
  toDevice: DeviceKey,
): void {
  checkWaits(devices, account.device.publicKey, toDevice)
  const handedOverAtMs = BigInt(clock.now())
  devices.change(tx, toDevice, { mayHaveHistory: true, givenDue: true, handedOverAtMs })
  for (const { number, kind } of conversations.all())
    if (kind !== 'own-devices') startTransfer(tx, number, { toDevice })
  tx.tell({ type: 'devices' })
}

/** Hands over what has come in this conversation between the transfer, or a day ago, and the device's joining it. */
function transferRest(
  { clock, devices }: Pick<MessageParts, 'clock' | 'devices'>,
  tx: Transaction,
  { record }: LiveGroup,
  toDevice: DeviceKey,
): void {
  const handedOverAtMs = devices.get(toDevice)?.handedOverAtMs ?? 0n
  const known = handedOverAtMs > 0n ? handedOverAtMs : BigInt(clock.now() - DAY_MS)
  startTransfer(tx, record.conversation, { toDevice, sinceMs: known - BigInt(CLOCK_SLACK_MS) })
}

/** Whether this device's leaf comes first among those of its account, the newcomer aside. */
function isFirstOwn(
  parts: Pick<MessageParts, 'account' | 'engine'>,
  group: LiveGroup,
  newcomer: DeviceKey,
): boolean {
  const own = accountsIn(parts, group).find(account => isOwn(parts, account))?.devices ?? []
  const first = own.find(device => !sameKey(device, newcomer))
  return first !== undefined && sameKey(first, parts.account.device.publicKey)
}

function transferRoom(
  parts: Pick<MessageParts, 'clock' | 'conversations'>,
  tx: Transaction,
  { record }: LiveGroup,
  { accountKey, days }: { accountKey: AccountKey; days: number },
): void {
  parts.conversations.open(tx, accountKey)
  const sinceMs = BigInt(parts.clock.now() - days * DAY_MS)
  startTransfer(tx, record.conversation, { toAccount: accountKey, sinceMs })
}
