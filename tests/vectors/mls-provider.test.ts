// Our provider under the library's own use of it.

import { describe, expect } from '@jest/globals'
import { applyUpdatePathSecret } from 'ts-mls/createCommit.js'
import { refhash } from 'ts-mls/crypto/hash.js'
import { decryptWithLabel, encryptWithLabel } from 'ts-mls/crypto/hpke.js'
import { deriveSecret, deriveTreeSecret, expandWithLabel } from 'ts-mls/crypto/kdf.js'
import { signWithLabel, verifyWithLabel } from 'ts-mls/crypto/signature.js'
import { decodeGroupContext } from 'ts-mls/groupContext.js'
import { initializeEpoch } from 'ts-mls/keySchedule.js'
import { getCommitSecret } from 'ts-mls/pathSecrets.js'
import { mergePrivateKeyPaths, toPrivateKeyPath } from 'ts-mls/privateKeyPath.js'
import { decodeRatchetTree } from 'ts-mls/ratchetTree.js'
import { createSecretTree, ratchetToGeneration } from 'ts-mls/secretTree.js'
import { expandSenderDataKey, expandSenderDataNonce, type ReuseGuard } from 'ts-mls/sender.js'
import { toNodeIndex } from 'ts-mls/treemath.js'
import { applyUpdatePath, decodeUpdatePath } from 'ts-mls/updatePath.js'
import { decodeStrict } from '../../services/endpoint/mls/codec.js'
import {
  type CiphersuiteImpl,
  type CiphersuiteName,
  decryptGroupInfo,
  decryptGroupSecrets,
  getCiphersuiteFromName,
  makeKeyPackageRef,
  mlsExporter,
  toLeafIndex,
  treeHashRoot,
  unprotectPrivateMessage,
  verifyGroupInfoConfirmationTag,
  verifyGroupInfoSignature,
} from '../../services/endpoint/mls/library.js'
import { nativeProvider } from '../../services/endpoint/mls/provider.js'
import { bytes, hex, testVectors } from './rfc9420.js'

const SUITES: Record<number, CiphersuiteName> = {
  1: 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519',
  3: 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519',
}
const suiteOf = (vector: { cipher_suite: number }): Promise<CiphersuiteImpl> =>
  nativeProvider.getCiphersuiteImpl(getCiphersuiteFromName(SUITES[vector.cipher_suite]!))

/** Fields of a vector that are hex strings. */
type Hex<K extends string> = Record<K, string>

interface CryptoBasics {
  cipher_suite: number
  ref_hash: Hex<'label' | 'value' | 'out'>
  expand_with_label: Hex<'secret' | 'label' | 'context' | 'out'> & { length: number }
  derive_secret: Hex<'secret' | 'label' | 'out'>
  derive_tree_secret: Hex<'secret' | 'label' | 'out'> & { generation: number; length: number }
  sign_with_label: Hex<'priv' | 'pub' | 'content' | 'label' | 'signature'>
  encrypt_with_label: Hex<'priv' | 'pub' | 'label' | 'context' | 'plaintext' | 'kem_output' | 'ciphertext'>
}

describe('the primitives', () => {
  testVectors<CryptoBasics>('crypto-basics.json', async vector => {
    const { hash, kdf } = await suiteOf(vector)
    const {
      ref_hash: ref,
      expand_with_label: expand,
      derive_secret: derive,
      derive_tree_secret: tree,
    } = vector
    expect(hex(await refhash(ref.label, bytes(ref.value), hash))).toBe(ref.out)
    const expanded = expandWithLabel(
      bytes(expand.secret),
      expand.label,
      bytes(expand.context),
      expand.length,
      kdf,
    )
    expect(hex(await expanded)).toBe(expand.out)
    expect(hex(await deriveSecret(bytes(derive.secret), derive.label, kdf))).toBe(derive.out)
    const treeSecret = deriveTreeSecret(bytes(tree.secret), tree.label, tree.generation, tree.length, kdf)
    expect(hex(await treeSecret)).toBe(tree.out)
  })

  testVectors<CryptoBasics>(
    'crypto-basics.json',
    async vector => {
      const { signature } = await suiteOf(vector)
      const { priv, pub, content, label, signature: expected } = vector.sign_with_label
      expect(hex(await signWithLabel(bytes(priv), label, bytes(content), signature))).toBe(expected)
      const verify = (of: string) => verifyWithLabel(bytes(pub), label, bytes(of), bytes(expected), signature)
      expect(await verify(content)).toBe(true)
      expect(await verify(`${content}00`)).toBe(false)
    },
    (_vector, index) => `vector ${index}, signatures`,
  )

  testVectors<CryptoBasics>(
    'crypto-basics.json',
    async vector => {
      const { hpke } = await suiteOf(vector)
      const { priv, pub, label, context, plaintext, kem_output, ciphertext } = vector.encrypt_with_label
      const key = await hpke.importPrivateKey(bytes(priv))
      const open = (enc: Uint8Array, ct: Uint8Array) =>
        decryptWithLabel(key, label, bytes(context), enc, ct, hpke)
      expect(hex(await open(bytes(kem_output), bytes(ciphertext)))).toBe(plaintext)
      const publicKey = await hpke.importPublicKey(bytes(pub))
      const sealed = await encryptWithLabel(publicKey, label, bytes(context), bytes(plaintext), hpke)
      expect(hex(await open(sealed.enc, sealed.ct))).toBe(plaintext)
    },
    (_vector, index) => `vector ${index}, encryption`,
  )
})

