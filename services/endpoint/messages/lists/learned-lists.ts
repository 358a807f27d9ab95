// This device learns of the devices of accounts, wherever that comes from: groups of theirs that do not know are told, by
// whose turn it is.

import type { HeldGroup } from '../../../protocol/conversation/held-group.js'
import type { ListChange, ListState } from '../../../protocol/identity/devices-in-use.js'
import { wrongLeaf } from '../../groups/known-devices.js'
import { accountIn, isOwn } from '../../groups/membership.js'
import { myTurnMs } from '../../groups/self-removal.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { learnOwnList, tellList, tellOwnList } from './ended-devices.js'

type LearnParts = Pick<
  MessageParts,
  'account' | 'clock' | 'devices' | 'engine' | 'groups' | 'intents' | 'lists'
>

/** Takes in what `lists.read` has read. Nothing is sealed in a group with a device that is not in use by it. */
export function learnList(parts: LearnParts, tx: Transaction, come: ListState): ListChange | 'first' {
  const { accountKey } = come.list
  const isOurs = isOwn(parts, { accountKey })
  const change = isOurs ? learnOwnList(parts, tx, come) : parts.lists.learn(tx, come)
  if (change === 'none' || change === 'first') return change
  if (isOurs) tellOwnList(parts, tx)
  else
    for (const number of parts.groups.with(accountKey, 'all')) {
      const group = parts.groups.get(number)
      if (!group || !wrongLeaf(parts.lists, group.held, accountKey)) continue
      const devices = accountIn(parts, group, accountKey)?.devices ?? []
      tellList(parts, tx, group, accountKey, myTurnMs(parts, group, devices))
    }
  return change
}

type WithLedger = Pick<HeldGroup, 'ledger'>

/** Takes in the lists and removals of a group that were not in it before. */
export function learnLists(
  parts: LearnParts,
  tx: Transaction,
  { ledger }: WithLedger,
  before?: WithLedger,
): void {
  for (const account of ledger.accounts) {
    if (before?.ledger.accounts.includes(account)) continue
    for (const { list, removals } of account.devices.lists) {
      const encoded = removals.map(removal => removal.encoded)
      const come = parts.lists.read({ deviceList: list.encoded, removals: encoded })
      if (come) learnList(parts, tx, come)
    }
  }
}
