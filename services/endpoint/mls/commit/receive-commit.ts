import type { MlsContext } from '../context.js'
import { MAX_AUTHENTICATED_BYTES } from '../extensions.js'
import { checkAdded } from '../key-package.js'
import {
  type ClientState,
  type CommitContent,
  type FramedContentCommit,
  type LeafNode,
  type PrivateMessage,
  type Proposal,
  type UpdatePath,
  verifyConfirmationTag,
} from '../library.js'
import { type Member, memberAt } from '../members.js'
import { asRefused, type MlsCause, MlsRefused } from '../refused.js'
import { retainedEpochs } from '../state.js'
import type { UpdatedTree } from '../tree/update-path.js'
import { unprotect } from '../unprotect.js'
import { changeOf, type JudgedChange } from './change.js'
import { enter, leave, nextEpoch } from './epoch.js'
import { openPath } from './path.js'
import { applyProposals, type Provisional } from './proposals.js'
import { applyPath } from './received-path.js'

/**
 * Decides who may do what. It must decide by `change` and what the group holds alone, so that all members decide
 * alike: those that refuse a commit that others take are out of the group for good.
 */
export type CommitPolicy = (change: JudgedChange) => boolean

export type OpenedCommit =
  /** A new epoch. */
  | (Omit<JudgedChange, 'added'> & {
      kind: 'commit'
      state: ClientState
      added: Member[]
      /** Secrets that the state before this one still holds; wipe() them once the new state is saved. */
      spent: Uint8Array[]
    })
  /** We are out of the group. The state before stays of use: it opens what was sent until then. */
  | { kind: 'removed'; committer: Member; change: JudgedChange }
  /** No state is changed by it. */
  | {
      kind: 'refused'
      cause: MlsCause
      /** The committer, where its signature says so for certain. */
      by?: Member
      /** All that others can see of it is sound: what is sealed for this device is not, or does not fit its state. */
      perhapsOnlyHere?: true
    }

/** All that is public was sound, and taken by the policy. */
class FailedHere extends Error {
  override readonly name = 'FailedHere'
}

/** The policy callback threw: a defect of ours, never the sender's doing. Its error is the cause. */
export class PolicyFailed extends Error {
  override readonly name = 'PolicyFailed'
  constructor(cause: unknown) {
    super('policy', { cause })
  }
}

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
  const { secretTree, ratchetTree, groupContext, keySchedule } = state
  const epoch = { secretTree, ratchetTree, groupContext, senderDataSecret: keySchedule.senderDataSecret }
  const { content, auth, consumed } = await unprotectCommit(context, epoch, message)
  const committer = content.sender.senderType === 'member' && memberAt(ratchetTree, content.sender.leafIndex)
  if (!committer) throw new MlsRefused('not-authentic')
  try {
    const signed = { content, ...auth, committer }
    return await apply(context, state, { signed, consumed, policy })
  } catch (error) {
    if (error instanceof PolicyFailed) throw error
    const refused = { kind: 'refused', cause: asRefused(error, 'not-authentic').why, by: committer } as const
    return error instanceof FailedHere ? { ...refused, perhapsOnlyHere: true } : refused
  }
}

/** A commit whose signature is its committer's. */
interface Signed {
  committer: Member
  content: FramedContentCommit
  signature: Uint8Array
  confirmationTag: Uint8Array
}

async function unprotectCommit(...message: Parameters<typeof unprotect>) {
  const { content: opened, consumed } = await unprotect(...message)
  const { content, auth } = opened
  if (content.contentType !== 'commit' || auth.contentType !== 'commit') throw new MlsRefused('malformed')
  return { content, auth, consumed }
}

/** First all that is public, then the policy, then what is sealed for this device. */
async function apply(
  context: MlsContext,
  state: ClientState,
  { signed, consumed, policy }: { signed: Signed; consumed: Uint8Array[]; policy: CommitPolicy },
): Promise<OpenedCommit> {
  const { committer } = signed
  const commit = await applyPublic(context, state, signed)
  const { change } = commit
  if (!asked(policy, change)) throw new MlsRefused('policy')
  const removesUs = change.removed.some(({ leaf }) => leaf === state.privatePath.leafIndex)
  if (removesUs) return { kind: 'removed', committer, change }
  const next = await enterBy(context, state, signed, commit).catch(cause => {
    throw new FailedHere('sealed', { cause })
  })
  const added = commit.provisional.added.map(({ leaf }) => memberAt(next.ratchetTree, leaf)!)
  return {
    kind: 'commit',
    ...change,
    added,
    state: { ...next, historicalReceiverData: retainedEpochs(state) },
    spent: [...consumed, state.keySchedule.initSecret],
  }
}

function asked(policy: CommitPolicy, change: JudgedChange): boolean {
  try {
    return policy(change)
  } catch (error) {
    throw error instanceof MlsRefused ? error : new PolicyFailed(error)
  }
}

interface PublicPart {
  provisional: Provisional
  path: UpdatePath
  updated: UpdatedTree<LeafNode>
  change: JudgedChange
}

async function applyPublic(
  context: MlsContext,
  state: ClientState,
  { committer, content }: Signed,
): Promise<PublicPart> {
  const { authenticatedData, commit } = content
  if (authenticatedData.length > MAX_AUTHENTICATED_BYTES) throw new MlsRefused('unsupported')
  const provisional = applyProposals(state, proposalsOf(commit), committer.leaf)
  const { path } = commit
  if (path === undefined) throw new MlsRefused('unsupported')
  for (const { keyPackage } of provisional.added) await checkAdded(context, keyPackage)
  const updated = await applyPath(context, state, provisional, { committer, path })
  const change = changeOf(provisional, { committer, leafNode: path.leafNode, authenticatedData })
  return { provisional, path, updated, change }
}

function proposalsOf({ proposals }: CommitContent): Proposal[] {
  return proposals.map(each => {
    if (each.proposalOrRefType !== 'proposal') throw new MlsRefused('unsupported')
    return each.proposal
  })
}

async function enterBy(
  context: MlsContext,
  state: ClientState,
  signed: Signed,
  { provisional, path, updated }: PublicPart,
): Promise<ClientState> {
  const { tree, hash: treeHash } = updated
  const received = { committer: signed.committer.leaf, path, treeHash }
  const { privatePath, commitSecret } = await openPath(context, state, provisional, received)
  const { extensions } = provisional
  const epoch = await nextEpoch(context, state, signed, { extensions, treeHash, commitSecret })
  try {
    const { confirmationKey } = epoch.secrets.keySchedule
    const { confirmedTranscriptHash } = epoch.groupContext
    const { hash } = context.suite
    if (
      !(await verifyConfirmationTag(confirmationKey, signed.confirmationTag, confirmedTranscriptHash, hash))
    )
      throw new MlsRefused('not-authentic')
    const { confirmationTag } = signed
    return await enter(context, state, epoch, { tree, privatePath, confirmationTag })
  } finally {
    leave(epoch)
  }
}
