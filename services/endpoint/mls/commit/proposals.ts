// The proposals of a commit, and the group as they leave it (RFC 9420 sections 12.1 to 12.3): the same for the one who
// makes the commit and for those who take it. Only three kinds there are, each by value.

import { MAX_MEMBERS } from '../context.js'
import { groupExtensions, settingsAmong } from '../extensions.js'
import {
  addLeafNode,
  type ClientState,
  type Extension,
  type KeyPackage,
  type LeafNode,
  type Proposal,
  type RatchetTree,
  removeLeafNode,
  toLeafIndex,
} from '../library.js'
import { type Candidate, candidate, type Member, memberAt, membersOf } from '../members.js'
import { MlsRefused } from '../refused.js'

/** A group between its proposals and the path of their commit. */
export interface Provisional {
  tree: RatchetTree
  extensions: Extension[]
  removed: Member[]
  added: Newcomer[]
  /** The new ones, where they change. */
  settings?: Uint8Array
}

export interface Newcomer {
  leaf: number
  keyPackage: KeyPackage
}

/**
 * Applies the proposals in the order that section 12.3 gives them: settings, then removals, then adds. So a leaf may
 * be removed and filled again, and a device removed and added again.
 *
 * @throws MlsRefused: unsupported, bad-change, already-member or too-many-members
 */
export function applyProposals(state: ClientState, proposals: Proposal[], committer: number): Provisional {
  const settings: Uint8Array[] = []
  const removed: Member[] = []
  const keyPackages: KeyPackage[] = []
  for (const proposal of proposals)
    if (proposal.proposalType === 'add') keyPackages.push(proposal.add.keyPackage)
    else if (proposal.proposalType === 'remove')
      removed.push(memberToRemove(state, proposal.remove.removed, committer))
    else if (proposal.proposalType === 'group_context_extensions')
      settings.push(settingsAmong(proposal.groupContextExtensions.extensions))
    else throw new MlsRefused('unsupported')
  const isOnce = settings.length <= 1 && new Set(removed.map(({ leaf }) => leaf)).size === removed.length
  if (!isOnce) throw new MlsRefused('bad-change')
  const left = removed.reduce((tree, { leaf }) => removeLeafNode(tree, toLeafIndex(leaf)), state.ratchetTree)
  const { tree, added } = withNewcomers(left, keyPackages)
  const [next] = settings
  if (next === undefined) return { tree, extensions: state.groupContext.extensions, removed, added }
  return { tree, extensions: groupExtensions(next), removed, added, settings: next }
}

function memberToRemove(state: ClientState, leaf: number, committer: number): Member {
  const member = memberAt(state.ratchetTree, leaf)
  if (member === undefined || leaf === committer) throw new MlsRefused('bad-change')
  return member
}

function withNewcomers(
  left: RatchetTree,
  keyPackages: KeyPackage[],
): { tree: RatchetTree; added: Newcomer[] } {
  if (membersOf(left).length + keyPackages.length > MAX_MEMBERS) throw new MlsRefused('too-many-members')
  const taken = keysInUse(left)
  const added: Newcomer[] = []
  let tree = left
  for (const keyPackage of keyPackages) {
    claimKeys(taken, keyPackage.leafNode)
    const [grown, node] = addLeafNode(tree, keyPackage.leafNode)
    tree = grown
    added.push({ leaf: node / 2, keyPackage })
  }
  return { tree, added }
}

/** All keys of a tree, by name. */
export function keysInUse(tree: RatchetTree): Set<string> {
  const keys = tree.flatMap(node => {
    if (node?.nodeType === 'parent') return [node.parent.hpkePublicKey]
    return node === undefined ? [] : [node.leaf.hpkePublicKey, node.leaf.signaturePublicKey]
  })
  return new Set(keys.map(keyName))
}

/**
 * A device, or a key of one, that is in the group already fails the commit on every member.
 *
 * @throws MlsRefused('already-member')
 */
export function claimKeys(
  taken: Set<string>,
  { signaturePublicKey, hpkePublicKey }: Pick<LeafNode, 'signaturePublicKey' | 'hpkePublicKey'>,
): void {
  const names = [signaturePublicKey, hpkePublicKey].map(keyName)
  if (names.some(name => taken.has(name))) throw new MlsRefused('already-member')
  for (const name of names) taken.add(name)
}

export function keyName(key: Uint8Array): string {
  return Buffer.from(key).toString('base64')
}

/** @throws MlsRefused('unsupported') for a leaf that names its owner otherwise. */
export function candidateOf(leaf: LeafNode): Candidate {
  const who = candidate(leaf)
  if (who === undefined) throw new MlsRefused('unsupported')
  return who
}
