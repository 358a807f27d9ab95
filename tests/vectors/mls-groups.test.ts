// Joining, following commits and checking trees, by our own join and checkTree over our own provider.

import { describe, expect } from '@jest/globals'
import { makePskIndex, processMessage } from 'ts-mls'
import { decodeRatchetTree } from 'ts-mls/ratchetTree.js'
import { decodeStrict } from '../../services/endpoint/mls/codec.js'
import { createContext } from '../../services/endpoint/mls/context.js'
import { join } from '../../services/endpoint/mls/join.js'
import type { ClientState } from '../../services/endpoint/mls/library.js'
import { checkTree } from '../../services/endpoint/mls/tree/tree-check.js'
import { bytes, hex, testVectors } from './rfc9420.js'
import { SUITES } from './suites.js'

interface PassiveClient {
  cipher_suite: number
  external_psks: { psk_id: string; psk: string }[]
  key_package: string
  signature_priv: string
  encryption_priv: string
  init_priv: string
  welcome: string
  ratchet_tree: string | null
  initial_epoch_authenticator: string
  epochs: { proposals: string[]; commit: string; epoch_authenticator: string }[]
}

interface TreeVector {
  cipher_suite: number
  tree: string
  group_id: string
  tree_hashes: string[]
}

const contextOf = (suite: number) => createContext({ validate: () => true, suite: SUITES[suite]! })

function treeOf(encoded: string) {
  const decoded = decodeRatchetTree(bytes(encoded), 0)
  if (decoded === undefined) throw new Error('no tree')
  return decoded[0]
}

/** The pre-shared keys of a vector, by name as the library looks them up. */
function psksOf(vector: PassiveClient): Record<string, Uint8Array> {
  const named = vector.external_psks.map(({ psk_id, psk }) => {
    return [Buffer.from(psk_id, 'hex').toString('base64'), bytes(psk)] as const
  })
  return Object.fromEntries(named)
}

async function joined(vector: PassiveClient, psks = psksOf(vector)): Promise<ClientState> {
  const context = await contextOf(vector.cipher_suite)
  const keyPackage = decodeStrict(bytes(vector.key_package))
  const welcome = decodeStrict(bytes(vector.welcome))
  if (keyPackage.wireformat !== 'mls_key_package' || welcome.wireformat !== 'mls_welcome')
    throw new Error('another kind of message')
  const keys = {
    initPrivateKey: bytes(vector.init_priv),
    hpkePrivateKey: bytes(vector.encryption_priv),
    signaturePrivateKey: bytes(vector.signature_priv),
  }
  const known = {
    ...(vector.ratchet_tree !== null && { tree: treeOf(vector.ratchet_tree) }),
    ...(Object.keys(psks).length > 0 && { psks: makePskIndex(undefined, psks) }),
  }
  return (await join(context, welcome.welcome, keyPackage.keyPackage, keys, known)).state
}

describe('a passive client joins', () => {
  testVectors<PassiveClient>('passive-client-welcome.json', async vector => {
    const state = await joined(vector)
    expect(hex(state.keySchedule.epochAuthenticator)).toBe(vector.initial_epoch_authenticator)
    // The engine knows no pre-shared keys, and refuses whom it would need one for.
    if (vector.external_psks.length > 0)
      await expect(joined(vector, {})).rejects.toMatchObject({ why: 'unsupported' })
  })
})

describe('a passive client follows', () => {
  // By the library's own processMessage, because the vectors have public messages, standalone
  // proposals and pre-shared keys, all of which the engine refuses.
  testVectors<PassiveClient>('passive-client-handling-commit.json', async vector => {
    let state = await joined(vector)
    expect(hex(state.keySchedule.epochAuthenticator)).toBe(vector.initial_epoch_authenticator)
    const { suite } = await contextOf(vector.cipher_suite)
    for (const epoch of vector.epochs) {
      for (const encoded of [...epoch.proposals, epoch.commit]) {
        const message = decodeStrict(bytes(encoded))
        if (message.wireformat !== 'mls_public_message' && message.wireformat !== 'mls_private_message')
          throw new Error('another kind of message')
        const index = makePskIndex(state, psksOf(vector))
        state = (await processMessage(message, state, index, () => 'accept', suite)).newState
      }
      expect(hex(state.keySchedule.epochAuthenticator)).toBe(epoch.epoch_authenticator)
    }
  })
})

describe('a valid tree', () => {
  testVectors<TreeVector>('tree-validation.json', async vector => {
    const context = await contextOf(vector.cipher_suite)
    const tree = treeOf(vector.tree)
    const root = vector.tree_hashes[(tree.length - 1) / 2]!
    const group = { groupId: bytes(vector.group_id), treeHash: bytes(root), extensions: [] }
    await checkTree(context, tree, group)
    const otherHash = bytes(root).reverse()
    await expect(checkTree(context, tree, { ...group, treeHash: otherHash })).rejects.toMatchObject({
      why: 'not-authentic',
    })
  })
})
