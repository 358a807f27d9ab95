// The next commit of this device: which of the changes that it is to commit (intents.ts) go into it, and all that it then
// has to carry, so that the other members take it.

import type { SignedChainEntry } from '../../../gen/parley/content/v1/chain_pb.js'
import { continueChain } from '../../protocol/conversation/chain/chain.js'
import { makeEntry } from '../../protocol/conversation/chain/entry.js'
import { ChainError } from '../../protocol/conversation/chain/error.js'
import type { ConversationState } from '../../protocol/conversation/chain/state.js'
import { leavesToRemove } from '../../protocol/conversation/commit-outcome.js'
import { type CommitRefusal, CommitRefused } from '../../protocol/conversation/commit-refusal.js'
import { type PlannedCommit, planCommit } from '../../protocol/conversation/commit-verdict.js'
import type { DeviceKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import type { IntentNumber } from '../ids.js'
import type { MlsCause } from '../mls/refused.js'
import type { Transaction } from '../vault/records.js'
import type { KnownIntent } from './intent-list.js'
import { learnedLedger } from './known-devices.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'
import { type Newcomer, type Wish, wishOf } from './wishes.js'

/** The content of one commit. */
export interface Plan extends PlannedCommit {
  /** The intents that it carries out. */
  ids: IntentNumber[]
  add: readonly Newcomer[]
  remove: readonly DeviceKey[]
}

type PlanParts = Pick<GroupParts, 'account' | 'engine' | 'intents' | 'lists'>

/** Changes of which no commit can be made that the other members would take. */
interface Unplanned {
  ids: IntentNumber[]
  why: MlsCause
}

/** Finds what to commit first; drops what is pointless by now, and adds what is impossible to `impossible`. */
export async function planOf(
  parts: PlanParts,
  tx: Transaction,
  group: LiveGroup,
  { due, impossible }: { due: readonly KnownIntent[]; impossible: Impossible[] },
): Promise<Plan | Unplanned | undefined> {
  const draft = new Draft(parts, group)
  for (const { id, intent } of due) {
    if (draft.isFull || (intent.alone && draft.ids.length > 0)) continue
    const wish = await wishOf(parts, group, { state: draft.state, change: intent.change })
    if (wish === 'waits') continue
    if (wish === 'done') parts.intents.drop(tx, group, id)
    else {
      const why = typeof wish === 'string' ? wish : draft.take(id, wish)
      if (why !== undefined) impossible.push(giveUp(parts, tx, group, { id, why }))
      else if (intent.alone) draft.isFull = true
    }
  }
  if (draft.ids.length === 0) return undefined
  try {
    const plan = draft.plan()
    if (plan) return plan
  } catch (error) {
    if (error instanceof CommitRefused) return { ids: draft.ids, why: causeOf(error.why) }
    throw error
  }
  for (const id of draft.ids) parts.intents.drop(tx, group, id)
  return undefined
}

const causeOf = ({ code }: CommitRefusal): MlsCause =>
  code === 'too-many-leaves' ? 'too-many-members' : 'policy'

/** A commit of nothing but fresh keys of this device. */
export const planUpdate = (parts: Omit<PlanParts, 'intents'>, group: LiveGroup): Plan => ({
  ids: [],
  add: [],
  remove: [],
  ...planCommit(crypto, group.held, { committer: parts.account.device.publicKey }),
})

/** A commit as it grows by one intent after the other. */
class Draft {
  readonly ids: IntentNumber[] = []
  isFull = false
  state: ConversationState
  readonly #entries: SignedChainEntry[] = []
  readonly #wishes: Wish[] = []

  constructor(
    private readonly parts: Omit<PlanParts, 'intents'>,
    private readonly group: LiveGroup,
  ) {
    this.state = group.held.state
  }

  /** Why it cannot be taken. */
  take(id: IntentNumber, wish: Wish): MlsCause | undefined {
    const { device, certificate } = this.parts.account
    const { groupId, epoch } = this.group.held
    const entries: SignedChainEntry[] = []
    let state = this.state
    try {
      for (const change of wish.changes) {
        const entry = makeEntry(crypto, { before: state, groupId, epoch }, { device, certificate, change })
        state = continueChain(crypto, state, [entry]).state
        entries.push(entry)
      }
    } catch (error) {
      if (error instanceof ChainError) return error.reason === 'too-many-members' ? error.reason : 'policy'
      throw error
    }
    this.state = state
    this.#entries.push(...entries)
    this.#wishes.push(wish)
    this.ids.push(id)
    return undefined
  }

  /** undefined: it would change nothing. Throws CommitRefused for what the other members would refuse. */
  plan(): Plan | undefined {
    const { held } = this.group
    const committer = this.parts.account.device.publicKey
    const accounts = [...held.state.members, ...this.state.members].map(({ accountKey }) => accountKey)
    const { lists, removals } = learnedLedger(this.parts.lists, held.ledger, accounts)
    const again = this.#wishes.flatMap(wish => wish.again)
    const basis = { lists, removals, rejoins: again.map(({ request }) => request) }
    const add = this.#wishes.flatMap(wish => wish.add)
    const wrong = leavesToRemove(crypto, held, { committer, entries: this.#entries, basis })
    const remove = [...wrong, ...again.map(({ device }) => device)]
    const isEmpty = [this.#entries, lists, removals, add, remove].every(({ length }) => length === 0)
    if (isEmpty) return undefined
    const added = add.map(({ leaf }) => leaf)
    const planned = planCommit(crypto, held, {
      ...{ committer, entries: this.#entries, basis, added, removed: remove },
    })
    return { ...planned, ids: this.ids, add, remove }
  }
}

/** An intent that cannot be carried out at all. `handle`: of the account that it would have added. */
export interface Impossible {
  handle: string | undefined
  cause: MlsCause
}

/** Drops an intent that cannot be carried out, and says what it was, for the person to be told. */
export function giveUp(
  parts: Pick<GroupParts, 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { id, why: cause }: { id: IntentNumber; why: MlsCause },
): Impossible {
  const change = parts.intents.get(group, id)?.change
  parts.intents.drop(tx, group, id)
  return { handle: change?.case === 'addAccount' ? change.value.handle : undefined, cause }
}
