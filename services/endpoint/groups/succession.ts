// A group that takes no commit any more that its members would take: the conversation goes on in another one, which any of
// them makes, one after the other, admins first (GroupState.incarnation in proto/parley/content/v1/chain.proto).

import { memberOf } from '../../protocol/conversation/chain/state.js'
import { includesKey, sameKey } from '../../protocol/keys.js'
import type { AccountKey } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { accountsIn, isAdmin, isRoom } from './membership.js'
import type { GroupParts } from './parts.js'
import { myTurnMs } from './self-removal.js'
import { isIn } from './state/group.js'
import type { LiveGroup } from './state/groups.js'

/** Milliseconds that a group which another member has made has to come in, before this device makes one. */
export const COMES_WITHIN_MS = 5_000
/** Groups of one conversation that this device makes in a minute. */
const MADE_PER_MINUTE = 3
const MINUTE_MS = 60_000

type Parts = Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups'>

/** When this device is to make the next group, in ms since 1970. `waitMs`: what the others have before anybody's turn. */
export function succeedTime(
  parts: Parts,
  group: LiveGroup,
  { by, waitMs = 0 }: { by?: AccountKey | undefined; waitMs?: number } = {},
): number {
  const without = accountsIn(parts, group).flatMap(({ accountKey, devices }) =>
    by && sameKey(accountKey, by) ? devices : [],
  )
  const due = parts.clock.now() + waitMs + myTurnMs(parts, group, without)
  return Math.max(due, mayMakeFrom(parts, group))
}

/**
 * A member could break one after the other, and have the others do nothing else. A longer wait would be what they want: the
 * room would stand still for it, and no admin could take them out meanwhile.
 */
function mayMakeFrom({ groups }: Parts, { held }: LiveGroup): number {
  const made = groups
    .ofChain(held.state.id)
    .map(({ record }) => Number(record.succeededAtMs))
    .filter(time => time > 0)
    .sort((one, other) => other - one)
  const before = made[MADE_PER_MINUTE - 1]
  return before === undefined ? 0 : before + MINUTE_MS
}

/** Whether this device is to make the next group of the conversation now. */
export function isDueToSucceed(
  { groups }: Pick<GroupParts, 'groups'>,
  group: LiveGroup,
  now: number,
): boolean {
  const { phase, held } = group
  if (phase.name !== 'broken' || phase.leaveDue || phase.succeedAtMs > now || !isRoom(group)) return false
  const { incarnation } = predecessorOfNext({ groups }, group).record
  const isNext = (other: LiveGroup) =>
    other.number !== group.number &&
    other.record.incarnation > incarnation &&
    (other.phase.name === 'creating' || isIn(other.phase))
  return !groups.ofChain(held.state.id).some(isNext)
}

/**
 * The group in whose place the next one is made: a broken group itself or, where not all came into that, the one that it had
 * itself taken the place of. All who are to come see the order of that one.
 */
export const predecessorOfNext = ({ groups }: Pick<GroupParts, 'groups'>, group: LiveGroup): LiveGroup =>
  groups.byId(group.record.nextAfter) ?? group

/**
 * The accounts that are taken out where the conversation goes on: those that have broken this group, where this account
 * may. `held`: of the group that says who is a member, and who an admin.
 */
export function accountsOut(
  { account }: Pick<GroupParts, 'account'>,
  { record, held }: Pick<LiveGroup, 'record' | 'held'>,
): AccountKey[] {
  const own = account.account.publicKey
  if (!isAdmin(held.state, { accountKey: own })) return []
  return record.brokenBy.filter(key => memberOf(held.state, key) !== undefined && !sameKey(key, own))
}

/** The account has made a commit that nobody may take. */
export function noteBreaker(
  { groups }: Pick<GroupParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  by: AccountKey,
): void {
  const { brokenBy } = group.record
  if (!includesKey(brokenBy, by)) groups.change(tx, group, { brokenBy: [...brokenBy, by] })
}
