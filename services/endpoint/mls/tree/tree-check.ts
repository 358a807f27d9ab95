// The rules for the ratchet tree of a welcome (RFC 9420 sections 7.3 and 12.4.3.1). The library's
// own validateRatchetTree refuses valid trees (it wants equal lists of unmerged leaves along a
// path) and never ends on an unmerged leaf that is outside of the tree.

import { equalBytes } from '../codec.js'
import { MAX_LEAVES, MAX_MEMBERS, type MlsContext } from '../context.js'
import {
  directPath,
  extensionsSupportedByCapabilities,
  type GroupContext,
  type LeafNode,
  leafWidth,
  type RatchetTree,
  toNodeIndex,
  verifyLeafNodeSignature,
  verifyLeafNodeSignatureKeyPackage,
} from '../library.js'
import { nodeOfLeaf } from '../members.js'
import { MlsRefused } from '../refused.js'
import { treeHashes } from './parent-hash.js'

/**
 * Checks all that a newcomer must check of a tree before using it. Lifetimes are left out: a member
 * that has been in the group for longer than its key package was valid is no fault of the tree.
 *
 * @throws MlsRefused: bad-tree, bad-credential, too-many-members or not-authentic
 */
export async function checkTree(
  context: MlsContext,
  tree: RatchetTree,
  group: Pick<GroupContext, 'groupId' | 'treeHash' | 'extensions'>,
): Promise<void> {
  // Shape and numbers first: the library's own functions below loop without end on others.
  checkSize(tree)
  checkShape(tree)
  checkUniqueKeys(tree)
  checkCredentialTypes(tree)
  for (const [index, node] of tree.entries())
    if (node?.nodeType === 'leaf') await checkLeaf(context, node.leaf, index / 2, group)
  const { root, parentsFit } = await treeHashes(tree, context.suite.hash)
  if (!parentsFit || !equalBytes(group.treeHash, root)) throw new MlsRefused('not-authentic')
}

function checkSize(tree: RatchetTree): void {
  if (tree.length > nodeOfLeaf(MAX_LEAVES)) throw new MlsRefused('too-many-members')
  const members = tree.filter(node => node?.nodeType === 'leaf').length
  if (members > MAX_MEMBERS) throw new MlsRefused('too-many-members')
}

function checkShape(tree: RatchetTree): void {
  for (const [index, node] of tree.entries()) {
    if (node === undefined) continue
    demand((node.nodeType === 'leaf') === (index % 2 === 0))
    if (node.nodeType === 'parent') checkUnmergedLeaves(tree, index, node.parent.unmergedLeaves)
  }
}

/** Section 7.9: sorted, without doubles, leaves below this node, and listed by all nodes in between. */
function checkUnmergedLeaves(tree: RatchetTree, parent: number, unmerged: number[]): void {
  let previous = -1
  for (const leaf of unmerged) {
    demand(leaf > previous && tree[nodeOfLeaf(leaf)]?.nodeType === 'leaf')
    previous = leaf
    const path: number[] = directPath(toNodeIndex(nodeOfLeaf(leaf)), leafWidth(tree.length))
    const place = path.indexOf(parent)
    demand(place >= 0)
    for (const between of path.slice(0, place)) {
      const node = tree[between]
      demand(node === undefined || (node.nodeType === 'parent' && node.parent.unmergedLeaves.includes(leaf)))
    }
  }
}

function checkUniqueKeys(tree: RatchetTree): void {
  const seen = new Set<string>()
  const once = (kind: string, key: Uint8Array) => {
    const name = `${kind} ${Buffer.from(key).toString('base64')}`
    demand(!seen.has(name))
    seen.add(name)
  }
  for (const node of tree) {
    if (node?.nodeType === 'parent') once('encryption', node.parent.hpkePublicKey)
    if (node?.nodeType !== 'leaf') continue
    once('encryption', node.leaf.hpkePublicKey)
    once('signature', node.leaf.signaturePublicKey)
  }
}

/** Every member must be able to read every other's credential. */
function checkCredentialTypes(tree: RatchetTree): void {
  const leaves = tree.flatMap(node => (node?.nodeType === 'leaf' ? [node.leaf] : []))
  const used = new Set(leaves.map(leaf => leaf.credential.credentialType))
  for (const leaf of leaves) for (const type of used) demand(leaf.capabilities.credentials.includes(type))
}

async function checkLeaf(
  context: MlsContext,
  leaf: LeafNode,
  index: number,
  group: Pick<GroupContext, 'groupId' | 'extensions'>,
): Promise<void> {
  const { signature } = context.suite
  const signed =
    leaf.leafNodeSource === 'key_package'
      ? await verifyLeafNodeSignatureKeyPackage(leaf, signature)
      : await verifyLeafNodeSignature(leaf, group.groupId, index, signature)
  if (!signed) throw new MlsRefused('not-authentic')
  demand(extensionsSupportedByCapabilities([...leaf.extensions, ...group.extensions], leaf.capabilities))
  if (!(await context.config.authService.validateCredential(leaf.credential, leaf.signaturePublicKey)))
    throw new MlsRefused('bad-credential')
}

function demand(fact: boolean): void {
  if (!fact) throw new MlsRefused('bad-tree')
}
