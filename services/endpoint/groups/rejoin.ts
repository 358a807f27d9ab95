// Another device has lost a group's state and asks to be removed and added again: the members do that by themselves. Its
// statement goes into the commit (CommitBasis in proto/parley/content/v1/chain.proto), so that those who came after it
// judge the commit as everybody else does.

import type { RosterLeave } from '../../../gen/parley/v1/chat_pb.js'
import type { SignedRejoinStatement } from '../../../gen/parley/v1/rejoin_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { memberOf } from '../../protocol/conversation/chain/state.js'
import type { Leaf } from '../../protocol/conversation/leaves.js'
import {
  encodeRejoinStatement,
  readRejoinStatement,
  rejoinFault,
} from '../../protocol/conversation/rejoin-statement.js'
import { type AccountKey, type DeviceKey, includesKey, sameKey } from '../../protocol/keys.js'
import { verifyLeave } from '../../protocol/log/roster-leave.js'
import { crypto } from '../crypto.js'
import type { Transaction } from '../vault/records.js'
import { addDevices, intend, removeAccount } from './intents.js'
import { accountIn, accountsIn, isAdmin, isOwn } from './membership.js'
import type { GroupParts } from './parts.js'
import { myTurnMs } from './self-removal.js'
import type { LiveGroup } from './state/groups.js'
import type { Held } from './state/held.js'
import { requestOf, withoutRequests } from './state/open-requests.js'

type Parts = Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>

/**
 * Another device asks: the device whose turn it is removes it and adds it again, in one commit. Returns whose it is;
 * undefined for a request that does not count, or says nothing new: a server may repeat what the device has asked.
 */
export function takeRejoin(
  parts: Parts,
  tx: Transaction,
  group: LiveGroup,
  signed: SignedRejoinStatement,
): AccountKey | undefined {
  const { record, held } = group
  const encoded = encodeRejoinStatement(signed)
  const request = readRejoinStatement(crypto, encoded)
  if (!request || rejoinFault(crypto, held, request)) return undefined
  const { deviceKey, lastEpoch } = request
  const account = accountsIn(parts, group).find(({ devices }) => includesKey(devices, deviceKey))
  if (!account) return undefined
  const open = requestOf(group, deviceKey)
  const isNew = !open || lastEpoch > readRejoinStatement(crypto, open)!.lastEpoch
  const others = withoutRequests(record.rejoinRequests, [deviceKey])
  if (isNew) parts.groups.change(tx, group, { rejoinRequests: [...others, encoded] })
  // The intent for an earlier one may have been given up since.
  if (!sameKey(deviceKey, parts.account.device.publicKey) && !isIntended(parts, group, deviceKey))
    intend(parts, tx, group, addDevices(account, [deviceKey]), myTurnMs(parts, group, [deviceKey]))
  return isNew ? account.accountKey : undefined
}

const isIntended = ({ intents }: Parts, group: LiveGroup, device: DeviceKey): boolean =>
  intents
    .of(group)
    .some(
      ({ intent: { change } }) => change.case === 'addDevices' && includesKey(change.value.deviceIds, device),
    )

/** The device, or its account, has come into the group behind the epoch that it left: a server says that again. */
function isOfEarlierStay(
  { groupId, state, entries, ledger }: Held,
  leaf: Leaf,
  { epoch }: RosterLeave,
): boolean {
  const added = memberOf(state, leaf.accountKey)?.added
  const came = entries.find(({ number }) => number === added)
  const isAddedSince = came !== undefined && equalBytes(came.groupId, groupId) && came.epoch >= epoch
  const isRemovedSince = ledger.removed.some(
    each => sameKey(each.deviceKey, leaf.deviceKey) && each.epoch >= epoch,
  )
  return isAddedSince || isRemovedSince
}

/**
 * Another device has left the roster by itself. Where none of its account's is there any more, an admin of the room takes
 * the account out.
 */
export function takeRosterLeave(parts: Parts, tx: Transaction, group: LiveGroup, leave: RosterLeave): void {
  const { record, held } = group
  const leaf = held.leaves.find(({ deviceKey }) => equalBytes(deviceKey, leave.deviceId))
  if (!leaf || includesKey(record.goneDeviceIds, leaf.deviceKey)) return
  // It has joined again since, and has not said so of that.
  if (group.sender(leaf.deviceKey).joinedEpoch > leave.epoch || isOfEarlierStay(held, leaf, leave)) return
  if (!verifyLeave(crypto, { conversationId: record.conversationId, leave })) return
  const goneDeviceIds = [...record.goneDeviceIds, leaf.deviceKey]
  parts.groups.change(tx, group, { goneDeviceIds })
  const account = accountIn(parts, group, leaf.accountKey)
  if (!account?.devices.every(device => includesKey(goneDeviceIds, device)) || isOwn(parts, account)) return
  if (!isAdmin(held.state, { accountKey: parts.account.account.publicKey })) return
  intend(parts, tx, group, removeAccount(account.accountKey), myTurnMs(parts, group, account.devices))
}