interface KeyScheduleVector {
  cipher_suite: number
  initial_init_secret: string
  epochs: (Hex<
    | 'group_context'
    | 'commit_secret'
    | 'psk_secret'
    | 'joiner_secret'
    | 'welcome_secret'
    | 'init_secret'
    | 'sender_data_secret'
    | 'encryption_secret'
    | 'exporter_secret'
    | 'epoch_authenticator'
    | 'external_secret'
    | 'confirmation_key'
    | 'membership_key'
    | 'resumption_psk'
    | 'external_pub'
  > & { exporter: Hex<'label' | 'context' | 'secret'> & { length: number } })[]
}

describe('the key schedule', () => {
  testVectors<KeyScheduleVector>('key-schedule.json', async vector => {
    const suite = await suiteOf(vector)
    let initSecret = bytes(vector.initial_init_secret)
    for (const epoch of vector.epochs) {
      const context = decodeGroupContext(bytes(epoch.group_context), 0)![0]
      const commitSecret = bytes(epoch.commit_secret)
      const made = await initializeEpoch(
        initSecret,
        commitSecret,
        context,
        bytes(epoch.psk_secret),
        suite.kdf,
      )
      const { keySchedule } = made
      expect(hex(made.joinerSecret)).toBe(epoch.joiner_secret)
      expect(hex(made.welcomeSecret)).toBe(epoch.welcome_secret)
      expect(hex(made.encryptionSecret)).toBe(epoch.encryption_secret)
      expect(hex(keySchedule.initSecret)).toBe(epoch.init_secret)
      expect(hex(keySchedule.senderDataSecret)).toBe(epoch.sender_data_secret)
      expect(hex(keySchedule.confirmationKey)).toBe(epoch.confirmation_key)
      expect(hex(keySchedule.membershipKey)).toBe(epoch.membership_key)
      expect(hex(keySchedule.resumptionPsk)).toBe(epoch.resumption_psk)
      expect(hex(keySchedule.epochAuthenticator)).toBe(epoch.epoch_authenticator)
      const external = await suite.hpke.deriveKeyPair(keySchedule.externalSecret)
      expect(hex(await suite.hpke.exportPublicKey(external.publicKey))).toBe(epoch.external_pub)
      const { label, context: about, length, secret } = epoch.exporter
      const exported = mlsExporter(keySchedule.exporterSecret, label, bytes(about), length, suite)
      expect(hex(await exported)).toBe(secret)
      initSecret = Uint8Array.from(keySchedule.initSecret)
    }
  })
})

interface SecretTreeVector {
  cipher_suite: number
  encryption_secret: string
  sender_data: Hex<'sender_data_secret' | 'ciphertext' | 'key' | 'nonce'>
  leaves: (Hex<'application_key' | 'application_nonce' | 'handshake_key' | 'handshake_nonce'> & {
    generation: number
  })[][]
}

describe('the secret tree', () => {
  const retention = {
    retainKeysForGenerations: 0,
    retainKeysForEpochs: 0,
    maximumForwardRatchetSteps: 1_000,
  }
  testVectors<SecretTreeVector>('secret-tree.json', async vector => {
    const suite = await suiteOf(vector)
    const { sender_data_secret, ciphertext, key, nonce } = vector.sender_data
    const senderData = [suite, bytes(sender_data_secret), bytes(ciphertext)] as const
    expect(hex(await expandSenderDataKey(...senderData))).toBe(key)
    expect(hex(await expandSenderDataNonce(...senderData))).toBe(nonce)
    const tree = await createSecretTree(vector.leaves.length, bytes(vector.encryption_secret), suite.kdf)
    const reuseGuard = new Uint8Array(4) as ReuseGuard
    for (const [leafIndex, generations] of vector.leaves.entries()) {
      for (const expected of generations) {
        const sender = { leafIndex, generation: expected.generation, reuseGuard }
        const message = await ratchetToGeneration(tree, sender, 'application', retention, suite)
        expect([hex(message.key), hex(message.nonce)]).toEqual([
          expected.application_key,
          expected.application_nonce,
        ])
        const handshake = await ratchetToGeneration(tree, sender, 'commit', retention, suite)
        expect([hex(handshake.key), hex(handshake.nonce)]).toEqual([
          expected.handshake_key,
          expected.handshake_nonce,
        ])
      }
    }
  })
})

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
