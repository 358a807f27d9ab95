// The messages of MLS (RFC 9420 sections 5 to 12), each with the bytes that it came in: what is hashed or signed is
// those bytes, so nothing is encoded again.

import type { Reader } from './tls.js'

export interface Extension {
  type: number
  data: Uint8Array
}

export interface LeafNode {
  raw: Uint8Array
  /** All but the signature. */
  unsigned: Uint8Array
  encryptionKey: Uint8Array
  signatureKey: Uint8Array
  identity: Uint8Array
  capabilities: { versions: number[]; suites: number[]; extensions: number[]; credentials: number[] }
  source: 'key_package' | 'update' | 'commit'
  parentHash: Uint8Array
  extensions: Extension[]
  signature: Uint8Array
}

interface KeyPackage {
  raw: Uint8Array
  unsigned: Uint8Array
  suite: number
  initKey: Uint8Array
  leafNode: LeafNode
  signature: Uint8Array
}

interface Sealed {
  encapsulated: Uint8Array
  ciphertext: Uint8Array
}

interface UpdatePath {
  leafNode: LeafNode
  nodes: { encryptionKey: Uint8Array; secrets: Sealed[] }[]
}

export interface PskId {
  raw: Uint8Array
  external?: Uint8Array
  epoch?: bigint
}

export type Proposal =
  | { kind: 'add'; keyPackage: KeyPackage }
  | { kind: 'update'; leafNode: LeafNode }
  | { kind: 'remove'; leaf: number }
  | { kind: 'psk'; id: PskId }
  | { kind: 'extensions'; extensions: Extension[] }

export interface Commit {
  proposals: (Proposal | { kind: 'reference'; reference: Uint8Array })[]
  path: UpdatePath | undefined
}

export interface GroupContext {
  raw: Uint8Array
  suite: number
  groupId: Uint8Array
  epoch: bigint
  treeHash: Uint8Array
  confirmedHash: Uint8Array
  extensions: Extension[]
}

interface GroupInfo {
  unsigned: Uint8Array
  context: GroupContext
  extensions: Extension[]
  confirmationTag: Uint8Array
  signer: number
  signature: Uint8Array
}

export type TreeNode =
  | { kind: 'leaf'; leaf: LeafNode }
  | { kind: 'parent'; encryptionKey: Uint8Array; parentHash: Uint8Array; unmerged: number[] }

const SOURCES = { 1: 'key_package', 2: 'update', 3: 'commit' } as const
const numbers = (reader: Reader) => reader.vector(each => each.uint(2))

const readExtensions = (reader: Reader): Extension[] =>
  reader.vector(each => ({ type: each.uint(2), data: each.opaque() }))

function readLeafNode(reader: Reader): LeafNode {
  const { raw: unsigned, ...unsignedLeaf } = reader.raw(inner => {
    const encryptionKey = inner.opaque()
    const signatureKey = inner.opaque()
    if (inner.uint(2) !== 1) throw new RangeError('another kind of credential')
    const identity = inner.opaque()
    const [versions, suites, extensionTypes] = [numbers(inner), numbers(inner), numbers(inner)]
    numbers(inner)
    const capabilities = { versions, suites, extensions: extensionTypes, credentials: numbers(inner) }
    const source = SOURCES[inner.uint(1) as keyof typeof SOURCES]
    if (source === undefined) throw new RangeError('another kind of leaf')
    if (source === 'key_package') inner.take(16)
    const parentHash = source === 'commit' ? inner.opaque() : new Uint8Array()
    const extensions = readExtensions(inner)
    return { encryptionKey, signatureKey, identity, capabilities, source, parentHash, extensions }
  })
  const { raw: end, signature } = reader.raw(inner => ({ signature: inner.opaque() }))
  return { ...unsignedLeaf, unsigned, signature, raw: new Uint8Array([...unsigned, ...end]) }
}

export function readKeyPackage(reader: Reader): KeyPackage {
  return reader.raw(whole => {
    const { raw: unsigned, ...keyPackage } = whole.raw(inner => {
      inner.take(2)
      const read = { suite: inner.uint(2), initKey: inner.opaque(), leafNode: readLeafNode(inner) }
      readExtensions(inner)
      return read
    })
    return { ...keyPackage, unsigned, signature: whole.opaque() }
  })
}

export function readPskId(reader: Reader): PskId {
  return reader.raw(inner => {
    const kind = inner.uint(1)
    if (kind === 1) {
      const external = inner.opaque()
      inner.opaque()
      return { external }
    }
    inner.take(1)
    inner.opaque()
    const epoch = inner.big(8)
    inner.opaque()
    return { epoch }
  })
}

export function readProposal(reader: Reader): Proposal {
  const type = reader.uint(2)
  if (type === 1) return { kind: 'add', keyPackage: readKeyPackage(reader) }
  if (type === 2) return { kind: 'update', leafNode: readLeafNode(reader) }
  if (type === 3) return { kind: 'remove', leaf: reader.uint(4) }
  if (type === 4) return { kind: 'psk', id: readPskId(reader) }
  if (type === 7) return { kind: 'extensions', extensions: readExtensions(reader) }
  throw new RangeError(`a proposal of type ${type}`)
}

export const readSealed = (reader: Reader): Sealed => ({
  encapsulated: reader.opaque(),
  ciphertext: reader.opaque(),
})

export function readCommit(reader: Reader): Commit {
  return {
    proposals: reader.vector(each =>
      each.uint(1) === 1 ? readProposal(each) : { kind: 'reference', reference: each.opaque() },
    ),
    path: reader.optional(each => ({
      leafNode: readLeafNode(each),
      nodes: each.vector(node => ({ encryptionKey: node.opaque(), secrets: node.vector(readSealed) })),
    })),
  }
}

export function readGroupContext(reader: Reader): GroupContext {
  return reader.raw(inner => {
    inner.take(2)
    return {
      suite: inner.uint(2),
      groupId: inner.opaque(),
      epoch: inner.big(8),
      treeHash: inner.opaque(),
      confirmedHash: inner.opaque(),
      extensions: readExtensions(inner),
    }
  })
}

export function readGroupInfo(reader: Reader): GroupInfo {
  const { raw: unsigned, ...info } = reader.raw(inner => ({
    context: readGroupContext(inner),
    extensions: readExtensions(inner),
    confirmationTag: inner.opaque(),
    signer: inner.uint(4),
  }))
  return { ...info, unsigned, signature: reader.opaque() }
}

/** Filled up with blank nodes to a full tree (section 12.4.3.3). */
export function readTree(reader: Reader): (TreeNode | undefined)[] {
  const nodes = reader.vector(each =>
    each.optional<TreeNode>(node => {
      if (node.uint(1) === 1) return { kind: 'leaf', leaf: readLeafNode(node) }
      const [encryptionKey, parentHash] = [node.opaque(), node.opaque()]
      return { kind: 'parent', encryptionKey, parentHash, unmerged: node.vector(leaf => leaf.uint(4)) }
    }),
  )
  let width = 1
  while (width < nodes.length) width = width * 2 + 1
  return Array.from({ length: width }, (_, index) => nodes[index])
}
