// The only file that imports ts-mls. It is pinned to exactly 1.6.4: 1.6.2 and older, and
// 2.0.0-rc.10, let a removed member go on reading, and 2.x numbers the suites differently.
// Nothing is used that is not named here; in particular not joinGroup, validateRatchetTree,
// defaultAuthenticationService and defaultLifetime, which accept too much or refuse valid trees, and
// not createCommit and processPrivateMessage (commit/path.ts says why).

export type {
  AuthenticationService,
  Capabilities,
  Ciphersuite,
  CiphersuiteImpl,
  CiphersuiteName,
  ClientConfig,
  ClientState,
  Credential,
  CryptoProvider,
  EpochReceiverData,
  Extension,
  GenerationSecret,
  GroupContext,
  GroupInfo,
  Hash,
  Hpke,
  HpkeAlgorithm,
  KeyPackage,
  LeafNode,
  MLSMessage,
  PrivateKey,
  PrivateKeyPackage,
  PrivateMessage,
  Proposal,
  PskIndex,
  PublicKey,
  RatchetTree,
  SecretTree,
  SecretTreeNode,
  Signature,
  Welcome,
} from 'ts-mls'
export {
  ciphersuites,
  createApplicationMessage,
  createGroup,
  decodeGroupState,
  decodeMlsMessage,
  defaultKeyPackageEqualityConfig,
  defaultPaddingConfig,
  encodeGroupState,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  getCiphersuiteFromName,
  mlsExporter,
} from 'ts-mls'
export { nextEpochContext } from 'ts-mls/clientState.js'
export { encode } from 'ts-mls/codec/tlsEncoder.js'
export type { Commit as CommitContent } from 'ts-mls/commit.js'
export { decryptWithLabel, encryptWithLabel } from 'ts-mls/crypto/hpke.js'
export { deriveSecret } from 'ts-mls/crypto/kdf.js'
export { extensionsSupportedByCapabilities } from 'ts-mls/extension.js'
export {
  createConfirmationTag,
  createContentCommitSignature,
  type FramedContentCommit,
  verifyConfirmationTag,
} from 'ts-mls/framedContent.js'
export { groupContextEncoder } from 'ts-mls/groupContext.js'
export {
  ratchetTreeFromExtension,
  signGroupInfo,
  verifyGroupInfoConfirmationTag,
  verifyGroupInfoSignature,
} from 'ts-mls/groupInfo.js'
export type { GroupSecrets } from 'ts-mls/groupSecrets.js'
export { makeKeyPackageRef, verifyKeyPackage } from 'ts-mls/keyPackage.js'
export { deriveKeySchedule, type EpochSecrets, initializeEpoch } from 'ts-mls/keySchedule.js'
export {
  type LeafNodeCommit,
  signLeafNodeCommit,
  verifyLeafNodeSignature,
  verifyLeafNodeSignatureKeyPackage,
} from 'ts-mls/leafNode.js'
export { protect, unprotectPrivateMessage } from 'ts-mls/messageProtection.js'
export { CryptoError } from 'ts-mls/mlsError.js'
export { parentHashInputEncoder } from 'ts-mls/parentHash.js'
export type { ParentNode } from 'ts-mls/parentNode.js'
export { pathToRoot } from 'ts-mls/pathSecrets.js'
export type { PrivateKeyPath } from 'ts-mls/privateKeyPath.js'
export { decryptSenderData } from 'ts-mls/privateMessage.js'
export { accumulatePskSecret } from 'ts-mls/pskIndex.js'
export {
  addLeafNode,
  findLeafIndex,
  getHpkePublicKey,
  ratchetTreeEncoder,
  removeLeafNode,
  resolution,
} from 'ts-mls/ratchetTree.js'
export { createSecretTree, decodeSecretTreeNode, secretTreeNodeEncoder } from 'ts-mls/secretTree.js'
export { leafNodeHashInputEncoder, parentNodeHashInputEncoder, treeHashRoot } from 'ts-mls/treeHash.js'
export type { NodeIndex } from 'ts-mls/treemath.js'
export {
  copath,
  directPath,
  isAncestor,
  isLeaf,
  leafToNodeIndex,
  leafWidth,
  left,
  right,
  rootFromNodeWidth,
  toLeafIndex,
  toNodeIndex,
} from 'ts-mls/treemath.js'
export { firstCommonAncestor, type UpdatePath } from 'ts-mls/updatePath.js'
export {
  decryptGroupInfo,
  decryptGroupSecrets,
  encryptGroupInfo,
  encryptGroupSecrets,
} from 'ts-mls/welcome.js'
