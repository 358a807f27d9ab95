// The public half of an update path (RFC 9420 sections 7.5 to 7.9): which nodes it goes through, who can open what is
// in it, and the tree that comes of it. Parent hashes and the hash of the tree are made together, each subtree's once.

import {
  copath,
  directPath,
  encode,
  getHpkePublicKey,
  type Hash,
  type LeafNode,
  leafWidth,
  type NodeIndex,
  parentHashInputEncoder,
  type RatchetTree,
  resolution,
  rootFromNodeWidth,
  toNodeIndex,
} from '../library.js'
import { nodeOfLeaf } from '../members.js'
import { hashing } from './parent-hash.js'

/** One node of a filtered direct path (section 4.1.2). */
export interface PathStep {
  node: NodeIndex
  /** The child that the path does not come through. */
  copath: NodeIndex
  /** The nodes whose keys the node's secret is encrypted to: all below `copath` hold one of them. */
  readers: NodeIndex[]
}

/**
 * From the leaf's parent to the root.
 *
 * @param newcomers leaves that came by the same commit: they learn the secrets from their welcome (section 12.4.1).
 */
export function pathSteps(tree: RatchetTree, leaf: number, newcomers: readonly number[]): PathStep[] {
  const own = toNodeIndex(nodeOfLeaf(leaf))
  const width = leafWidth(tree.length)
  const siblings = copath(own, width)
  const without = new Set(newcomers.map(nodeOfLeaf))
  return directPath(own, width).flatMap((node, place) => {
    const below = resolution(tree, siblings[place]!)
    if (below.length === 0) return []
    return [{ node, copath: siblings[place]!, readers: below.filter(reader => !without.has(reader)) }]
  })
}

/** The public key of a node that is not blank. */
export function publicKeyAt(tree: RatchetTree, node: NodeIndex): Uint8Array {
  const there = tree[node]
  if (there === undefined) throw new RangeError('a blank node')
  return getHpkePublicKey(there)
}

export interface UpdatedTree<L extends LeafNode> {
  tree: RatchetTree
  hash: Uint8Array
  leafNode: L
}

/**
 * The tree with a path in it.
 *
 * @param path.keys of the steps' nodes.
 * @param path.leafNode gives the committer's new leaf for its parent hash.
 */
export async function treeWithPath<L extends LeafNode>(
  tree: RatchetTree,
  leaf: number,
  path: {
    steps: PathStep[]
    keys: Uint8Array[]
    leafNode: (parentHash: Uint8Array) => L | Promise<L>
  },
  hash: Hash,
): Promise<UpdatedTree<L>> {
  const own = toNodeIndex(nodeOfLeaf(leaf))
  const updated = tree.slice()
  for (const node of directPath(own, leafWidth(tree.length))) updated[node] = undefined
  const hashOf = hashing(updated, hash)
  let parentHash: Uint8Array = new Uint8Array()
  for (const [index, step] of [...path.steps.entries()].reverse()) {
    const parent = { hpkePublicKey: path.keys[index]!, parentHash, unmergedLeaves: [] }
    updated[step.node] = { nodeType: 'parent', parent }
    const originalSiblingTreeHash = await hashOf(step.copath)
    parentHash = await hash.digest(
      encode(parentHashInputEncoder)({
        encryptionKey: parent.hpkePublicKey,
        parentHash,
        originalSiblingTreeHash,
      }),
    )
  }
  const leafNode = await path.leafNode(parentHash)
  updated[own] = { nodeType: 'leaf', leaf: leafNode }
  // The nodes of the path were not hashed until here, so what is remembered is still true.
  return { tree: updated, hash: await hashOf(rootFromNodeWidth(tree.length)), leafNode }
}
