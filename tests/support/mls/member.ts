// A member that joins by a welcome and follows commits, written from the text of RFC 9420 alone: it shares no code with
// the engine or its library. It checks what it needs to come to the next epoch, and no more.

import { type Opened, openMessage } from './framing.js'
import { type Epoch, epochOf, interimHash, joinerSecret, pskSecret, welcomeKeys } from './schedule.js'
import { Suite } from './suite.js'
import { join, opaque, Reader, uint, vector } from './tls.js'
import * as trees from './tree.js'
import {
  type Commit,
  type Extension,
  type GroupContext,
  type LeafNode,
  type Proposal,
  type PskId,
  readGroupContext,
  readGroupInfo,
  readKeyPackage,
  readPskId,
  readSealed,
  readTree,
} from './wire.js'

const RATCHET_TREE = 2

interface OwnKeys {
  /** An MLSMessage. */
  keyPackage: Uint8Array
  init: Uint8Array
  encryption: Uint8Array
}

interface Known {
  /** By their ids in hex. */
  psks?: Record<string, Uint8Array>
  tree?: Uint8Array
}

/** A commit that was followed. */
interface Followed {
  committer: number
  authenticatedData: Uint8Array
  commit: Commit
  /** Leaves, in the order of the proposals. */
  added: number[]
}

export class Member {
  readonly suite: Suite
  context: GroupContext
  tree: trees.Tree
  epoch: Epoch
  readonly leaf: number
  readonly #known: Known
  readonly #privateKeys = new Map<number, Uint8Array>()
  readonly #proposals = new Map<string, { proposal: Proposal; sender: number }>()
  readonly #resumption = new Map<bigint, Uint8Array>()
  #interim: Uint8Array
  /** Of the GroupInfo. */
  readonly welcomed: { signer: number; extensions: Extension[] }

  constructor(welcome: Uint8Array, own: OwnKeys, known: Known = {}) {
    this.#known = known
    const reader = new Reader(welcome)
    if (reader.uint(2) !== 1 || reader.uint(2) !== 3) throw new Error('no welcome')
    this.suite = new Suite(reader.uint(2))
    const sealed = reader.vector(each => ({ reference: each.opaque(), secrets: readSealed(each) }))
    const sealedInfo = reader.opaque()
    const { raw, leafNode } = readKeyPackage(new Reader(own.keyPackage.slice(4)))
    const reference = this.suite.refHash('KeyPackage', raw)
    const mine = sealed.find(each => Buffer.compare(each.reference, reference) === 0)
    if (mine === undefined) throw new Error('a welcome for others')
    const secrets = new Reader(this.suite.decryptWithLabel(own.init, mine.secrets, 'Welcome', sealedInfo))
    const joiner = secrets.opaque()
    const pathSecret = secrets.optional(each => ({ value: each.opaque() }))?.value
    const psk = this.#pskSecret(secrets.vector(readPskId))
    const keys = welcomeKeys(this.suite, { joiner, psk })
    const info = readGroupInfo(new Reader(this.suite.open(keys, sealedInfo)))
    this.context = info.context
    this.welcomed = { signer: info.signer, extensions: info.extensions }
    const encodedTree = info.extensions.find(({ type }) => type === RATCHET_TREE)?.data ?? known.tree
    this.tree = readTree(new Reader(encodedTree!))
    if (!same(trees.treeHash(this.suite, this.tree), this.context.treeHash)) throw new Error('a tree hash')
    const { signatureKey } = trees.leafAt(this.tree, info.signer)
    if (!this.suite.verifies(signatureKey, info.signature, 'GroupInfoTBS', info.unsigned))
      throw new Error('the signature of the group')
    this.epoch = this.#enter(joiner, psk, info.confirmationTag)
    this.#interim = interimHash(this.suite, this.context.confirmedHash, info.confirmationTag)
    this.leaf = this.tree.findIndex(node => node?.kind === 'leaf' && same(node.leaf.raw, leafNode.raw)) / 2
    this.#privateKeys.set(this.leaf * 2, own.encryption)
    if (pathSecret !== undefined) this.#learn(info.signer, pathSecret)
  }

