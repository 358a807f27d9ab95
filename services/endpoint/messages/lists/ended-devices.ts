// Devices that their account has ended: its list, or removals of it, say so. A group is told that by a commit, which takes
// them out.

import type { DeviceRemoval } from '../../../protocol/identity/device-removal.js'
import type { ListChange, ListState } from '../../../protocol/identity/devices-in-use.js'
import { type AccountKey, type DeviceKey, sameKey } from '../../../protocol/keys.js'
import { Refusal } from '../../codes/refusal.js'
import { removeDevice } from '../../contacts/own-list.js'
import { intend, refresh } from '../../groups/intents.js'
import { isNews } from '../../groups/known-devices.js'
import { ownTurnMs } from '../../groups/self-removal.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'

type Parts = Pick<MessageParts, 'account' | 'clock' | 'devices' | 'groups' | 'intents' | 'lists'>

/** Ends a device of this account that stands behind this one: the groups that it is in are told. The server is told apart. */
export function endDevice(parts: Parts, tx: Transaction, deviceId: DeviceKey): void {
  parts.lists.learn(tx, removeDevice(parts, deviceId), { isDue: true })
  tellOwnList(parts, tx)
}

/**
 * Takes in a list of this account. A device that was ended here, and of which the server was not told yet, is ended by a
 * newer list, too: who signed that did not know.
 */
export function learnOwnList(
  parts: Pick<Parts, 'account' | 'clock' | 'lists'>,
  tx: Transaction,
  come: ListState,
): ListChange | 'first' {
  const { account, lists } = parts
  const { publicKey } = account.account
  const before = lists.isDue(publicKey) ? (lists.get(publicKey)?.lists ?? []) : []
  const change = lists.learn(tx, come)
  if (change !== 'newer') return change
  const isOurs = ({ signerKey }: DeviceRemoval) => sameKey(signerKey, account.device.publicKey)
  for (const { deviceKey } of before.flatMap(({ removals }) => removals.filter(isOurs)))
    if (lists.inUse(publicKey)?.some(used => sameKey(used.deviceKey, deviceKey)))
      endAgain(parts, tx, deviceKey)
  return change
}

/** Not where it stands ahead of this one by now. */
function endAgain(
  parts: Pick<Parts, 'account' | 'clock' | 'lists'>,
  tx: Transaction,
  deviceKey: DeviceKey,
): void {
  try {
    parts.lists.learn(tx, removeDevice(parts, deviceKey), { isDue: true })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
}

/** The devices of this account are what is known of its lists: the groups that do not know that are told before anything else. */
export function tellOwnList(parts: Parts, tx: Transaction): void {
  const { account, devices, lists } = parts
  const own = account.account.publicKey
  const used = lists.inUse(own)
  if (!used) return
  if (devices.settle(tx, used, account.device.publicKey)) tx.tell({ type: 'devices' })
  if (!used.some(({ deviceKey }) => sameKey(deviceKey, account.device.publicKey))) return
  for (const number of parts.groups.with(own, 'all')) {
    const group = parts.groups.get(number)
    if (group) tellList(parts, tx, group, own, ownTurnMs(parts, group))
  }
}

/** Tells a group what is known here of the devices of an account, after `delayMs`. False: it knows. */
export function tellList(
  parts: Pick<Parts, 'clock' | 'intents' | 'lists'>,
  tx: Transaction,
  group: LiveGroup,
  account: AccountKey,
  delayMs = 0,
): boolean {
  if (!can(group.phase, 'intend') || !isNews(parts.lists, group.held, account)) return false
  const isIntended = parts.intents
    .of(group)
    .some(
      ({ intent: { change } }) =>
        change.case === 'refresh' && sameKey(change.value.accountKey as AccountKey, account),
    )
  if (!isIntended) intend(parts, tx, group, refresh(account), delayMs)
  return true
}
