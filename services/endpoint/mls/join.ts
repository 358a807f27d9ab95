// Joining by a welcome (RFC 9420 section 12.4.3.1). In place of the library's joinGroup, which
// refuses some valid trees and hangs on some hostile ones.

import { attempt, decodeStrict, equalBytes, wipe } from './codec.js'
import type { MlsContext } from './context.js'
import { joinerAmong, settingsAmong } from './extensions.js'
import { decodeKeyPackage, decodePrivate, demandSupportedLeaf } from './key-package.js'
import {
  accumulatePskSecret,
  type ClientState,
  createSecretTree,
  decryptGroupInfo,
  decryptGroupSecrets,
  deriveKeySchedule,
  deriveSecret,
  findLeafIndex,
  firstCommonAncestor,
  type GroupInfo,
  type GroupSecrets,
  type KeyPackage,
  leafWidth,
  makeKeyPackageRef,
  type PrivateKeyPackage,
  type PrivateKeyPath,
  type PskIndex,
  pathToRoot,
  type RatchetTree,
  ratchetTreeFromExtension,
  toLeafIndex,
  verifyGroupInfoConfirmationTag,
  verifyGroupInfoSignature,
  type Welcome,
} from './library.js'
import { type Member, memberAt, nodeOfLeaf } from './members.js'
import { MlsRefused, refusing } from './refused.js'
import { checkTree } from './tree/tree-check.js'

export interface OwnKeyPackage {
  publicPackage: Uint8Array
  privatePackage: Uint8Array
}

export interface Joined {
  state: ClientState
  /** The place among the key packages given of the one that is used up now. */
  usedKeyPackage: number
  /** The member whose signature is under the welcome, and who has made the commit that adds us. */
  signer: Member
  /** That member's words for those who join. */
  joiner?: Uint8Array
}

/**
 * Finds the key package that the welcome is for and joins with it. A hostile welcome may take long
 * and much memory: call it where that does no harm (welcome-opener.ts).
 *
 * @throws MlsRefused
 */
export async function joinByWelcome(
  context: MlsContext,
  bytes: Uint8Array,
  keyPackages: OwnKeyPackage[],
): Promise<Joined> {
  const message = decodeStrict(bytes)
  if (message.wireformat !== 'mls_welcome') throw new MlsRefused('malformed')
  const { welcome } = message
  for (const [index, own] of keyPackages.entries()) {
    const keyPackage = decodeKeyPackage(context, own.publicPackage)
    const reference = await makeKeyPackageRef(keyPackage, context.suite.hash)
    if (!welcome.secrets.some(secret => equalBytes(secret.newMember, reference))) continue
    const keys = decodePrivate(context, own.privatePackage)
    const entered = await refusing('not-authentic', () => join(context, welcome, keyPackage, keys))
    return { ...ours(context, entered), usedKeyPackage: index }
  }
  throw new MlsRefused('no-matching-key-package')
}

/** A group that holds nothing but what Parley knows. @throws MlsRefused('unsupported') for another. */
function ours(
  context: MlsContext,
  { state, info }: { state: ClientState; info: GroupInfo },
): Omit<Joined, 'usedKeyPackage'> {
  const { groupContext, ratchetTree } = state
  if (groupContext.extensions.length > 0) settingsAmong(groupContext.extensions)
  for (const node of ratchetTree) if (node?.nodeType === 'leaf') demandSupportedLeaf(context, node.leaf)
  const signer = memberAt(ratchetTree, info.signer)
  if (signer === undefined) throw new MlsRefused('unsupported')
  const joiner = joinerAmong(info.extensions)
  return { state, signer, ...(joiner && { joiner }) }
}

/** Secrets that a welcome may refer to and Parley's never do: without them, such a welcome is refused. */
interface KnownBefore {
  /** For a welcome without the ratchet_tree extension. */
  tree?: RatchetTree
  psks?: PskIndex
}

/**
 * Joins with the key package that the welcome names.
 *
 * @throws MlsRefused, and whatever the library throws on bytes that it cannot decode or decrypt.
 */
