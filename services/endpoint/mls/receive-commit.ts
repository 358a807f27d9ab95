import { MAX_MEMBERS, type MlsContext } from './context.js'
import type { IncomingMessageCallback } from './library.js'
import {
  type ClientState,
  emptyPskIndex,
  type LeafNode,
  type PrivateMessage,
  processPrivateMessage,
} from './library.js'
import {
  type Candidate,
  candidate,
  type Member,
  memberAt,
  membersOf,
  nodeOfLeaf,
  sameCandidate,
} from './members.js'
import { asRefused, type MlsCause, MlsRefused } from './refused.js'
import { demandSettingsSupport, settingsAmong } from './settings.js'
import { retainedEpochs, withoutOldKeys } from './state.js'

/** The changes of a commit, for the policy to judge. The same on every member. */
export interface JudgedChange {
  committer: Member
  added: Candidate[]
  removed: Member[]
  /** The new ones, where it changes them. */
  settings?: Uint8Array
}

/**
 * Decides who may add and remove whom. It must decide by `change` alone, so that all members decide alike:
 * those that refuse a commit that others take are out of the group for good.
 */
export type CommitPolicy = (change: JudgedChange) => boolean

export type OpenedCommit =
  /** A new epoch. */
  | {
      kind: 'commit'
      state: ClientState
      committer: Member
      added: Member[]
      removed: Member[]
      /** The new ones, where it changed them. */
      settings?: Uint8Array
      /** Secrets that the state before this one still holds; wipe() them once the new state is saved. */
      spent: Uint8Array[]
    }
  /** We are out of the group. The state before stays of use: it opens what was sent until then. */
  | { kind: 'removed'; committer: Member }

/**
 * Applies another member's commit, made in the state's own epoch.
 *
 * @throws MlsRefused, and PolicyFailed where the policy itself threw.
 */
export async function openCommit(
  context: MlsContext,
  state: ClientState,
  message: PrivateMessage,
  policy: CommitPolicy,
): Promise<OpenedCommit> {
  const judge = judging(state, policy)
  const next = await apply(context, state, message, judge)
  const { change } = judge
  if (change === undefined) throw new MlsRefused(judge.cause ?? 'not-authentic')
  const removesUs = change.removed.some(member => member.leaf === state.privatePath.leafIndex)
  if (removesUs) return { kind: 'removed', committer: change.committer }
  if (next === undefined) throw new MlsRefused('not-authentic')
  const members = membersOf(next.state.ratchetTree)
  checkOutcome(next.state, members, change)
  const added = change.added.flatMap(newcomer => members.filter(member => sameCandidate(member, newcomer)))
  // In place of the library's own record of past epochs, which holds more secrets than needed.
  const kept = { ...withoutOldKeys(next.state), historicalReceiverData: retainedEpochs(state) }
  return { kind: 'commit', ...change, state: kept, added, spent: next.consumed }
}

/** The policy callback threw: a defect of ours, never the sender's doing. Its error is the cause. */
export class PolicyFailed extends Error {
  override readonly name = 'PolicyFailed'
  constructor(cause: unknown) {
    super('policy', { cause })
  }
}

interface Judge {
  callback: IncomingMessageCallback
  /** The change that the policy was asked about and said yes to. */
  change?: JudgedChange
  cause?: MlsCause
  failure?: PolicyFailed
}

/** Asks the policy, and keeps what the library does not hand on: who committed what. */
function judging(state: ClientState, policy: CommitPolicy): Judge {
  const judge: Judge = {
    callback(incoming) {
      try {
        const change = describe(state, incoming)
        if (!policy(change)) throw new MlsRefused('policy')
        judge.change = change
        return 'accept'
      } catch (error) {
        if (error instanceof MlsRefused) judge.cause = error.why
        else judge.failure = new PolicyFailed(error)
        return 'reject'
      }
    },
  }
  return judge
}

function describe(state: ClientState, incoming: Parameters<IncomingMessageCallback>[0]): JudgedChange {
  const { senderLeafIndex, proposals } = incoming.kind === 'commit' ? incoming : { proposals: [] }
  const committer = senderLeafIndex === undefined ? undefined : memberAt(state.ratchetTree, senderLeafIndex)
  if (committer === undefined) throw new MlsRefused('unsupported')
  const change: JudgedChange = { committer, added: [], removed: [] }
  for (const { proposal } of proposals) {
    if (proposal.proposalType === 'add') change.added.push(candidateOf(proposal.add.keyPackage.leafNode))
    else if (proposal.proposalType === 'remove')
      change.removed.push(required(memberAt(state.ratchetTree, proposal.remove.removed)))
    else if (proposal.proposalType === 'group_context_extensions' && proposals.length === 1)
      change.settings = settingsAmong(proposal.groupContextExtensions.extensions)
    else throw new MlsRefused('unsupported')
  }
  return change
}

function candidateOf(leaf: LeafNode): Candidate {
  demandSettingsSupport(leaf.capabilities)
  return required(candidate(leaf))
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new MlsRefused('bad-change')
  return value
}

/** Undefined where the commit removes us and the library could not go on. */
async function apply(
  context: MlsContext,
  state: ClientState,
  message: PrivateMessage,
  judge: Judge,
): Promise<{ state: ClientState; consumed: Uint8Array[] } | undefined> {
  try {
    const result = await processPrivateMessage(state, message, emptyPskIndex, context.suite, judge.callback)
    if (judge.failure !== undefined) throw judge.failure
    return result.kind === 'newState' ? { state: result.newState, consumed: result.consumed } : undefined
  } catch (error) {
    if (error instanceof PolicyFailed) throw error
    // The library fails on a commit that removes us and gives our leaf to a newcomer. The commit was
    // verified as its committer's before the policy was asked, so what it says of us is certain.
    if (judge.change !== undefined) return undefined
    throw asRefused(error, 'not-authentic')
  }
}

/** Checks what the proposals do not show: a commit replaces the committer's leaf and must not replace its owner. */
function checkOutcome({ ratchetTree }: ClientState, members: Member[], change: JudgedChange): void {
  const committer = members.find(member => member.leaf === change.committer.leaf)
  if (committer === undefined || !sameCandidate(committer, change.committer))
    throw new MlsRefused('identity-changed')
  const node = ratchetTree[nodeOfLeaf(committer.leaf)]
  if (node?.nodeType === 'leaf') demandSettingsSupport(node.leaf.capabilities)
  if (members.length > MAX_MEMBERS) throw new MlsRefused('too-many-members')
}
