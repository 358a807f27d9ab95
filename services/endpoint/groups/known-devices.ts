// This device knows of the devices of a group's accounts besides what the group holds. That decides nothing of what is
// taken: it decides what is sealed, and what this device tells the group with its next commit (CommitBasis in
// proto/parley/content/v1/chain.proto).

import type { CommitBasis } from '../../protocol/conversation/commit-basis.js'
import { serverOf } from '../../protocol/conversation/held-group.js'
import { firstWrongLeaf, type Leaf, leafJudge } from '../../protocol/conversation/leaves.js'
import { type Ledger, withList, withRemoval } from '../../protocol/conversation/ledger.js'
import type { AccountKey } from '../../protocol/keys.js'
import type { GroupParts } from './parts.js'
import type { Held } from './state/held.js'

type Lists = Pick<GroupParts['lists'], 'get'>
type Told = Pick<CommitBasis, 'lists' | 'removals'>

/** The ledger with what is known of these accounts, and what of that is new to it. */
export function learnedLedger(
  lists: Lists,
  before: Ledger,
  accounts: readonly AccountKey[],
): Told & { ledger: Ledger } {
  let ledger = before
  const told = { lists: [] as Uint8Array[], removals: [] as Uint8Array[] }
  for (const account of accounts)
    for (const { list, removals } of lists.get(account)?.lists ?? []) {
      const withIt = withList(ledger, list)
      if (withIt) told.lists.push(list.encoded)
      ledger = withIt ?? ledger
      for (const removal of removals) {
        const withThis = withRemoval(ledger, removal)
        if (withThis) told.removals.push(removal.encoded)
        ledger = withThis ?? ledger
      }
    }
  return { ...told, ledger }
}

/** Whether the group does not know all that this device knows of the account. */
export function isNews(lists: Lists, { ledger }: Pick<Held, 'ledger'>, account: AccountKey): boolean {
  const { lists: newer, removals } = learnedLedger(lists, ledger, [account])
  return newer.length + removals.length > 0
}

/** The leaves of the account's devices that are wrong by all that is known here, or one of anybody's. */
export function wrongLeaf(lists: Lists, held: Held, account?: AccountKey): Leaf | undefined {
  const accounts = account ? [account] : held.state.members.map(({ accountKey }) => accountKey)
  const { ledger } = learnedLedger(lists, held.ledger, accounts)
  return firstWrongLeaf(leafJudge({ state: held.state, ledger, serverId: serverOf(held) }), held.leaves)?.leaf
}

/** The handle that the newest known list of the account claims; '' where none is known. */
export const listedHandle = (lists: Lists, account: AccountKey): string =>
  lists.get(account)?.lists[0].list.handle ?? ''
