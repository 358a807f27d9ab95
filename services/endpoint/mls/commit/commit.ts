import { equalBytes, wipe } from '../codec.js'
import type { MlsContext } from '../context.js'
import { joinerExtensions, MAX_AUTHENTICATED_BYTES, proposalOfSettings } from '../extensions.js'
import { checkedKeyPackage } from '../key-package.js'
import {
  type ClientState,
  createConfirmationTag,
  createContentCommitSignature,
  type Extension,
  encodeMlsMessage,
  type Proposal,
  protect,
  type RatchetTree,
  removeLeafNode,
  toLeafIndex,
} from '../library.js'
import { memberAt } from '../members.js'
import { asRefused, type MlsCause, MlsRefused, refusing } from '../refused.js'
import { leftSecrets, load, retainedEpochs, save } from '../state.js'
import { changeOf, type JudgedChange } from './change.js'
import { enter, leave, nextEpoch } from './epoch.js'
import { sealPath } from './path.js'
import { applyProposals, claimKeys, keysInUse } from './proposals.js'
import { makeWelcome } from './welcome.js'

/** All of it in one commit, which besides renews the committer's own keys; none of it does just that. */
export interface CommitChange {
  /** Encoded key packages. */
  add?: Uint8Array[]
  /** Leaves. A device that is removed may be added again, and another may take its leaf. */
  remove?: number[]
  /** These take the place of the group's settings. */
  settings?: Uint8Array
  /** In place of what our own leaf says. At most 1 KiB. */
  leafData?: Uint8Array
  /** For those who judge the commit, and not encrypted: the server reads it. At most 2 MiB. */
  authenticatedData?: Uint8Array
  /** For those who join by the welcome. At most 7 MiB. */
  joiner?: Uint8Array
}

export interface Commit {
  /** The next state, saved; secret. For adopt() once the server has accepted the commit. */
  pending: Uint8Array
  commit: Uint8Array
  /** For the devices added. Release it only after the server has accepted the commit. */
  welcome?: Uint8Array
  /** Places in `add` of the key packages that were left out, and why. */
  refused: { index: number; cause: MlsCause }[]
  /** As the other members' policies will see it. */
  change: JudgedChange
}

export interface Adopted {
  state: ClientState
  /** Secrets that the state before this one still holds; wipe() them once the new state is saved. */
  spent: Uint8Array[]
}

/**
 * Makes a commit and leaves `state` as it is: it stays in force until the server has accepted the
 * commit. A key package that is no good does not fail the commit for the others.
 *
 * @throws MlsRefused: bad-change, too-many-members or no-usable-key-package
 */
export async function commit(context: MlsContext, state: ClientState, change: CommitChange): Promise<Commit> {
  const { add = [], remove = [], settings, joiner, ...rest } = change
  if ((rest.authenticatedData?.length ?? 0) > MAX_AUTHENTICATED_BYTES) throw new MlsRefused('bad-change')
  const resettings = settings === undefined ? [] : [proposalOfSettings(settings)]
  const removals = proposalsToRemove(state, remove)
  const { additions, refused } = await proposalsToAdd(context, treeWithout(state, remove), add)
  const proposals = [...resettings, ...removals, ...additions]
  const extensions = joinerExtensions(joiner)
  const made = await refusing('bad-change', () => make(context, state, { proposals, extensions, ...rest }))
  return { ...made, refused }
}

/**
 * Signs and seals a commit of these proposals, whatever they do.
 *
 * @throws MlsRefused, and the library's own errors.
 */
