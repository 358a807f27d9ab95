// A conversation goes on in another group: the old one was broken, and somebody founded the next one.

import { equalBytes } from '../bytes.js'
import { goesOnFrom } from './chain/chain.js'
import { memberOf } from './chain/state.js'
import type { HeldGroup } from './held-group.js'
import { withList, withRemoval } from './ledger.js'
import type { WelcomedGroup } from './welcomed-group.js'

/** A group of the conversation as this device knows it last. */
export type KnownGroup = Pick<HeldGroup, 'groupId' | 'incarnation' | 'state' | 'ledger'>

/** Why a group does not succeed another one. */
export type SuccessorFault =
  | 'other-conversation'
  /** It is the same group. */
  | 'same-group'
  /** Its incarnation is not the next one. */
  | 'not-the-next'
  /** Its chain does not go on from the head of the old group. */
  | 'other-chain'
  /** An entry behind the old head was made for the old group itself: its commit lost its race, or broke the group. */
  | 'foreign-entry'
  /** Its ledger has not all that the old one had: devices that were ended could come back. */
  | 'forgotten-list'

/** undefined for a group that may succeed the known one; it was read by readWelcomed, so its chain and leaves are right. */
export function successorFault(
  known: KnownGroup,
  { held, entries }: WelcomedGroup,
): SuccessorFault | undefined {
  const { state, groupId, incarnation } = held
  if (!equalBytes(known.state.id, state.id)) return 'other-conversation'
  if (equalBytes(known.groupId, groupId)) return 'same-group'
  if (incarnation !== known.incarnation + 1) return 'not-the-next'
  if (!goesOnFrom(state, known.state)) return 'other-chain'
  const behind = entries.slice(known.state.number)
  if (behind.some(entry => equalBytes(entry.groupId, known.groupId))) return 'foreign-entry'
  return forgets(known, held) ? 'forgotten-list' : undefined
}

/** Whether the known ledger has a list or a removal that would change what the other one says of a member. */
export function forgets(
  known: Pick<KnownGroup, 'ledger'>,
  { ledger, state }: Pick<KnownGroup, 'ledger' | 'state'>,
): boolean {
  return known.ledger.accounts.some(({ devices }) => {
    if (!memberOf(state, devices.lists[0].list.accountKey)) return false
    return devices.lists.some(
      ({ list, removals }) =>
        withList(ledger, list) !== undefined ||
        removals.some(removal => withRemoval(ledger, removal) !== undefined),
    )
  })
}

/**
 * Whether a group takes the place of one that is in use, where both go on from one and the same: it has all of its chain, and
 * stands behind it in the order or has more of the chain. So whatever came to a device before, it uses the one with the longest
 * chain in the end and, of several, the last. Lists and removals that it lacks it is told of, and nothing is sealed before
 * that. `isLater`: it stands behind the other one.
 */
export function takesPlaceOf(
  used: Pick<KnownGroup, 'state'>,
  coming: Pick<KnownGroup, 'state'>,
  { isLater }: { isLater: boolean },
): boolean {
  const hasMore = isLater || coming.state.number > used.state.number
  return hasMore && goesOnFrom(coming.state, used.state)
}
