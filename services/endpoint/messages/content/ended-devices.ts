// Devices that their account has ended: its list, or removals of it, say so, and every member may remove them.

import type { Revoked } from '../../../../gen/parley/content/v1/content_pb.js'
import { type AccountKey, type DeviceKey, includesKey, sameKey } from '../../../protocol/keys.js'
import { removeDevice } from '../../contacts/own-list.js'
import { intend, removeDevices } from '../../groups/intents.js'
import { accountsIn, type GroupAccount, isOwn } from '../../groups/membership.js'
import { removeWhenOurTurn } from '../../groups/self-removal.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { sealBody } from '../sealing/seal.js'

type Parts = Pick<
  MessageParts,
  'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'groups' | 'intents' | 'lists' | 'outbox'
>

/** Ends a device of this account that stands behind this one: tells the groups that it is in. The server is told apart. */
export async function endDevice(parts: Parts, tx: Transaction, deviceId: DeviceKey): Promise<void> {
  parts.lists.learn(tx, removeDevice(parts, deviceId), { isDue: true })
  await tellOwnList(parts, tx)
}

/**
 * The devices of this account are what is known of its lists: tells the groups with one that is not in use any more,
 * and removes it there.
 */
export async function tellOwnList(parts: Parts, tx: Transaction): Promise<void> {
  const { account, devices, lists } = parts
  const own = account.account.publicKey
  const used = lists.inUse(own)
  if (!used) return
  if (devices.settle(tx, used)) tx.tell({ type: 'devices' })
  if (!used.some(({ deviceKey }) => sameKey(deviceKey, account.device.publicKey))) return
  for (const group of parts.groups.all()) {
    if (!can(group.phase, 'tell-devices')) continue
    const present = accountsIn(parts, group).find(each => isOwn(parts, each))
    if (present) await tellEnded(parts, tx, group, present)
  }
}

/** Says in a group which devices of an account in it are not in use, and removes them. False: there are none. */
export async function tellEnded(
  parts: Omit<Parts, 'devices'>,
  tx: Transaction,
  group: LiveGroup,
  account: GroupAccount,
): Promise<boolean> {
  const ended = endedIn(parts, group, account)
  const shown = parts.lists.shown(account.accountKey)
  if (ended.length === 0 || !shown) return false
  const { deviceList, removals } = shown
  await sealBody(parts, tx, group, { case: 'revoked', value: { deviceList, removals: [...removals] } })
  parts.groups.change(tx, group, { leavingDeviceIds: [...group.record.leavingDeviceIds, ...ended] })
  intend(parts, tx, group, removeDevices(ended))
  return true
}

/** Devices of an account in a group that are not in use, and of which that is not noted yet. */
export function endedIn(
  { lists }: Pick<MessageParts, 'lists'>,
  { record }: LiveGroup,
  { accountKey, devices }: Pick<GroupAccount, 'accountKey' | 'devices'>,
): DeviceKey[] {
  const used = lists.inUse(accountKey)
  if (!used) return []
  return devices.filter(
    device =>
      !used.some(({ deviceKey }) => sameKey(deviceKey, device)) &&
      !includesKey(record.leavingDeviceIds, device),
  )
}

/** Somebody shows a list. One that does not hold, or is of nobody here, is ignored. */
export async function takeRevoked(
  parts: Parts,
  tx: Transaction,
  group: LiveGroup,
  shown: Pick<Revoked, 'deviceList' | 'removals'>,
): Promise<void> {
  const come = parts.lists.read(shown)
  const account = come && memberOf(parts, group, come.list.accountKey)
  if (!account) return
  parts.lists.learn(tx, come)
  const ended = endedIn(parts, group, account)
  if (ended.length > 0) removeWhenOurTurn(parts, tx, group, ended)
  if (isOwn(parts, account)) await tellOwnList(parts, tx)
}

const memberOf = (parts: Pick<MessageParts, 'engine'>, group: LiveGroup, accountKey: AccountKey) =>
  accountsIn(parts, group).find(account => sameKey(account.accountKey, accountKey))