export async function join(
  context: MlsContext,
  welcome: Welcome,
  keyPackage: KeyPackage,
  keys: PrivateKeyPackage,
  known: KnownBefore = {},
): Promise<{ state: ClientState; info: GroupInfo }> {
  const { suite } = context
  if (welcome.cipherSuite !== suite.name) throw new MlsRefused('unsupported')
  const secrets = await openSecrets(context, welcome, keyPackage, keys)
  const psk = await pskSecret(context, secrets, known.psks)
  const info = await decryptGroupInfo(welcome, secrets.joinerSecret, psk, suite)
  if (info === undefined) throw new MlsRefused('malformed')
  const tree = attempt(() => ratchetTreeFromExtension(info)) ?? known.tree
  if (tree === undefined) throw new MlsRefused('bad-tree')
  await checkGroupInfo(context, info, tree, { joinerSecret: secrets.joinerSecret, psk })
  const leaf = findLeafIndex(tree, keyPackage.leafNode)
  if (leaf === undefined || leaf === info.signer) throw new MlsRefused('bad-tree')
  const privatePath = await privateKeys(context, { tree, leaf, info, secrets, leafKey: keys.hpkePrivateKey })
  const { groupContext, confirmationTag } = info
  const [keySchedule, encryptionSecret] = await deriveKeySchedule(
    secrets.joinerSecret,
    psk,
    groupContext,
    suite.kdf,
  )
  const secretTree = await createSecretTree(leafWidth(tree.length), encryptionSecret, suite.kdf)
  wipe([encryptionSecret, secrets.joinerSecret, secrets.pathSecret])
  const state: ClientState = {
    groupContext,
    ratchetTree: tree,
    privatePath,
    signaturePrivateKey: keys.signaturePrivateKey,
    confirmationTag,
    unappliedProposals: {},
    keySchedule,
    secretTree,
    historicalReceiverData: new Map(),
    groupActiveState: { kind: 'active' },
    clientConfig: context.config,
  }
  return { state, info }
}

async function openSecrets(
  { suite }: MlsContext,
  welcome: Welcome,
  keyPackage: KeyPackage,
  keys: PrivateKeyPackage,
): Promise<GroupSecrets> {
  const initKey = await suite.hpke.importPrivateKey(keys.initPrivateKey)
  const reference = await makeKeyPackageRef(keyPackage, suite.hash)
  const secrets = await decryptGroupSecrets(initKey, reference, welcome, suite.hpke)
  if (secrets === undefined) throw new MlsRefused('malformed')
  return secrets
}

/** Zeroes where there are none (RFC 9420 section 8.4). */
async function pskSecret({ suite }: MlsContext, secrets: GroupSecrets, psks?: PskIndex): Promise<Uint8Array> {
  const none = new Uint8Array(suite.kdf.size)
  if (secrets.psks.length === 0) return none
  if (psks === undefined) throw new MlsRefused('unsupported')
  const [secret] = await accumulatePskSecret(secrets.psks, psks, suite, none)
  return secret
}

async function checkGroupInfo(
  context: MlsContext,
  info: GroupInfo,
  tree: RatchetTree,
  secrets: { joinerSecret: Uint8Array; psk: Uint8Array },
): Promise<void> {
  const { suite } = context
  const { groupContext } = info
  if (groupContext.cipherSuite !== suite.name || groupContext.version !== 'mls10')
    throw new MlsRefused('unsupported')
  await checkTree(context, tree, groupContext)
  const signer = tree[nodeOfLeaf(info.signer)]
  if (signer?.nodeType !== 'leaf') throw new MlsRefused('bad-tree')
  const authentic =
    (await verifyGroupInfoSignature(info, signer.leaf.signaturePublicKey, suite.signature)) &&
    (await verifyGroupInfoConfirmationTag(info, secrets.joinerSecret, secrets.psk, suite))
  if (!authentic) throw new MlsRefused('not-authentic')
}

/** Our leaf's private key and, from the path secret, those of the nodes that we share with the committer. */
async function privateKeys(
  { suite }: MlsContext,
  own: { tree: RatchetTree; leaf: number; leafKey: Uint8Array; info: GroupInfo; secrets: GroupSecrets },
): Promise<PrivateKeyPath> {
  const { tree, leaf, info, secrets } = own
  const keys: Record<number, Uint8Array> = { [nodeOfLeaf(leaf)]: own.leafKey }
  if (secrets.pathSecret === undefined) return { leafIndex: leaf, privateKeys: keys }
  const start = firstCommonAncestor(tree, toLeafIndex(leaf), toLeafIndex(info.signer))
  const path = await pathToRoot(tree, start, secrets.pathSecret, suite.kdf)
  for (const [index, secret] of Object.entries(path)) {
    const pair = await suite.hpke.deriveKeyPair(await deriveSecret(secret, 'node', suite.kdf))
    const node = tree[Number(index)]
    const fits =
      node?.nodeType === 'parent' &&
      equalBytes(node.parent.hpkePublicKey, await suite.hpke.exportPublicKey(pair.publicKey))
    if (!fits) throw new MlsRefused('not-authentic')
    keys[Number(index)] = await suite.hpke.exportPrivateKey(pair.privateKey)
  }
  wipe(Object.values(path))
  return { leafIndex: leaf, privateKeys: keys }
}
