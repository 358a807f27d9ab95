// Makes welcomes and commits as a member with bad intentions would: correctly encrypted and signed, around a
// tree and a group of its choice. Library calls that the engine has no use for are made from here.

import { randomBytes } from 'node:crypto'
import { createCommit, emptyPskIndex } from 'ts-mls'
import { encode } from 'ts-mls/codec/tlsEncoder.js'
import { deriveSecret } from 'ts-mls/crypto/kdf.js'
import { extractEpochSecret } from 'ts-mls/groupContext.js'
import { signGroupInfo } from 'ts-mls/groupInfo.js'
import type { GroupSecrets } from 'ts-mls/groupSecrets.js'
import { signLeafNodeKeyPackage } from 'ts-mls/leafNode.js'
import { ratchetTreeEncoder } from 'ts-mls/ratchetTree.js'
import { encryptGroupInfo, encryptGroupSecrets } from 'ts-mls/welcome.js'
import { make } from '../../../../services/endpoint/mls/commit/commit.js'
import { createContext } from '../../../../services/endpoint/mls/context.js'
import type { KeyPackagePair } from '../../../../services/endpoint/mls/engine.js'
import { decodeKeyPackage } from '../../../../services/endpoint/mls/key-package.js'
import {
  type Extension,
  encodeMlsMessage,
  type GroupInfo,
  generateKeyPackageWithKey,
  type KeyPackage,
  type LeafNode,
  makeKeyPackageRef,
  type Proposal,
  type RatchetTree,
  treeHashRoot,
} from '../../../../services/endpoint/mls/library.js'
import { acceptAll, type Device, type Seat } from './people.js'

export const context = await createContext({ validate: acceptAll })
const { suite } = context

/** As the engine makes it, of proposals that it would not commit. */
export async function forgedCommit(committer: Seat, proposals: Proposal[]): Promise<Uint8Array> {
  return (await make(context, committer.state, { proposals })).commit
}

/** As the library makes it: with no path where there is nobody to hide it from. */
export async function libraryCommit(
  state: Seat['state'],
  proposals: Proposal[],
  publicly = false,
): Promise<Uint8Array> {
  const made = await createCommit(
    { state, cipherSuite: suite, pskIndex: emptyPskIndex },
    { extraProposals: proposals, wireAsPublicMessage: publicly },
  )
  return encodeMlsMessage(made.commit)
}

export interface Forgery {
  /** May change the tree that it is given, a deep copy. */
  tree?: (tree: RatchetTree) => void | Promise<void>
  /** Of the GroupInfo, besides the tree. */
  extensions?: Extension[]
  /** In place of the encoded tree. */
  encodedTree?: Uint8Array
  info?: Partial<GroupInfo['groupContext']>
  signer?: number
  secrets?: Partial<GroupSecrets>
}

/** A welcome for `victim`, whose leaf is already in the tree of `forger`, a member. */
export async function forgeWelcome(
  forger: Seat,
  victim: KeyPackagePair,
  forgery: Forgery = {},
): Promise<Uint8Array> {
  const joinerSecret = new Uint8Array(randomBytes(suite.kdf.size))
  const groupInfo = await forgedInfo(forger, forgery, joinerSecret)
  const epochSecret = await suite.kdf.extract(joinerSecret, new Uint8Array(suite.kdf.size))
  const welcomeSecret = await deriveSecret(epochSecret, 'welcome', suite.kdf)
  const encryptedGroupInfo = await encryptGroupInfo(groupInfo, welcomeSecret, suite)
  const keyPackage = decodeKeyPackage(context, victim.publicPackage)
  const secrets: GroupSecrets = { joinerSecret, pathSecret: undefined, psks: [], ...forgery.secrets }
  const initKey = await suite.hpke.importPublicKey(keyPackage.initKey)
  const { enc, ct } = await encryptGroupSecrets(initKey, encryptedGroupInfo, secrets, suite.hpke)
  const newMember = await makeKeyPackageRef(keyPackage, suite.hash)
  return encodeMlsMessage({
    version: 'mls10',
    wireformat: 'mls_welcome',
    welcome: {
      cipherSuite: suite.name,
      secrets: [{ newMember, encryptedGroupSecrets: { kemOutput: enc, ciphertext: ct } }],
      encryptedGroupInfo,
    },
  })
}

async function forgedInfo(forger: Seat, forgery: Forgery, joinerSecret: Uint8Array): Promise<GroupInfo> {
  const tree = structuredClone(forger.state.ratchetTree)
  await forgery.tree?.(tree)
  const treeHash = await treeHashRoot(tree, suite.hash)
  const groupContext = { ...forger.state.groupContext, treeHash, ...forgery.info }
  const noPsk = new Uint8Array(suite.kdf.size)
  const epochSecret = await extractEpochSecret(groupContext, joinerSecret, suite.kdf, noPsk)
  const confirmationKey = await deriveSecret(epochSecret, 'confirm', suite.kdf)
  const extensionData = forgery.encodedTree ?? encode(ratchetTreeEncoder)(tree)
  const unsigned = {
    groupContext,
    extensions: [...(forgery.extensions ?? []), { extensionType: 'ratchet_tree' as const, extensionData }],
    confirmationTag: await suite.hash.mac(confirmationKey, groupContext.confirmedTranscriptHash),
    signer: forgery.signer ?? forger.state.privatePath.leafIndex,
  }
  return signGroupInfo(unsigned, forger.device.signatureKey, suite.signature)
}

/** Of a device of another make: whole, valid for a day, and it does not know a group's settings. */
export async function keyPackageWithout(
  device: Device,
): Promise<{ keyPackage: KeyPackage; bytes: Uint8Array }> {
  const now = BigInt(Math.floor(Date.now() / 1_000))
  const { publicPackage: keyPackage } = await generateKeyPackageWithKey(
    { credentialType: 'basic', identity: device.identity },
    {
      versions: ['mls10'],
      ciphersuites: [suite.name],
      extensions: [],
      proposals: [],
      credentials: ['basic'],
    },
    { notBefore: now - 60n, notAfter: now + 86_400n },
    [],
    { signKey: device.signatureKey, publicKey: device.publicKey },
    suite,
  )
  const bytes = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage })
  return { keyPackage, bytes }
}

/** A leaf of `device` that is signed as it must be, with any identity. */
export async function forgedLeaf(device: Device, identity: Uint8Array): Promise<LeafNode> {
  const pair = await suite.hpke.generateKeyPair()
  return signLeafNodeKeyPackage(
    {
      leafNodeSource: 'key_package',
      hpkePublicKey: await suite.hpke.exportPublicKey(pair.publicKey),
      signaturePublicKey: device.publicKey,
      credential: { credentialType: 'basic', identity },
      capabilities: {
        versions: ['mls10'],
        ciphersuites: [suite.name],
        extensions: [],
        proposals: [],
        credentials: ['basic'],
      },
      lifetime: { notBefore: 0n, notAfter: 1n << 62n },
      extensions: [],
    },
    device.signatureKey,
    suite.signature,
  )
}
