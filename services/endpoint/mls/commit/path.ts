// The update path of a commit (RFC 9420 sections 7.4 to 7.6): a new key for the committer's leaf and for each node
// above it, of which every other member learns those that it has below it. In place of the library's: its
// createCommit seals a path for the group with its old extensions where its processPrivateMessage opens one for the
// group with the new ones (section 12.4.1 has the new), gives none to a commit that changes extensions (section 17.4)
// and none to one that only adds, derives the commit's secret once too often where the root is blank, and does not
// look whether the keys that it derives are those of the tree.

import { equalBytes, wipe } from '../codec.js'
import type { MlsContext } from '../context.js'
import { leafExtensions } from '../extensions.js'
import {
  type ClientState,
  decryptWithLabel,
  deriveSecret,
  encode,
  encryptWithLabel,
  type GroupContext,
  groupContextEncoder,
  isAncestor,
  type LeafNodeCommit,
  type PrivateKeyPath,
  type RatchetTree,
  signLeafNodeCommit,
  toNodeIndex,
  type UpdatePath,
} from '../library.js'
import { nodeOfLeaf } from '../members.js'
import { newSecret } from '../primitives/kdf.js'
import { MlsRefused } from '../refused.js'
import { type PathStep, pathSteps, publicKeyAt, treeWithPath } from '../tree/update-path.js'
import type { Provisional } from './proposals.js'

const LABEL = 'UpdatePathNode'

/** The part of a path that only members know. */
export interface PathSecrets {
  /** Its private keys take the place of those that this device had. */
  privatePath: PrivateKeyPath
  /** wipe() it. */
  commitSecret: Uint8Array
}

export interface SealedPath extends PathSecrets {
  path: UpdatePath
  tree: RatchetTree
  treeHash: Uint8Array
  steps: PathStep[]
  /** Of the steps, in their order. wipe() them. */
  secrets: Uint8Array[]
}

type Committing = Pick<ClientState, 'groupContext' | 'privatePath' | 'ratchetTree' | 'signaturePrivateKey'>

/**
 * New keys for this device and the nodes above it.
 *
 * @param leafData what its leaf is to say from now on; what it says by now unless given.
 */
export async function sealPath(
  context: MlsContext,
  state: Committing,
  provisional: Provisional,
  leafData?: Uint8Array,
): Promise<SealedPath> {
  const { suite } = context
  const { leafIndex } = state.privatePath
  const steps = stepsOf(provisional, leafIndex)
  const first = newSecret(suite)
  const leafPair = await keyPair(context, first)
  const { secrets, commitSecret } = await secretsAfter(context, first, steps.length)
  wipe([first])
  const pairs: KeyPair[] = []
  for (const secret of secrets) pairs.push(await keyPair(context, secret))
  const keys = pairs.map(({ publicKey }) => publicKey)
  const leafNode = (parentHash: Uint8Array) =>
    signedLeaf(context, state, { parentHash, hpkePublicKey: leafPair.publicKey, leafData })
  const updated = await treeWithPath(provisional.tree, leafIndex, { steps, keys, leafNode }, suite.hash)
  const sealed = pathContext(state, provisional, updated.hash)
  const nodes: UpdatePath['nodes'] = []
  for (const [index, { readers }] of steps.entries()) {
    const options = { tree: provisional.tree, readers, secret: secrets[index]!, info: sealed }
    nodes.push({ hpkePublicKey: keys[index]!, encryptedPathSecret: await sealFor(context, options) })
  }
  const privateKeys = { ...state.privatePath.privateKeys, [nodeOfLeaf(leafIndex)]: leafPair.privateKey }
  for (const [index, { node }] of steps.entries()) privateKeys[node] = pairs[index]!.privateKey
  return {
    path: { leafNode: updated.leafNode, nodes },
    tree: updated.tree,
    treeHash: updated.hash,
    privatePath: { leafIndex, privateKeys },
    commitSecret,
    steps,
    secrets,
  }
}

/**
 * The secrets of another member's path, of which all that is public was checked (received-path.ts).
 *
 * @throws MlsRefused('not-authentic'), and the library's own errors for what cannot be decrypted.
 */
