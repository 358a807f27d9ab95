// Something has happened in a group: its phase changes, and what the group keeps for the phase that is over goes.

import type { Transaction } from '../vault/records.js'
import type { IntentList } from './intent-list.js'
import { putBacks } from './state/fresh-keys.js'
import type { Groups, LiveGroup, PendingCommit } from './state/groups.js'
import type { GroupEffect, GroupInput } from './state/transitions.js'

/** The effects that those above a group carry out because of a transition. */
export type OuterEffect = Exclude<GroupEffect, 'forget-pending' | 'drop-intents'>

/** Returns what is left to do, in this order and in the same unit of work. */
export function transition(
  { groups, intents }: { groups: Groups; intents: IntentList },
  tx: Transaction,
  group: LiveGroup,
  input: GroupInput,
): readonly OuterEffect[] {
  return groups.move(tx, group, input).flatMap(effect => {
    if (effect === 'forget-pending') groups.savePending(tx, group, undefined)
    else if (effect === 'drop-intents') intents.dropAll(tx, group)
    else return [effect]
    return []
  })
}

/** A commit of this device was made: the state after it waits for its place in the order. */
export function beginCommit(
  parts: { groups: Groups; intents: IntentList },
  tx: Transaction,
  group: LiveGroup,
  pending: PendingCommit,
): void {
  parts.groups.savePending(tx, group, pending)
  parts.groups.change(tx, group, { commitSincePutBack: putBacks(tx) })
  transition(parts, tx, group, { input: 'commit-made' })
}
