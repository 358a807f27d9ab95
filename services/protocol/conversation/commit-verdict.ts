// Whether a commit is taken: by what it carries and what the group holds, so that all members decide alike.

import type { SignedChainEntry } from '../../../gen/parley/content/v1/chain_pb.js'
import type { CryptoProvider } from '../crypto.js'
import type { DeviceKey } from '../keys.js'
import type { ChainEntry } from './chain/entry.js'
import { type CommitBasis, decodeBasis, encodeBasis } from './commit-basis.js'
import { type CommitContent, commitOutcome, needsGroupState } from './commit-outcome.js'
import { type CommitRefusal, CommitRefused } from './commit-refusal.js'
import { decodeGroupState, encodeGroupState, isGroupStateOf } from './group-state.js'
import type { HeldGroup } from './held-group.js'
import type { Leaf } from './leaves.js'

/** A commit as MLS shows it: its signature holds, and nothing of what it says is sure. */
export interface SeenCommit {
  /** The device of the leaf that MLS names as the sender. */
  committer: DeviceKey
  /** The committer's leaf in the commit's path; undefined where it has none. */
  path?: Leaf | undefined
  /** The extension of its GroupContextExtensions proposal; undefined where it has none. */
  groupState?: Uint8Array | undefined
  /** The authenticated_data. */
  basis: Uint8Array
  /** The leaves of its Add proposals. */
  added: readonly Leaf[]
  /** The devices of its Remove proposals. */
  removed: readonly DeviceKey[]
}

export type CommitVerdict =
  | {
      isTaken: true
      /** The group in its next epoch. */
      after: HeldGroup
      /** The entries of the commit, which people are told of. */
      entries: readonly ChainEntry[]
    }
  | { isTaken: false; why: CommitRefusal }

/** Never throws for what somebody else made. */
export function judgeCommit(crypto: CryptoProvider, held: HeldGroup, seen: SeenCommit): CommitVerdict {
  try {
    return { isTaken: true, ...outcomeOf(crypto, held, seen) }
  } catch (error) {
    if (error instanceof CommitRefused) return { isTaken: false, why: error.why }
    throw error
  }
}

function outcomeOf(crypto: CryptoProvider, held: HeldGroup, seen: SeenCommit) {
  const { committer, path, added, removed } = seen
  const basis = decodeBasis(seen.basis)
  const state = seen.groupState && decodeGroupState(seen.groupState)
  if (!basis || (seen.groupState && !state)) throw new CommitRefused({ code: 'malformed' })
  const entries = state?.addedEntries ?? []
  const content: CommitContent = { committer, path, entries, basis, added, removed }
  if (!state && needsGroupState(content)) throw new CommitRefused({ code: 'group-state' })
  const outcome = commitOutcome(crypto, held, { content, withState: state !== undefined })
  if (state && !isGroupStateOf(crypto, outcome.after, state)) throw new CommitRefused({ code: 'group-state' })
  return outcome
}

/** The changes that a member wants to commit. */
export interface CommitPlan {
  committer: DeviceKey
  path?: Leaf | undefined
  entries?: readonly SignedChainEntry[]
  basis?: Partial<CommitBasis>
  added?: readonly Leaf[]
  removed?: readonly DeviceKey[]
}

/** The parts of a commit that MLS is given besides the leaves. */
export interface PlannedCommit {
  /** For the GroupContextExtensions proposal; undefined: the commit has none. */
  groupState: Uint8Array | undefined
  /** The authenticated_data. */
  basis: Uint8Array
  /** The group in its next epoch, if this commit wins. */
  after: HeldGroup
  entries: readonly ChainEntry[]
}

/** Throws CommitRefused for a commit that the members would refuse. */
export function planCommit(crypto: CryptoProvider, held: HeldGroup, plan: CommitPlan): PlannedCommit {
  const { committer, path, entries = [], added = [], removed = [] } = plan
  const basis = { lists: [], removals: [], rejoins: [], ...plan.basis }
  const content: CommitContent = { committer, path, entries, basis, added, removed }
  const withState = needsGroupState(content)
  const outcome = commitOutcome(crypto, held, { content, withState })
  const planned: PlannedCommit = {
    groupState: withState ? encodeGroupState(crypto, outcome.after, entries) : undefined,
    basis: encodeBasis(basis),
    ...outcome,
  }
  const isReadable =
    decodeBasis(planned.basis) !== undefined &&
    (planned.groupState === undefined || decodeGroupState(planned.groupState) !== undefined)
  if (!isReadable) throw new CommitRefused({ code: 'malformed' })
  return planned
}