  /** Takes a proposal, or follows a commit. @throws Error for one that is not sound. */
  open(message: Uint8Array): Followed | undefined {
    const opened = openMessage({ ...this, ...this.epoch }, message)
    if (opened.kind === 'commit') return this.#follow(opened)
    if (opened.kind !== 'proposal') throw new Error('an application message')
    const auth = join(uint(opened.wireFormat, 2), opened.content, opaque(opened.signature))
    const reference = this.suite.refHash('Proposal', auth)
    this.#proposals.set(hex(reference), { proposal: opened.proposal, sender: opened.sender })
    return undefined
  }

  read(message: Uint8Array): { sender: number; plaintext: Uint8Array } {
    const opened = openMessage({ ...this, ...this.epoch }, message)
    if (opened.kind !== 'application') throw new Error('no application message')
    return opened
  }

  /** MLS-Exporter (section 8.5). */
  export(label: string, context: Uint8Array, length: number): Uint8Array {
    const secret = this.suite.deriveSecret(this.epoch.exporter, label)
    return this.suite.expandWithLabel(secret, 'exported', this.suite.hash(context), length)
  }

  #follow(opened: Extract<Opened, { kind: 'commit' }>): Followed {
    const { commit, sender, authenticatedData } = opened
    const proposals = commit.proposals.map(each => {
      if (each.kind !== 'reference') return { proposal: each, sender }
      return this.#proposals.get(hex(each.reference))!
    })
    const { extensions, added } = this.#apply(proposals)
    const isWithoutPath = commit.path === undefined
    const needsPath = proposals.some(({ proposal: { kind } }) =>
      ['update', 'remove', 'extensions'].includes(kind),
    )
    if (isWithoutPath && (needsPath || proposals.length === 0)) throw new Error('no path')
    const commitSecret = isWithoutPath
      ? new Uint8Array(this.suite.hashLength)
      : this.#applyPath(commit.path!, { sender, added, extensions })
    const psks = proposals.flatMap(({ proposal }) => (proposal.kind === 'psk' ? [proposal.id] : []))
    const psk = this.#pskSecret(psks)
    this.#resumption.set(this.context.epoch, this.epoch.resumption)
    const transcript = [uint(opened.wireFormat, 2), opened.content, opaque(opened.signature)]
    const confirmedHash = this.suite.hash(this.#interim, ...transcript)
    this.context = this.#nextContext(extensions, confirmedHash)
    const joiner = joinerSecret(this.suite, this.context, { init: this.epoch.init, commit: commitSecret })
    this.epoch = this.#enter(joiner, psk, opened.confirmationTag)
    this.#interim = interimHash(this.suite, confirmedHash, opened.confirmationTag)
    this.#proposals.clear()
    return { committer: sender, authenticatedData, commit, added }
  }

  /** In the order of section 12.3. */
  #apply(proposals: { proposal: Proposal; sender: number }[]): { extensions: Extension[]; added: number[] } {
    let { extensions } = this.context
    for (const { proposal } of proposals) if (proposal.kind === 'extensions') extensions = proposal.extensions
    for (const { proposal, sender } of proposals)
      if (proposal.kind === 'update') trees.update(this.tree, sender, proposal.leafNode)
    for (const { proposal } of proposals)
      if (proposal.kind === 'remove') trees.remove(this.tree, proposal.leaf)
    const added: number[] = []
    for (const { proposal } of proposals)
      if (proposal.kind === 'add') added.push(this.#add(proposal.keyPackage))
    return { extensions, added }
  }

