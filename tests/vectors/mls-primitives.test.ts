// Our provider under the library's own use of it: primitives, key schedule and secret tree.

import { describe, expect } from '@jest/globals'
import { refhash } from 'ts-mls/crypto/hash.js'
import { decryptWithLabel, encryptWithLabel } from 'ts-mls/crypto/hpke.js'
import { deriveSecret, deriveTreeSecret, expandWithLabel } from 'ts-mls/crypto/kdf.js'
import { signWithLabel, verifyWithLabel } from 'ts-mls/crypto/signature.js'
import { decodeGroupContext } from 'ts-mls/groupContext.js'
import { initializeEpoch } from 'ts-mls/keySchedule.js'
import { createSecretTree, ratchetToGeneration } from 'ts-mls/secretTree.js'
import { expandSenderDataKey, expandSenderDataNonce, type ReuseGuard } from 'ts-mls/sender.js'
import { mlsExporter } from '../../services/endpoint/mls/library.js'
import { bytes, hex, testVectors } from './rfc9420.js'
import { type Hex, suiteOf } from './suites.js'

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
