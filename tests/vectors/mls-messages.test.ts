// Our provider under the library's own use of it: messages, welcomes and update paths.

import { describe, expect } from '@jest/globals'
import { applyUpdatePathSecret } from 'ts-mls/createCommit.js'
import { getCommitSecret } from 'ts-mls/pathSecrets.js'
import { mergePrivateKeyPaths, toPrivateKeyPath } from 'ts-mls/privateKeyPath.js'
import { decodeRatchetTree } from 'ts-mls/ratchetTree.js'
import { createSecretTree } from 'ts-mls/secretTree.js'
import { toNodeIndex } from 'ts-mls/treemath.js'
import { applyUpdatePath, decodeUpdatePath } from 'ts-mls/updatePath.js'
import { decodeStrict } from '../../services/endpoint/mls/codec.js'
import { openPath, sealPath } from '../../services/endpoint/mls/commit/path.js'
import { createContext } from '../../services/endpoint/mls/context.js'
import {
  type CiphersuiteImpl,
  decryptGroupInfo,
  decryptGroupSecrets,
  makeKeyPackageRef,
  toLeafIndex,
  treeHashRoot,
  unprotectPrivateMessage,
  verifyGroupInfoConfirmationTag,
  verifyGroupInfoSignature,
} from '../../services/endpoint/mls/library.js'
import { pathSteps, treeWithPath } from '../../services/endpoint/mls/tree/update-path.js'
import { bytes, hex, testVectors } from './rfc9420.js'
import { type Hex, SUITES, suiteOf } from './suites.js'

type MessageProtectionVector = { cipher_suite: number; epoch: number } & Hex<
  | 'group_id'
  | 'tree_hash'
  | 'confirmed_transcript_hash'
  | 'signature_pub'
  | 'encryption_secret'
  | 'sender_data_secret'
  | 'application'
  | 'application_priv'
>

describe('message protection', () => {
  testVectors<MessageProtectionVector>('message-protection.json', async vector => {
    const suite = await suiteOf(vector)
    const message = decodeStrict(bytes(vector.application_priv))
    if (message.wireformat !== 'mls_private_message') throw new Error('another kind of message')
    const groupContext = {
      version: 'mls10' as const,
      cipherSuite: suite.name,
      groupId: bytes(vector.group_id),
      epoch: BigInt(vector.epoch),
      treeHash: bytes(vector.tree_hash),
      confirmedTranscriptHash: bytes(vector.confirmed_transcript_hash),
      extensions: [],
    }
    const secretTree = await createSecretTree(2, bytes(vector.encryption_secret), suite.kdf)
    const opened = await unprotectPrivateMessage(
      bytes(vector.sender_data_secret),
      message.privateMessage,
      secretTree,
      [],
      groupContext,
      { retainKeysForGenerations: 0, retainKeysForEpochs: 0, maximumForwardRatchetSteps: 10 },
      suite,
      bytes(vector.signature_pub),
    )
    expect(opened.content.content).toMatchObject({ contentType: 'application' })
    if (opened.content.content.contentType === 'application')
      expect(hex(opened.content.content.applicationData)).toBe(vector.application)
  })
})

type WelcomeVector = { cipher_suite: number } & Hex<'init_priv' | 'key_package' | 'signer_pub' | 'welcome'>

describe('a welcome', () => {
  testVectors<WelcomeVector>('welcome.json', async vector => {
    const suite = await suiteOf(vector)
    const keyPackage = decodeStrict(bytes(vector.key_package))
    const message = decodeStrict(bytes(vector.welcome))
    if (keyPackage.wireformat !== 'mls_key_package' || message.wireformat !== 'mls_welcome')
      throw new Error('another kind of message')
    const key = await suite.hpke.importPrivateKey(bytes(vector.init_priv))
    const reference = await makeKeyPackageRef(keyPackage.keyPackage, suite.hash)
    const secrets = await decryptGroupSecrets(key, reference, message.welcome, suite.hpke)
    const noPsk = new Uint8Array(suite.kdf.size)
    const info = await decryptGroupInfo(message.welcome, secrets!.joinerSecret, noPsk, suite)
    expect(await verifyGroupInfoSignature(info!, bytes(vector.signer_pub), suite.signature)).toBe(true)
    expect(await verifyGroupInfoConfirmationTag(info!, secrets!.joinerSecret, noPsk, suite)).toBe(true)
  })
})

interface TreeKemVector {
  cipher_suite: number
  group_id: string
  epoch: number
  confirmed_transcript_hash: string
  ratchet_tree: string
  leaves_private: {
    index: number
    encryption_priv: string
    signature_priv: string
    path_secrets: { node: number; path_secret: string }[]
  }[]
  update_paths: {
    sender: number
    update_path: string
    path_secrets: (string | null)[]
    commit_secret: string
    tree_hash_after: string
  }[]
}