  #add({ leafNode, signature, unsigned }: Extract<Proposal, { kind: 'add' }>['keyPackage']): number {
    const { signatureKey } = leafNode
    const signed =
      this.suite.verifies(signatureKey, leafNode.signature, 'LeafNodeTBS', leafNode.unsigned) &&
      this.suite.verifies(signatureKey, signature, 'KeyPackageTBS', unsigned)
    if (!signed) throw new Error('a signature of a key package')
    return trees.add(this.tree, leafNode)
  }

  /** Sections 7.5, 7.6 and 12.4.2; gives the commit's secret. */
  #applyPath(
    path: NonNullable<Commit['path']>,
    { sender, added, extensions }: { sender: number; added: number[]; extensions: Extension[] },
  ): Uint8Array {
    this.#checkLeaf(path.leafNode, sender)
    const filtered = trees.filteredPath(this.tree, sender)
    const from = filtered.findIndex(({ node }) => trees.isAbove(node, this.leaf * 2))
    const newcomers = new Set(added.map(leaf => leaf * 2))
    const readers = trees
      .resolution(this.tree, filtered[from]!.copath)
      .filter(reader => !newcomers.has(reader))
    const place = readers.findIndex(reader => this.#privateKeys.has(reader))
    trees.applyPath(this.suite, this.tree, sender, path)
    const sealedFor = this.#nextContext(extensions, this.context.confirmedHash)
    const { secrets } = path.nodes[from]!
    if (secrets.length !== readers.length) throw new Error('secrets for others')
    const key = this.#privateKeys.get(readers[place]!)!
    const secret = this.suite.decryptWithLabel(key, secrets[place]!, 'UpdatePathNode', sealedFor.raw)
    return this.#learn(sender, secret)
  }

  #checkLeaf(leafNode: LeafNode, sender: number): void {
    const tbs = join(leafNode.unsigned, opaque(this.context.groupId), uint(sender, 4))
    const { signatureKey, signature } = leafNode
    if (leafNode.source !== 'commit' || !this.suite.verifies(signatureKey, signature, 'LeafNodeTBS', tbs))
      throw new Error('the signature of a leaf')
  }

  /** Derives the keys from the lowest node that is above both leaves on; gives the commit's secret. */
  #learn(committer: number, pathSecret: Uint8Array): Uint8Array {
    let secret = pathSecret
    for (const { node } of trees.filteredPath(this.tree, committer)) {
      if (!trees.isAbove(node, this.leaf * 2)) continue
      const { privateKey, publicKey } = this.suite.keyPair(this.suite.deriveSecret(secret, 'node'))
      if (!same(publicKey, trees.keyAt(this.tree, node))) throw new Error('another key in the tree')
      this.#privateKeys.set(node, privateKey)
      secret = this.suite.deriveSecret(secret, 'path')
    }
    return secret
  }

  #nextContext(extensions: Extension[], confirmedHash: Uint8Array): GroupContext {
    const { suite, groupId, epoch } = this.context
    const head = join(uint(1, 2), uint(suite, 2), opaque(groupId), uint(epoch + 1n, 8))
    const hashes = join(opaque(trees.treeHash(this.suite, this.tree)), opaque(confirmedHash))
    const encoded = vector(extensions.map(({ type, data }) => join(uint(type, 2), opaque(data))))
    return readGroupContext(new Reader(join(head, hashes, encoded)))
  }

  #enter(joiner: Uint8Array, psk: Uint8Array, confirmationTag: Uint8Array): Epoch {
    const epoch = epochOf(this.suite, this.context, { joiner, psk })
    if (!same(this.suite.mac(epoch.confirmation, this.context.confirmedHash), confirmationTag))
      throw new Error('a confirmation tag')
    return epoch
  }

  #pskSecret(ids: readonly PskId[]): Uint8Array {
    const psks = ids.map(id => {
      const psk = id.external ? this.#known.psks?.[hex(id.external)] : this.#resumptionOf(id.epoch!)
      if (psk === undefined) throw new Error('a key that was never shared')
      return { id, psk }
    })
    return pskSecret(this.suite, psks)
  }

  #resumptionOf(epoch: bigint): Uint8Array | undefined {
    return epoch === this.context.epoch ? this.epoch.resumption : this.#resumption.get(epoch)
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
