// Devices and accounts sign more than lists and proofs: certificates, heads of commit bundles, leaves. These are checked
// as contract-check.test.ts checks the others.

import { fromBinary } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { BundleHeadSchema, RosterLeaveSchema } from '../../gen/parley/v1/chat_pb.js'
import { DeviceCertificateSchema, SignedDeviceCertificateSchema } from '../../gen/parley/v1/identity_pb.js'
import { bytes, hex, isSigned, joined, labelled, read, uint } from './by-noble.js'

test('a certificate', () => {
  const { account_seed, issued_at_ms, signed_device_certificate, ...named } = read<
    Record<'account_seed' | 'account_key' | 'device_key' | 'server_id', string> & {
      issued_at_ms: number
      signed_device_certificate: string
    }
  >('certificate')
  const encoded = bytes(signed_device_certificate)
  const { certificate: signed, signature } = fromBinary(SignedDeviceCertificateSchema, encoded)
  const certificate = fromBinary(DeviceCertificateSchema, signed)
  expect({
    account_key: hex(certificate.accountKey),
    device_key: hex(certificate.deviceKey),
    server_id: hex(certificate.serverId),
  }).toEqual(named)
  expect(Number(certificate.issuedAtMs)).toBe(issued_at_ms)
  const key = ed25519.getPublicKey(bytes(account_seed))
  expect(hex(key)).toBe(named.account_key)
  expect(isSigned('parley.v1.DeviceCertificate', { signed, signature, key })).toBe(true)
})

interface SignedHead {
  head: string
  head_signature: string
}

interface HeadVector extends SignedHead {
  device_seed: string
  conversation_id: string
  epoch: number
  commit: string
  welcomes: string[]
  epoch_authenticator: string
  added_device_ids: string[]
  removed_device_ids: string[]
  'without a roster change': SignedHead
  'in the place of another conversation': SignedHead & { succeeds: string; succeeds_epoch: number }
}

test('the head of a commit bundle', () => {
  const vector = read<HeadVector>('bundle-head')
  const key = ed25519.getPublicKey(bytes(vector.device_seed))
  const successor = vector['in the place of another conversation']
  const hash = (of: string) => hex(sha256(bytes(of)))
  const rosterHash = (added: string[], removed: string[]) => {
    const ids = [...added, ...removed].map(bytes)
    return hex(sha256(labelled('parley.v1.RosterChange', uint(added.length, 4), ...ids)))
  }
  const change = rosterHash(vector.added_device_ids, vector.removed_device_ids)
  const none = { succeeds: '', succeeds_epoch: 0 }
  for (const [{ head, head_signature }, rosterChange, { succeeds, succeeds_epoch }] of [
    [vector, change, none],
    [vector['without a roster change'], rosterHash([], []), none],
    [successor, change, successor],
  ] as const) {
    const read = fromBinary(BundleHeadSchema, bytes(head))
    expect({ ...read, conversationId: hex(read.conversationId) }).toMatchObject({
      conversationId: vector.conversation_id,
      ...{ epoch: BigInt(vector.epoch), succeedsEpoch: BigInt(succeeds_epoch) },
    })
    expect([read.commitHash, ...read.welcomeHashes].map(hex)).toEqual(
      [vector.commit, ...vector.welcomes].map(hash),
    )
    expect([read.rosterChangeHash, read.succeeds, read.epochTag, read.deviceId].map(hex)).toEqual([
      rosterChange,
      succeeds,
      hex(sha256(labelled('parley.v1.EpochTag', bytes(vector.epoch_authenticator)))),
      hex(key),
    ])
    const signed = { signed: bytes(head), signature: bytes(head_signature), key }
    expect(isSigned('parley.v1.BundleHead', signed)).toBe(true)
  }
})

test('a leave', () => {
  const { device_seed, conversation_id, epoch, roster_leave } = read<
    Record<'device_seed' | 'conversation_id' | 'roster_leave', string> & { epoch: number }
  >('roster-leave')
  const leave = fromBinary(RosterLeaveSchema, bytes(roster_leave))
  const key = ed25519.getPublicKey(bytes(device_seed))
  expect([hex(leave.deviceId), leave.epoch]).toEqual([hex(key), BigInt(epoch)])
  const signed = joined(bytes(conversation_id), uint(epoch, 8), leave.nonce)
  expect(isSigned('parley.v1.RosterLeave', { signed, signature: leave.signature, key })).toBe(true)
  expect(isSigned('parley.v1.RejoinRequest', { signed, signature: leave.signature, key })).toBe(false)
})