describe('update paths', () => {
  testVectors<TreeKemVector>('treekem.json', async vector => {
    const suite = await suiteOf(vector)
    const tree = decodeRatchetTree(bytes(vector.ratchet_tree), 0)![0]
    for (const update of vector.update_paths) {
      const path = decodeUpdatePath(bytes(update.update_path), 0)![0]
      const sender = toLeafIndex(update.sender)
      const updated = await applyUpdatePath(tree, sender, path, suite.hash)
      expect(hex(await treeHashRoot(updated, suite.hash))).toBe(update.tree_hash_after)
      const groupContext = {
        version: 'mls10' as const,
        cipherSuite: suite.name,
        groupId: bytes(vector.group_id),
        epoch: BigInt(vector.epoch),
        treeHash: bytes(update.tree_hash_after),
        confirmedTranscriptHash: bytes(vector.confirmed_transcript_hash),
        extensions: [],
      }
      for (const own of vector.leaves_private) {
        if (own.index === update.sender) continue
        const secrets = Object.fromEntries(
          own.path_secrets.map(known => [known.node, bytes(known.path_secret)]),
        )
        const keys = mergePrivateKeyPaths(await toPrivateKeyPath(secrets, own.index, suite), {
          leafIndex: own.index,
          privateKeys: { [own.index * 2]: bytes(own.encryption_priv) },
        })
        const opened = await applyUpdatePathSecret(tree, keys, sender, groupContext, path, [], suite)
        expect(hex(opened.pathSecret)).toBe(update.path_secrets[own.index])
        const node = toNodeIndex(opened.nodeIndex)
        const commitSecret = await getCommitSecret(updated, node, opened.pathSecret, suite.kdf)
        expect(hex(commitSecret)).toBe(update.commit_secret)
      }
    }
  })
})

describe('our own update paths', () => {
  const privatePathOf = async (own: TreeKemVector['leaves_private'][number], suite: CiphersuiteImpl) => {
    const secrets = Object.fromEntries(own.path_secrets.map(known => [known.node, bytes(known.path_secret)]))
    const leaf = { leafIndex: own.index, privateKeys: { [own.index * 2]: bytes(own.encryption_priv) } }
    return mergePrivateKeyPaths(await toPrivateKeyPath(secrets, own.index, suite), leaf)
  }

  testVectors<TreeKemVector>('treekem.json', async vector => {
    const context = await createContext({ validate: () => true, suite: SUITES[vector.cipher_suite]! })
    const { suite } = context
    const tree = decodeRatchetTree(bytes(vector.ratchet_tree), 0)![0]
    const provisional = { tree, extensions: [], removed: [], added: [] }
    const groupContext = {
      version: 'mls10' as const,
      cipherSuite: suite.name,
      groupId: bytes(vector.group_id),
      // The vector names the epoch that the path leads to.
      epoch: BigInt(vector.epoch) - 1n,
      treeHash: new Uint8Array(),
      confirmedTranscriptHash: bytes(vector.confirmed_transcript_hash),
      extensions: [],
    }
    const openAll = async (received: Parameters<typeof openPath>[3]) => {
      const others = vector.leaves_private.filter(({ index }) => index !== received.committer)
      const opened = others.map(async own => {
        const state = { groupContext, privatePath: await privatePathOf(own, suite) }
        return hex((await openPath(context, state, provisional, received)).commitSecret)
      })
      return new Set(await Promise.all(opened))
    }
    for (const update of vector.update_paths) {
      const path = decodeUpdatePath(bytes(update.update_path), 0)![0]
      const steps = pathSteps(tree, update.sender, [])
      const keys = path.nodes.map(({ hpkePublicKey }) => hpkePublicKey)
      const { hash } = await treeWithPath(
        tree,
        update.sender,
        { steps, keys, leafNode: () => path.leafNode },
        suite.hash,
      )
      expect(hex(hash)).toBe(update.tree_hash_after)
      const secrets = await openAll({ committer: update.sender, path, treeHash: hash })
      expect(secrets).toEqual(new Set([update.commit_secret]))
    }
    for (const own of vector.leaves_private) {
      const signaturePrivateKey = bytes(own.signature_priv)
      const privatePath = await privatePathOf(own, suite)
      const state = { groupContext, privatePath, ratchetTree: tree, signaturePrivateKey }
      const sealed = await sealPath(context, state, provisional)
      // The library checks the parent hash.
      const theirs = await applyUpdatePath(tree, toLeafIndex(own.index), sealed.path, suite.hash)
      expect(hex(await treeHashRoot(theirs, suite.hash))).toBe(hex(sealed.treeHash))
      const secrets = await openAll({ committer: own.index, ...sealed })
      expect(secrets).toEqual(new Set([hex(sealed.commitSecret)]))
    }
  })
})
