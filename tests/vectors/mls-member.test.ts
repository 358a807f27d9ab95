// The member that was written from the RFC alone (tests/support/mls), held against the official vectors: only so does
// it mean anything that it understands our commits (tests/unit/endpoint/mls/second-implementation.test.ts).

import { describe, expect } from '@jest/globals'
import { Member } from '../support/mls/member.js'
import { bytes, hex, testVectors } from './rfc9420.js'

interface PassiveClient {
  external_psks: { psk_id: string; psk: string }[]
  key_package: string
  encryption_priv: string
  init_priv: string
  welcome: string
  ratchet_tree: string | null
  initial_epoch_authenticator: string
  epochs: { proposals: string[]; commit: string; epoch_authenticator: string }[]
}

function joined(vector: PassiveClient): Member {
  const psks = Object.fromEntries(vector.external_psks.map(({ psk_id, psk }) => [psk_id, bytes(psk)]))
  const own = {
    keyPackage: bytes(vector.key_package),
    init: bytes(vector.init_priv),
    encryption: bytes(vector.encryption_priv),
  }
  const tree = vector.ratchet_tree === null ? {} : { tree: bytes(vector.ratchet_tree) }
  return new Member(bytes(vector.welcome), own, { psks, ...tree })
}

describe('joins', () => {
  testVectors<PassiveClient>('passive-client-welcome.json', async vector => {
    expect(hex(joined(vector).epoch.authenticator)).toBe(vector.initial_epoch_authenticator)
  })
})

describe('follows', () => {
  testVectors<PassiveClient>('passive-client-handling-commit.json', async vector => {
    const member = joined(vector)
    for (const epoch of vector.epochs) {
      for (const message of [...epoch.proposals, epoch.commit]) member.open(bytes(message))
      expect(hex(member.epoch.authenticator)).toBe(epoch.epoch_authenticator)
    }
  })
})
