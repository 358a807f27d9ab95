// A commit of this device has won: from here on it has keys that no copy of its vault has used.

import { putBacks } from '../groups/state/fresh-keys.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { countOf } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { missPlaces } from './fork-detection.js'
import type { MessageParts } from './sealing/parts.js'

const NO_COUNT = countOf(0n)
const FIRST_COUNT = countOf(1n)

/**
 * Notes whether the commit was made since the vault was put back. Others have counted what this device sealed meanwhile
 * from the other copy: it counts anew, as one that has joined again does.
 */
export function noteFreshKeys(
  { engine, groups }: Pick<MessageParts, 'engine' | 'groups'>,
  tx: Transaction,
  group: LiveGroup,
): void {
  const { commitSincePutBack, keysSincePutBack } = group.record
  if (commitSincePutBack <= keysSincePutBack) return
  tx.deleteGroup('sent', group.number)
  tx.deleteGroup('undelivered', group.number)
  for (const sender of group.senders()) groups.saveSender(tx, group, { ...sender, confirmed: NO_COUNT })
  groups.change(tx, group, {
    keysSincePutBack: commitSincePutBack,
    joinedEpoch: engine.epoch(group.state),
    nextCount: FIRST_COUNT,
  })
}

/** Something has come in a group: what came to another copy of the vault is missing in the order that is known here. */
export function doubtOrder(
  { groups }: Pick<MessageParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
): void {
  const logSincePutBack = putBacks(tx)
  if (group.record.logSincePutBack >= logSincePutBack) return
  groups.change(tx, group, { log: missPlaces(group.record.log), logSincePutBack })
}
