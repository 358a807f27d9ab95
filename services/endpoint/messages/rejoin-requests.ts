// A device that has lost a group's state asks to be removed and added again, and the members do that by themselves.
// Messages sent meanwhile show as missing, and are asked for again.

import type { SignedRejoinStatement } from '../../../gen/parley/v1/rejoin_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { encodeRejoinStatement, readRejoinStatement } from '../../protocol/conversation/rejoin-statement.js'
import { sameKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import { ASK_AGAIN_MS } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { Transaction } from '../vault/records.js'
import type { Outbox } from './sealing/outbox.js'
import type { MessageParts } from './sealing/parts.js'
import { takeNoMore } from './succession.js'
import { appendUnreadable, type PlaceInOrder } from './system-message.js'
import { move } from './transition.js'

/** Milliseconds that the others have to take a device in again that has asked for it. */
const ANSWERED_WITHIN_MS = 5_000

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

/**
 * Another device asks as well: a commit has fitted nobody's state, it seems, and nobody may be left who could take them in
 * again. The conversation goes on in another group then, and whoever has made the commit is told of.
 */
export function lostTogether(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  request: SignedRejoinStatement,
  place: PlaceInOrder,
): void {
  const other = readRejoinStatement(crypto, encodeRejoinStatement(request))
  const { groupId, incarnation, leaves } = group.held
  // A server may show one of another group.
  const isOfHere = other?.incarnation === incarnation && equalBytes(other.groupId, groupId)
  const isMember = isOfHere && leaves.some(({ deviceKey }) => sameKey(deviceKey, other.deviceKey))
  if (!isMember || sameKey(other.deviceKey, parts.account.device.publicKey)) return
  for (const from of group.record.brokenBy)
    appendUnreadable(parts, tx, group, place, { code: 'against-rules', from })
  takeNoMore(parts, tx, group, { waitMs: ANSWERED_WITHIN_MS })
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
