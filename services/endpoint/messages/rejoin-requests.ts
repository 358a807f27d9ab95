// A device that has lost a group's state asks to be removed and added again, and the members do that by themselves.
// Messages sent meanwhile show as missing, and are asked for again.

import { ASK_AGAIN_MS } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { Transaction } from '../vault/records.js'
import type { Outbox } from './sealing/outbox.js'
import type { MessageParts } from './sealing/parts.js'
import { move } from './transition.js'

/** The state is of no use any more: asks for another one, once in a while or, for a person who wants it so, now. */
export function stateLost(parts: MessageParts, tx: Transaction, group: LiveGroup): void {
  move(parts, tx, group, { input: 'state-lost', askedLately: askedLately(parts, group) })
}

/** A device that waits to be taken in again asks for it once more, if it has not lately or a person wants it so. */
export function askAgainToRejoin(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  { atOnce = false }: { atOnce?: boolean } = {},
): void {
  const isOut = hasRequestOut(parts.outbox, group)
  const lately = atOnce ? isOut : askedLately(parts, group)
  move(parts, tx, group, { input: 'ask', askedLately: lately })
}

const hasRequestOut = (outbox: Outbox, { number }: LiveGroup): boolean =>
  outbox.items().some(({ item }) => item.group === number && item.what.case === 'rejoin')

const askedLately = ({ clock, outbox }: Pick<MessageParts, 'clock' | 'outbox'>, group: LiveGroup): boolean =>
  hasRequestOut(outbox, group) || clock.now() - Number(group.record.rejoinAskedMs) < ASK_AGAIN_MS

/** Those that were lost and wait in vain ask again. */
export function askOnceMore(parts: MessageParts, tx: Transaction): void {
  for (const group of lostGroups(parts)) askAgainToRejoin(parts, tx, group)
}

/** Those that were lost so soon after they had asked that they had to wait ask now. */
export function askWhenDue(parts: MessageParts, tx: Transaction): void {
  for (const group of lostGroups(parts))
    if (group.phase.name === 'out-of-sync' && group.phase.askDue) askAgainToRejoin(parts, tx, group)
}

const lostGroups = ({ due, groups }: Pick<MessageParts, 'due' | 'groups'>): LiveGroup[] =>
  due.all().flatMap(({ group, outOfSync }) => (outOfSync ? (groups.get(group) ?? []) : []))
