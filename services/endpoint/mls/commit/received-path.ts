// All of another member's update path that is public, and so the same for every member (RFC 9420 sections 7.3, 7.9 and
// 12.4.2): those that the commit removes check it too, for a commit that is none removes nobody.

import { equalBytes } from '../codec.js'
import type { MlsContext } from '../context.js'
import { demandSupportedLeaf, demandUsable } from '../key-package.js'
import { type ClientState, type LeafNode, type UpdatePath, verifyLeafNodeSignature } from '../library.js'
import { type Member, sameCandidate } from '../members.js'
import { MlsRefused } from '../refused.js'
import { type PathStep, treeWithPath, type UpdatedTree } from '../tree/update-path.js'
import { stepsOf } from './path.js'
import { candidateOf, keyName, keysInUse, type Provisional } from './proposals.js'

/**
 * The tree with the path in it.
 *
 * @throws MlsRefused: unsupported, identity-changed or not-authentic
 */
export async function applyPath(
  context: MlsContext,
  state: ClientState,
  provisional: Provisional,
  { committer, path }: { committer: Member; path: UpdatePath },
): Promise<UpdatedTree<LeafNode>> {
  demandSupportedLeaf(context, path.leafNode)
  if (!sameCandidate(candidateOf(path.leafNode), committer)) throw new MlsRefused('identity-changed')
  const { groupId } = state.groupContext
  const { hash, signature } = context.suite
  if (!(await verifyLeafNodeSignature(path.leafNode, groupId, committer.leaf, signature)))
    throw new MlsRefused('not-authentic')
  const steps = stepsOf(provisional, committer.leaf)
  demandShape(steps, path)
  demandNewKeys(provisional, path)
  const keys = path.nodes.map(({ hpkePublicKey }) => hpkePublicKey)
  await demandUsable(context, [path.leafNode.hpkePublicKey, ...keys])
  const leafNode = (parentHash: Uint8Array) => withParentHash(path.leafNode, parentHash)
  return treeWithPath(provisional.tree, committer.leaf, { steps, keys, leafNode }, hash)
}

/** One node for each step, and in it one secret for each who is to read it: others than we count them, too. */
function demandShape(steps: PathStep[], { nodes }: UpdatePath): void {
  const fits =
    nodes.length === steps.length &&
    steps.every(({ readers }, index) => nodes[index]!.encryptedPathSecret.length === readers.length)
  if (!fits) throw new MlsRefused('not-authentic')
}

/** No key of the path is in the tree already, nor twice in the path. */
function demandNewKeys({ tree }: Provisional, { leafNode, nodes }: UpdatePath): void {
  const taken = keysInUse(tree)
  for (const { hpkePublicKey } of [leafNode, ...nodes]) {
    const name = keyName(hpkePublicKey)
    if (taken.has(name)) throw new MlsRefused('not-authentic')
    taken.add(name)
  }
}

function withParentHash(leafNode: UpdatePath['leafNode'], parentHash: Uint8Array): UpdatePath['leafNode'] {
  if (!equalBytes(leafNode.parentHash, parentHash)) throw new MlsRefused('not-authentic')
  return leafNode
}
