// Compares who is in a group with who should be: the devices that an account in it has in use, by the newest list that
// this device knows. Nobody is added or removed on the server's word.

import {
  type AccountKey,
  type DeviceKey,
  includesKey,
  type KeyText,
  keyText,
  sameKey,
} from '../../../protocol/keys.js'
import type { Context } from '../../context.js'
import { addDevices, type IntentChange, intend } from '../../groups/intents.js'
import { wrongLeaf } from '../../groups/known-devices.js'
import { accountsIn, type GroupAccount, isOwn } from '../../groups/membership.js'
import { myTurnMs, ownTurnMs } from '../../groups/self-removal.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { tellList } from '../../messages/lists/ended-devices.js'
import type { Transaction } from '../../vault/records.js'
import type { UsedDevice } from './known-lists.js'

/** Milliseconds that others wait for the account's own devices. */
const OTHERS_WAIT_MS = 3_000

/** By account: the devices in use. */
export type Directory = ReadonlyMap<KeyText<AccountKey>, readonly UsedDevice[]>

/**
 * Intends in one group what the directory says. `waits`: for how long, in ms, accounts were incomplete. Returns the
 * accounts of which a device is not in it yet, or still in it.
 */
export function reconcile(
  context: ReconcileParts,
  tx: Transaction,
  group: LiveGroup,
  { directory, waits }: { directory: Directory; waits: ReadonlyMap<KeyText<AccountKey>, number> },
): KeyText<AccountKey>[] {
  if (!can(group.phase, 'tell-devices')) return []
  const incomplete: KeyText<AccountKey>[] = []
  for (const account of accountsIn(context, group)) {
    const name = keyText(account.accountKey)
    const used = directory.get(name)?.map(({ deviceKey }) => deviceKey)
    if (!used) continue
    const isMissing = addMissing(context, tx, group, account, used)
    const isWrong = wrongLeaf(context.lists, group.held, account.accountKey) !== undefined
    if (isMissing || isWrong) incomplete.push(name)
    // Those of the account tell it by themselves; others where none of them does, one after the other.
    if (isOwn(context, account)) tellList(context, tx, group, account.accountKey, ownTurnMs(context, group))
    else if (isWrong && myTurnMs(context, group, account.devices) <= (waits.get(name) ?? 0))
      tellList(context, tx, group, account.accountKey)
  }
  return incomplete
}

type ReconcileParts = Pick<
  Context,
  'account' | 'clock' | 'devices' | 'engine' | 'groups' | 'intents' | 'lists'
>

function addMissing(
  context: Pick<Context, 'account' | 'clock' | 'devices' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  account: GroupAccount,
  used: readonly DeviceKey[],
): boolean {
  const deviceIds = used.filter(device => !includesKey(account.devices, device))
  if (deviceIds.length === 0) return false
  const change = addDevices(account, deviceIds)
  const delay = isOwn(context, account)
    ? ownTurnMs(context, group, deviceIds)
    : OTHERS_WAIT_MS + myTurnMs(context, group, account.devices)
  intendOnce(context, tx, group, change, delay)
  return true
}

/** Not again what is intended for these devices already. */
function intendOnce(
  context: Pick<Context, 'clock' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  change: Extract<IntentChange, { case: 'addDevices' }>,
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
  listed: readonly UsedDevice[],
): boolean {
  const { account, conversations, groups } = context
  const others = listed.filter(
    device => isOwn(context, device) && !sameKey(device.deviceKey, account.device.publicKey),
  )
  const conversation = conversations.ownDevices()
  const made = conversation === undefined ? [] : groups.of(conversation)
  return others.length > 0 && made.every(({ phase }) => phase.name === 'ended')
}
