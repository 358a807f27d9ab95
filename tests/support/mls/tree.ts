// The ratchet tree (RFC 9420 sections 4 and 7), in the array of appendix C. Written for reading, not for speed.

import type { Suite } from './suite.js'
import { join, opaque, uint, vector } from './tls.js'
import type { LeafNode, TreeNode } from './wire.js'

export type Tree = (TreeNode | undefined)[]
type Parent = Extract<TreeNode, { kind: 'parent' }>

/** Ones at the end of a node's number: 0 for a leaf. */
function level(node: number): number {
  let ones = 0
  while ((node >> ones) & 1) ones++
  return ones
}

export const rootOf = (tree: Tree): number => (tree.length - 1) / 2
const left = (node: number) => node ^ (1 << (level(node) - 1))
const right = (node: number) => node ^ (3 << (level(node) - 1))

/** Whether `node` is `below` or above it. */
export function isAbove(node: number, below: number): boolean {
  const reach = 2 ** level(node) - 1
  return below >= node - reach && below <= node + reach
}

/** From the leaf's parent to the root, each with its child that is not above the leaf. */
export function directPath(tree: Tree, leaf: number): { node: number; copath: number }[] {
  const path: { node: number; copath: number }[] = []
  for (let node = rootOf(tree); node !== leaf * 2; ) {
    const isLeft = leaf * 2 < node
    path.unshift({ node, copath: isLeft ? right(node) : left(node) })
    node = isLeft ? left(node) : right(node)
  }
  return path
}

/** Section 4.1.1. */
export function resolution(tree: Tree, node: number): number[] {
  const there = tree[node]
  if (there?.kind === 'parent') return [node, ...there.unmerged.map(leaf => leaf * 2)]
  if (there?.kind === 'leaf') return [node]
  return node % 2 === 0 ? [] : [...resolution(tree, left(node)), ...resolution(tree, right(node))]
}

export function filteredPath(tree: Tree, leaf: number): { node: number; copath: number }[] {
  return directPath(tree, leaf).filter(({ copath }) => resolution(tree, copath).length > 0)
}

export function leafAt(tree: Tree, leaf: number): LeafNode {
  const node = tree[leaf * 2]
  if (node?.kind !== 'leaf') throw new RangeError(`no leaf ${leaf}`)
  return node.leaf
}

export function keyAt(tree: Tree, node: number): Uint8Array {
  const there = tree[node]
  if (there === undefined) throw new RangeError(`a blank node ${node}`)
  return there.kind === 'leaf' ? there.leaf.encryptionKey : there.encryptionKey
}

function blankAbove(tree: Tree, leaf: number): void {
  for (const { node } of directPath(tree, leaf)) tree[node] = undefined
}

/** Section 12.1.2. */
export function update(tree: Tree, leaf: number, leafNode: LeafNode): void {
  blankAbove(tree, leaf)
  tree[leaf * 2] = { kind: 'leaf', leaf: leafNode }
}

/** Section 12.1.3: the right half goes as long as it is blank. */
export function remove(tree: Tree, leaf: number): void {
  leafAt(tree, leaf)
  blankAbove(tree, leaf)
  tree[leaf * 2] = undefined
  while (tree.length > 1 && tree.slice(rootOf(tree) + 1).every(node => node === undefined))
    tree.length = rootOf(tree)
}

/** Section 12.1.1: into the leftmost blank leaf, or a tree twice as wide. Gives the leaf. */
export function add(tree: Tree, leafNode: LeafNode): number {
  let leaf = tree.findIndex((node, index) => index % 2 === 0 && node === undefined) / 2
  if (leaf < 0) {
    leaf = (tree.length + 1) / 2
    for (let width = tree.length * 2 + 1; tree.length < width; ) tree.push(undefined)
  }
  for (const { node } of directPath(tree, leaf)) {
    const parent = tree[node]
    if (parent?.kind !== 'parent') continue
    tree[node] = { ...parent, unmerged: [...parent.unmerged, leaf].sort((a, b) => a - b) }
  }
  tree[leaf * 2] = { kind: 'leaf', leaf: leafNode }
  return leaf
}

/** Section 7.8. */
export function treeHash(suite: Suite, tree: Tree, node = rootOf(tree)): Uint8Array {
  const there = tree[node]
  if (node % 2 === 0) {
    const present = there?.kind === 'leaf' ? join(uint(1, 1), there.leaf.raw) : uint(0, 1)
    return suite.hash(uint(1, 1), uint(node / 2, 4), present)
  }
  const present = there?.kind === 'parent' ? join(uint(1, 1), encoded(there)) : uint(0, 1)
  const [lower, higher] = [treeHash(suite, tree, left(node)), treeHash(suite, tree, right(node))]
  return suite.hash(uint(2, 1), present, opaque(lower), opaque(higher))
}

function encoded({ encryptionKey, parentHash, unmerged }: Parent): Uint8Array {
  return join(opaque(encryptionKey), opaque(parentHash), vector(unmerged.map(leaf => uint(leaf, 4))))
}

/**
 * Puts the keys of a path into the tree (section 7.5), with their parent hashes (section 7.9).
 *
 * @throws Error where the leaf does not say the parent hash that comes of it.
 */
export function applyPath(
  suite: Suite,
  tree: Tree,
  leaf: number,
  path: { leafNode: LeafNode; nodes: { encryptionKey: Uint8Array }[] },
): void {
  const filtered = filteredPath(tree, leaf)
  if (filtered.length !== path.nodes.length) throw new Error('a path of another length')
  blankAbove(tree, leaf)
  let parentHash: Uint8Array = new Uint8Array()
  for (const [index, { node, copath }] of [...filtered.entries()].reverse()) {
    const { encryptionKey } = path.nodes[index]!
    tree[node] = { kind: 'parent', encryptionKey, parentHash, unmerged: [] }
    parentHash = suite.hash(opaque(encryptionKey), opaque(parentHash), opaque(treeHash(suite, tree, copath)))
  }
  if (Buffer.compare(parentHash, path.leafNode.parentHash) !== 0) throw new Error('another parent hash')
  tree[leaf * 2] = { kind: 'leaf', leaf: path.leafNode }
}