export async function make(
  context: MlsContext,
  state: ClientState,
  options: Pick<CommitChange, 'leafData' | 'authenticatedData'> & {
    proposals: Proposal[]
    /** Of the GroupInfo, besides the tree. */
    extensions?: Extension[]
  },
): Promise<Omit<Commit, 'refused'>> {
  const { suite } = context
  const { leafIndex } = state.privatePath
  const authenticatedData = options.authenticatedData?.slice() ?? new Uint8Array()
  const committer = memberAt(state.ratchetTree, leafIndex)
  if (committer === undefined) throw new MlsRefused('damaged')
  const provisional = applyProposals(state, options.proposals, leafIndex)
  const sealed = await sealPath(context, state, provisional, options.leafData)
  const signed = await createContentCommitSignature(
    state.groupContext,
    'mls_private_message',
    {
      proposals: options.proposals.map(proposal => ({ proposalOrRefType: 'proposal', proposal })),
      path: sealed.path,
    },
    { senderType: 'member', leafIndex },
    authenticatedData,
    state.signaturePrivateKey,
    suite.signature,
  )
  const { framedContent: content, signature } = signed
  const { extensions } = provisional
  const epoch = await nextEpoch(context, state, { content, signature }, { ...sealed, extensions })
  const { confirmationKey } = epoch.secrets.keySchedule
  const { confirmedTranscriptHash } = epoch.groupContext
  const confirmationTag = await createConfirmationTag(confirmationKey, confirmedTranscriptHash, suite.hash)
  const encrypted = await encrypt(context, state, { ...signed, confirmationTag })
  const welcome = await makeWelcome(context, state, {
    ...{ epoch, confirmationTag, sealed },
    added: provisional.added,
    extensions: options.extensions ?? [],
  })
  // Without past epochs: until adopt() they go on changing in `state`, and a copy made now would
  // keep keys on disk that are gone by then.
  const next = await enter(context, state, epoch, { ...sealed, confirmationTag })
  leave(epoch)
  wipe(sealed.secrets)
  return {
    pending: save(context, next),
    commit: encrypted,
    ...(welcome && { welcome }),
    change: changeOf(provisional, { committer, leafNode: sealed.path.leafNode, authenticatedData }),
  }
}

async function encrypt(
  { config, suite }: MlsContext,
  { groupContext, keySchedule, privatePath, secretTree }: ClientState,
  signed: Awaited<ReturnType<typeof createContentCommitSignature>> & { confirmationTag: Uint8Array },
): Promise<Uint8Array> {
  const { framedContent, signature, confirmationTag } = signed
  const { privateMessage } = await protect(
    keySchedule.senderDataSecret,
    framedContent.authenticatedData,
    groupContext,
    secretTree,
    { ...framedContent, auth: { contentType: 'commit', signature, confirmationTag } },
    privatePath.leafIndex,
    config.paddingConfig,
    suite,
  )
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage })
}

/**
 * The commit won: the state of the next epoch. Late messages of the epoch left are opened from
 * where `state` has got by now.
 *
 * @throws MlsRefused: damaged, or stale-pending
 */
export function adopt(context: MlsContext, state: ClientState, pending: Uint8Array): Adopted {
  const next = load(context, pending)
  const follows =
    equalBytes(next.groupContext.groupId, state.groupContext.groupId) &&
    next.groupContext.epoch === state.groupContext.epoch + 1n
  if (!follows) throw new MlsRefused('stale-pending')
  return { state: { ...next, historicalReceiverData: retainedEpochs(state) }, spent: leftSecrets(state) }
}

function proposalsToRemove(state: ClientState, leaves: number[]): Proposal[] {
  const present = leaves.every(leaf => memberAt(state.ratchetTree, leaf) !== undefined)
  const distinct = new Set(leaves).size === leaves.length
  if (!present || !distinct || leaves.includes(state.privatePath.leafIndex))
    throw new MlsRefused('bad-change')
  return leaves.map(removed => ({ proposalType: 'remove', remove: { removed } }))
}

function treeWithout(state: ClientState, leaves: number[]): RatchetTree {
  return leaves.reduce((tree, leaf) => removeLeafNode(tree, toLeafIndex(leaf)), state.ratchetTree)
}

async function proposalsToAdd(
  context: MlsContext,
  tree: RatchetTree,
  encoded: Uint8Array[],
): Promise<{ additions: Proposal[]; refused: Commit['refused'] }> {
  const additions: Proposal[] = []
  const refused: Commit['refused'] = []
  const taken = keysInUse(tree)
  for (const [index, bytes] of encoded.entries()) {
    try {
      const keyPackage = await refusing('not-authentic', () => checkedKeyPackage(context, bytes))
      claimKeys(taken, keyPackage.leafNode)
      additions.push({ proposalType: 'add', add: { keyPackage } })
    } catch (error) {
      refused.push({ index, cause: asRefused(error, 'not-authentic').why })
    }
  }
  if (encoded.length > 0 && additions.length === 0) throw new MlsRefused('no-usable-key-package')
  return { additions, refused }
}