export async function openPath(
  context: MlsContext,
  state: Pick<ClientState, 'groupContext' | 'privatePath'>,
  provisional: Provisional,
  received: { committer: number; path: UpdatePath; treeHash: Uint8Array },
): Promise<PathSecrets> {
  const { suite } = context
  const { leafIndex, privateKeys } = state.privatePath
  const own = toNodeIndex(nodeOfLeaf(leafIndex))
  const steps = stepsOf(provisional, received.committer)
  const from = steps.findIndex(({ node }) => isAncestor(own, node, provisional.tree.length))
  const place = steps[from]?.readers.findIndex(reader => privateKeys[reader] !== undefined) ?? -1
  const sealed = received.path.nodes[from]?.encryptedPathSecret[place]
  const raw = privateKeys[steps[from]?.readers[place] ?? -1]
  if (sealed === undefined || raw === undefined) throw new MlsRefused('not-authentic')
  const info = pathContext(state, provisional, received.treeHash)
  const key = await suite.hpke.importPrivateKey(raw)
  const { kemOutput, ciphertext } = sealed
  const opened = await decryptWithLabel(key, LABEL, info, kemOutput, ciphertext, suite.hpke)
  const above = steps.slice(from + 1)
  const { secrets, commitSecret } = await secretsAfter(context, opened, above.length)
  const learnt: Record<number, Uint8Array> = { ...privateKeys }
  for (const [index, secret] of [opened, ...secrets].entries()) {
    const pair = await keyPair(context, secret)
    const node = received.path.nodes[from + index]
    if (node === undefined || !equalBytes(pair.publicKey, node.hpkePublicKey))
      throw new MlsRefused('not-authentic')
    learnt[steps[from + index]!.node] = pair.privateKey
  }
  wipe([opened, ...secrets])
  return { privatePath: { leafIndex, privateKeys: learnt }, commitSecret }
}

export function stepsOf({ tree, added }: Provisional, committer: number): PathStep[] {
  return pathSteps(
    tree,
    committer,
    added.map(({ leaf }) => leaf),
  )
}

interface KeyPair {
  publicKey: Uint8Array
  privateKey: Uint8Array
}

/** The key of the node that a path secret is for. */
async function keyPair({ suite }: MlsContext, pathSecret: Uint8Array): Promise<KeyPair> {
  const secret = await deriveSecret(pathSecret, 'node', suite.kdf)
  const pair = await suite.hpke.deriveKeyPair(secret)
  wipe([secret])
  return {
    publicKey: await suite.hpke.exportPublicKey(pair.publicKey),
    privateKey: await suite.hpke.exportPrivateKey(pair.privateKey),
  }
}

/** The path secrets that follow one, and the commit's secret, which follows the last. */
async function secretsAfter(
  { suite }: MlsContext,
  pathSecret: Uint8Array,
  count: number,
): Promise<{ secrets: Uint8Array[]; commitSecret: Uint8Array }> {
  const secrets: Uint8Array[] = []
  for (let last = pathSecret; secrets.length < count; secrets.push(last))
    last = await deriveSecret(last, 'path', suite.kdf)
  const commitSecret = await deriveSecret(secrets.at(-1) ?? pathSecret, 'path', suite.kdf)
  return { secrets, commitSecret }
}

function signedLeaf(
  { suite }: MlsContext,
  { groupContext, privatePath, ratchetTree, signaturePrivateKey }: Committing,
  next: { hpkePublicKey: Uint8Array; parentHash: Uint8Array; leafData: Uint8Array | undefined },
): Promise<LeafNodeCommit> {
  const { leafIndex } = privatePath
  const before = ratchetTree[nodeOfLeaf(leafIndex)]
  if (before?.nodeType !== 'leaf') throw new MlsRefused('damaged')
  const { capabilities, credential, extensions, signaturePublicKey } = before.leaf
  return signLeafNodeCommit(
    {
      leafNodeSource: 'commit',
      hpkePublicKey: next.hpkePublicKey,
      signaturePublicKey,
      credential,
      capabilities,
      extensions: next.leafData === undefined ? extensions : leafExtensions(next.leafData),
      parentHash: next.parentHash,
      groupId: groupContext.groupId,
      leafIndex,
    },
    signaturePrivateKey,
    suite.signature,
  )
}

/** The context that path secrets are sealed with: the next epoch's, but for the commit itself (section 12.4.1). */
function pathContext(
  state: Pick<ClientState, 'groupContext'>,
  { extensions }: Provisional,
  treeHash: Uint8Array,
): Uint8Array {
  const { groupContext } = state
  const next: GroupContext = { ...groupContext, epoch: groupContext.epoch + 1n, treeHash, extensions }
  return encode(groupContextEncoder)(next)
}

async function sealFor(
  { suite: { hpke } }: MlsContext,
  path: { tree: RatchetTree; readers: PathStep['readers']; secret: Uint8Array; info: Uint8Array },
): Promise<UpdatePath['nodes'][number]['encryptedPathSecret']> {
  const sealed: { kemOutput: Uint8Array; ciphertext: Uint8Array }[] = []
  for (const reader of path.readers) {
    const key = await hpke.importPublicKey(publicKeyAt(path.tree, reader))
    const { ct, enc } = await encryptWithLabel(key, LABEL, path.info, path.secret, hpke)
    sealed.push({ kemOutput: enc, ciphertext: ct })
  }
  return sealed
}
