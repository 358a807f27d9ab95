// All that a group holds: every member has the same in the same epoch, and judges commits by this and by nothing else.

import { compareBytes, equalBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import type { ConversationState } from './chain/state.js'
import { type Leaf, leafJudge } from './leaves.js'
import type { HeldAccount, Ledger } from './ledger.js'

export interface HeldGroup {
  /** The MLS group id, 16 bytes. */
  groupId: Uint8Array
  epoch: bigint
  /** 1 for the first group of the conversation. */
  incarnation: number
  state: ConversationState
  ledger: Ledger
  /** In any order. */
  leaves: readonly Leaf[]
}

/** The id of the server that the group is on: all its leaves and lists name the same. */
export const serverOf = ({ leaves }: Pick<HeldGroup, 'leaves'>): Uint8Array => leaves[0]!.serverId

/** Whether all lists are of this server. */
export const areOfServer = (accounts: readonly HeldAccount[], serverId: Uint8Array): boolean =>
  accounts.every(({ devices }) => devices.lists.every(({ list }) => equalBytes(list.serverId, serverId)))

/**
 * A group in its first epoch, in which only the founder's device is. `accounts`: the founder's lists at least; for a
 * successor those of the old ledger, which it must not forget. Throws RangeError for a founder whose leaf is not right,
 * and for lists of another server than its own.
 */
export function foundGroup(options: {
  groupId: Uint8Array
  incarnation: number
  state: ConversationState
  founder: Leaf
  accounts: readonly HeldAccount[]
}): HeldGroup {
  const { groupId, incarnation, state, founder, accounts } = options
  const ledger = { accounts, removed: [] }
  const { serverId } = founder
  const isHere = areOfServer(accounts, serverId)
  const fault = isHere ? leafJudge({ state, ledger, serverId })(founder) : 'other-server'
  if (fault) throw new RangeError(`The leaf of a founder has to be right: ${fault}`)
  return { groupId, epoch: 0n, incarnation, state, ledger, leaves: [founder] }
}

/**
 * The one of several groups of a conversation in which a device seals: the group of the highest incarnation, and among
 * these the one with the lowest hash of its id. undefined where there is none.
 */
export function sealingGroup<G extends Pick<HeldGroup, 'groupId' | 'incarnation'>>(
  crypto: CryptoProvider,
  groups: readonly G[],
): G | undefined {
  const [first] = groups
    .map(group => ({ group, hash: crypto.sha256(group.groupId) }))
    .sort(
      (one, other) => other.group.incarnation - one.group.incarnation || compareBytes(one.hash, other.hash),
    )
  return first?.group
}
