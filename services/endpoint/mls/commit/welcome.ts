// The welcome of a commit (RFC 9420 section 12.4.3.1): one for all who join by it.

import type { MlsContext } from '../context.js'
import {
  type ClientState,
  type Extension,
  encode,
  encodeMlsMessage,
  encryptGroupInfo,
  encryptGroupSecrets,
  isAncestor,
  makeKeyPackageRef,
  ratchetTreeEncoder,
  signGroupInfo,
  toNodeIndex,
  type Welcome,
} from '../library.js'
import { nodeOfLeaf } from '../members.js'
import type { NextEpoch } from './epoch.js'
import type { SealedPath } from './path.js'
import type { Newcomer } from './proposals.js'

interface Welcoming {
  epoch: NextEpoch
  confirmationTag: Uint8Array
  sealed: SealedPath
  added: Newcomer[]
  /** Of the GroupInfo, besides the tree. */
  extensions: Extension[]
}

/** Undefined where nobody joins. */
export async function makeWelcome(
  { suite }: MlsContext,
  { privatePath, signaturePrivateKey }: ClientState,
  { epoch, confirmationTag, sealed, added, extensions }: Welcoming,
): Promise<Uint8Array | undefined> {
  if (added.length === 0) return undefined
  const { groupContext } = epoch
  const tree = {
    extensionType: 'ratchet_tree' as const,
    extensionData: encode(ratchetTreeEncoder)(sealed.tree),
  }
  const unsigned = {
    groupContext,
    extensions: [...extensions, tree],
    confirmationTag,
    signer: privatePath.leafIndex,
  }
  const groupInfo = await signGroupInfo(unsigned, signaturePrivateKey, suite.signature)
  const encryptedGroupInfo = await encryptGroupInfo(groupInfo, epoch.secrets.welcomeSecret, suite)
  const { joinerSecret } = epoch.secrets
  const secrets: Welcome['secrets'] = []
  for (const { leaf, keyPackage } of added) {
    const groupSecrets = { joinerSecret, pathSecret: secretFor(sealed, leaf), psks: [] }
    const initKey = await suite.hpke.importPublicKey(keyPackage.initKey)
    const { ct, enc } = await encryptGroupSecrets(initKey, encryptedGroupInfo, groupSecrets, suite.hpke)
    const newMember = await makeKeyPackageRef(keyPackage, suite.hash)
    secrets.push({ newMember, encryptedGroupSecrets: { kemOutput: enc, ciphertext: ct } })
  }
  const welcome = { cipherSuite: suite.name, secrets, encryptedGroupInfo }
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome })
}

/** Of the lowest node of the path that is above both. */
function secretFor({ steps, secrets, tree }: SealedPath, leaf: number): Uint8Array | undefined {
  const own = toNodeIndex(nodeOfLeaf(leaf))
  return secrets[steps.findIndex(({ node }) => isAncestor(own, node, tree.length))]
}
