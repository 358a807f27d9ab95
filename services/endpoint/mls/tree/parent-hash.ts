// Tree hashes and parent hashes of a tree that came from elsewhere (RFC 9420 sections 7.8 and 7.9).
// The library hashes whole subtrees again for each leaf: a third of a second for 250 devices, where
// most hashes are the same. Here each is made once.

import { equalBytes } from '../codec.js'
import {
  encode,
  type Hash,
  isLeaf,
  leafNodeHashInputEncoder,
  left,
  type NodeIndex,
  type ParentNode,
  parentHashInputEncoder,
  parentNodeHashInputEncoder,
  type RatchetTree,
  right,
  rootFromNodeWidth,
  toNodeIndex,
} from '../library.js'
import { nodeOfLeaf } from '../members.js'

interface TreeHashes {
  root: Uint8Array
  /** Whether each parent was made by a commit of one member below it (section 7.9.2). */
  parentsFit: boolean
}

/** @param tree of sound shape: leaves and parents in their places, unmerged leaves below their parents. */
export async function treeHashes(tree: RatchetTree, hash: Hash): Promise<TreeHashes> {
  const whole = hashing(tree, hash)
  const root = rootFromNodeWidth(tree.length)
  const children = new Map<NodeIndex, number>()
  for (const link of linksUnder(tree, root, undefined)) {
    if (equalBytes(link.stored, await parentHash(tree, hash, link, whole)))
      children.set(link.parent, (children.get(link.parent) ?? 0) + 1)
  }
  const parents = tree.flatMap((node, index) => (node?.nodeType === 'parent' ? [toNodeIndex(index)] : []))
  const parentsFit = parents.every(parent => children.get(parent) === 1)
  return { root: await whole(root), parentsFit }
}

/** A node that says which parent hash is above it, and the first node above that is not blank. */
interface Link {
  stored: Uint8Array
  parent: NodeIndex
  sibling: NodeIndex
}

type Above = Pick<Link, 'parent' | 'sibling'>

function linksUnder(tree: RatchetTree, index: NodeIndex, above: Above | undefined): Link[] {
  const node = tree[index]
  const stored = storedHash(node)
  const links = above !== undefined && stored !== undefined ? [{ ...above, stored }] : []
  if (isLeaf(index)) return links
  const [low, high] = [left(index), right(index)]
  const below = (sibling: NodeIndex) => (node === undefined ? above : { parent: index, sibling })
  return [...links, ...linksUnder(tree, low, below(high)), ...linksUnder(tree, high, below(low))]
}

/** A leaf has one since its last commit. */
function storedHash(node: RatchetTree[number]): Uint8Array | undefined {
  if (node?.nodeType === 'parent') return node.parent.parentHash
  return node?.leaf.leafNodeSource === 'commit' ? node.leaf.parentHash : undefined
}

type SubtreeHash = (index: NodeIndex) => Promise<Uint8Array>

async function parentHash(
  tree: RatchetTree,
  hash: Hash,
  link: Link,
  whole: SubtreeHash,
): Promise<Uint8Array> {
  const node = tree[link.parent]
  if (node?.nodeType !== 'parent') throw new RangeError('not a parent')
  const { hpkePublicKey: encryptionKey, parentHash, unmergedLeaves } = node.parent
  // As the sibling was when the parent was made: without those that came later.
  const then = unmergedLeaves.length === 0 ? whole : hashing(tree, hash, { without: unmergedLeaves, whole })
  const originalSiblingTreeHash = await then(link.sibling)
  return hash.digest(encode(parentHashInputEncoder)({ encryptionKey, parentHash, originalSiblingTreeHash }))
}

interface Then {
  without: number[]
  /** Hashes the tree with them: a subtree that they are not in has the same hash there. */
  whole: SubtreeHash
}

/** Gives the hash of each subtree, and makes it once: of nodes that were asked for, none may change afterwards. */
export function hashing(tree: RatchetTree, hash: Hash, then?: Then): SubtreeHash {
  const made = new Map<NodeIndex, Promise<Uint8Array>>()
  const gone = new Set(then?.without)
  const isTouched = (index: number) => {
    // A node at level k reaches 2^k - 1 to both sides: as far as the leaves under it.
    const reach = (index ^ (index + 1)) >> 1
    return then?.without.some(leaf => Math.abs(nodeOfLeaf(leaf) - index) <= reach) ?? true
  }
  const make = async (index: NodeIndex): Promise<Uint8Array> => {
    const node = tree[index]
    if (isLeaf(index)) {
      const leafNode = node?.nodeType === 'leaf' && !gone.has(index / 2) ? node.leaf : undefined
      return hash.digest(
        encode(leafNodeHashInputEncoder)({ nodeType: 'leaf', leafIndex: index / 2, leafNode }),
      )
    }
    const [leftHash, rightHash] = [await subtree(left(index)), await subtree(right(index))]
    const parentNode = node?.nodeType === 'parent' ? withoutLeaves(node.parent, gone) : undefined
    const input = { nodeType: 'parent' as const, parentNode, leftHash, rightHash }
    return hash.digest(encode(parentNodeHashInputEncoder)(input))
  }
  const subtree = (index: NodeIndex): Promise<Uint8Array> => {
    if (then !== undefined && !isTouched(index)) return then.whole(index)
    const known = made.get(index) ?? make(index)
    made.set(index, known)
    return known
  }
  return subtree
}

function withoutLeaves(parent: ParentNode, gone: Set<number>): ParentNode {
  return { ...parent, unmergedLeaves: parent.unmergedLeaves.filter(leaf => !gone.has(leaf)) }
}
