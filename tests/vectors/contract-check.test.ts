// The vectors of the contract, checked as somebody would who has only the files of proto/ and another library of the
// primitives: nothing here is from services/.

import { fromBinary } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { gcm } from '@noble/ciphers/aes.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { EphemeralSchema, SignedEphemeralSchema } from '../../gen/parley/content/v1/content_pb.js'
import { DirectoryStatementSchema } from '../../gen/parley/v1/directory_pb.js'
import {
  DeviceListSchema,
  DeviceRemovalSchema,
  ProofSchema,
  SignedDeviceListSchema,
  SignedDeviceRemovalSchema,
} from '../../gen/parley/v1/identity_pb.js'
import { KeyExchangePartsSchema } from '../../gen/parley/v1/key_exchange_pb.js'
import { ascii, bytes, hex, isSigned, joined, read, uint } from './by-noble.js'

type Vector = Record<string, never> & Record<string, string> & Record<string, number>
const base64 = (of: Uint8Array) => Buffer.from(of).toString('base64').replace(/=+$/, '')
test('the words are the seed of the account', () => {
  const { phrase, seed, account_key } = read<Vector>('recovery-phrase')
  expect(hex(mnemonicToEntropy(phrase!, wordlist))).toBe(seed)
  expect(hex(ed25519.getPublicKey(bytes(seed!)))).toBe(account_key)
})

test('fingerprints are SHA-256 of the keys', () => {
  const { account_key, account, device_key, device } = read<Vector>('fingerprint')
  expect(account).toBe(`SHA256:${base64(sha256(bytes(account_key!)))}`)
  expect(device).toBe(`SHA256:${base64(sha256(bytes(device_key!)))}`)
})

interface ProofVector {
  device_key: string
  server: string
  time_ms: number
  nonce: string
  key_exchange: { method: string; parts: string; proof: string; signature: string }
  chat: { method: string; protocol_version: number; cursor: string; proof: string; signature: string }
}

test('a proof of each call, and of what is asked in it', () => {
  const vector = read<ProofVector>('proof')
  const { key_exchange, chat } = vector
  const calls = [
    { ...key_exchange, name: 'KeyExchange', request: bytes(key_exchange.parts) },
    { ...chat, name: 'Chat', request: joined(uint(chat.protocol_version, 4), bytes(chat.cursor)) },
  ]
  for (const { name, method, request, ...made } of calls) {
    const signed = bytes(made.proof)
    const proof = fromBinary(ProofSchema, signed)
    expect(method).toBe(`/parley.v1.ChatService/${name}`)
    expect(proof).toMatchObject({ method, timeMs: BigInt(vector.time_ms) })
    const { server, nonce, deviceKey: key } = proof
    expect([server, nonce, key].map(hex)).toEqual([vector.server, vector.nonce, vector.device_key])
    expect(hex(proof.requestHash)).toBe(hex(sha256(request)))
    expect(isSigned('parley.v1.Proof', { signed, signature: bytes(made.signature), key })).toBe(true)
  }
  const { lookupHandles } = fromBinary(KeyExchangePartsSchema, bytes(key_exchange.parts))
  expect(lookupHandles).toEqual(['ada'])
})

interface ListVector {
  account_key: string
  number: number
  previous: string
  devices: { device_key: string; listed_at_ms: number }[]
  signed_device_list: string
  hash: string
  /** By what is shown. */
  examples: Record<string, { removals: string[]; in_use: string[] }>
}

test('a device list, and the devices in use with removals of each kind', () => {
  const vector = read<ListVector>('device-list')
  const { list: encoded, signature } = fromBinary(SignedDeviceListSchema, bytes(vector.signed_device_list))
  const list = fromBinary(DeviceListSchema, encoded)
  expect(isSigned('parley.v1.DeviceList', { signed: encoded, signature, key: list.accountKey })).toBe(true)
  expect(hex(list.accountKey)).toBe(vector.account_key)
  expect(Number(list.number)).toBe(vector.number)
  expect(hex(list.previous)).toBe(vector.previous)
  expect(
    list.devices.map(({ deviceKey, listedAtMs }) => ({
      device_key: hex(deviceKey),
      listed_at_ms: Number(listedAtMs),
    })),
  ).toEqual(vector.devices)
  const hash = sha256(joined(ascii('parley.v1.DeviceList'), Uint8Array.of(0), encoded))
  expect(hex(hash)).toBe(vector.hash)
  const keys = list.devices.map(({ deviceKey }) => hex(deviceKey))
  for (const [name, example] of Object.entries(vector.examples)) {
    const removals = example.removals.map(each => removalIn(bytes(each), vector.hash, keys))
    const ended = new Set<number>()
    for (const at of keys.keys())
      if (removals.some(({ signer, removed }) => removed === at && signer < at && !ended.has(signer)))
        ended.add(at)
    for (const { signer, removed } of removals) if (signer === removed) ended.add(removed)
    expect([name, keys.filter((_, at) => !ended.has(at))]).toEqual([name, example.in_use])
  }
})

function removalIn(encoded: Uint8Array, list: string, keys: readonly string[]) {
  const { removal: signed, signature } = fromBinary(SignedDeviceRemovalSchema, encoded)
  const removal = fromBinary(DeviceRemovalSchema, signed)
  expect(isSigned('parley.v1.DeviceRemoval', { signed, signature, key: removal.signerKey })).toBe(true)
  expect(hex(removal.list)).toBe(list)
  return { signer: keys.indexOf(hex(removal.signerKey)), removed: keys.indexOf(hex(removal.deviceKey)) }
}

test('padding', () => {
  for (const { content_bytes, padded_bytes, tail } of read<
    { content_bytes: number; padded_bytes: number; tail: string }[]
  >('padding')) {
    let bucket = 256
    while (bucket < content_bytes + 1) bucket *= 2
    expect(padded_bytes).toBe(bucket)
    expect(tail).toBe('80000000'.slice(0, 2 * Math.min(4, bucket - content_bytes)))
  }
})

interface LogVector {
  epoch_authenticator: string
  epoch_begins_at: number
  envelopes: { sequence: number; ciphertext: string }[]
  hashes: string[]
}

test('a log tag', () => {
  const vector = read<LogVector>('log-tag')
  const placed = (sequence: number) => uint(sequence, 8)
  const authenticator = bytes(vector.epoch_authenticator)
  let hash = sha256(joined(ascii('parley log tag'), authenticator, placed(vector.epoch_begins_at)))
  const hashes = [hash]
  for (const { sequence, ciphertext } of vector.envelopes) {
    hash = sha256(joined(hash, placed(sequence), sha256(bytes(ciphertext))))
    hashes.push(hash)
  }
  expect(hashes.map(hex)).toEqual(vector.hashes)
})

test('an ephemeral envelope', () => {
  const vector = read<Vector>('ephemeral')
  const [conversation, sealed] = [bytes(vector.conversation_id!), bytes(vector.ciphertext!)]
  expect(hex(sealed.subarray(0, 12))).toBe(vector.nonce)
  const plaintext = gcm(bytes(vector.key!), sealed.subarray(0, 12), conversation).decrypt(sealed.subarray(12))
  const { ephemeral, deviceId, signature } = fromBinary(SignedEphemeralSchema, plaintext)
  const signed = joined(conversation, ephemeral)
  expect(isSigned('parley.content.v1.Ephemeral', { signed, signature, key: deviceId })).toBe(true)
  const content = fromBinary(EphemeralSchema, ephemeral)
  expect(Number(content.sentAtMs)).toBe(vector.sent_at_ms)
  expect(content.body).toMatchObject({ case: 'presence', value: { here: vector.here } })
})

test('a safety number, and the content of its code', () => {
  const { account_keys, number, qr_content } = read<{
    account_keys: string[]
    number: string
    qr_content: string
  }>('safety-number')
  const half = (key: Uint8Array) => {
    let digest = sha512(joined(Uint8Array.of(0, 0), key, key))
    for (let round = 1; round < 5200; round++) digest = sha512(joined(digest, key))
    return Array.from({ length: 6 }, (_, at) => {
      const group = Buffer.from(digest).readUIntBE(5 * at, 5) % 100_000
      return String(group).padStart(5, '0')
    })
  }
  const expected = account_keys.toSorted().flatMap(key => half(bytes(key)))
  expect(number).toBe(expected.join(' '))
  expect(qr_content).toBe(`parley-safety:1:${expected.join('')}`)
})

interface Said {
  handle: string
  statement: string
  signature: string
}

interface DirectoryVector extends Record<'directory_seed' | 'directory_key' | 'server_id', string> {
  time_ms: number
  account_key: string
  list_number: number
  list_hash: string
  signed_device_list: string
  listed: Said
  nobody: Said
}

test('what a directory says of a handle', () => {
  const vector = read<DirectoryVector>('directory-statement')
  const { directory_seed, directory_key, server_id, time_ms, listed, nobody } = vector
  const key = bytes(directory_key)
  expect(hex(ed25519.getPublicKey(bytes(directory_seed)))).toBe(directory_key)
  const { list } = fromBinary(SignedDeviceListSchema, bytes(vector.signed_device_list))
  const hash = sha256(joined(ascii('parley.v1.DeviceList'), Uint8Array.of(0), list))
  expect(hex(hash)).toBe(vector.list_hash)
  const answerIn = ({ handle, statement, signature }: Said) => {
    const signed = bytes(statement)
    expect(isSigned('parley.v1.DirectoryStatement', { signed, signature: bytes(signature), key })).toBe(true)
    const said = fromBinary(DirectoryStatementSchema, signed)
    expect(said).toMatchObject({ serverId: bytes(server_id), handle, timeMs: BigInt(time_ms) })
    return said.answer
  }
  expect(answerIn(listed)).toMatchObject({
    case: 'listed',
    value: {
      ...{ accountKey: bytes(vector.account_key), listHash: hash },
      listNumber: BigInt(vector.list_number),
    },
  })
  expect(answerIn(nobody).case).toBe('nobody')
})

test('an invite link', () => {
  const { host, port, server, server_id, directory_key, ...rest } = read<Vector>('invite-link')
  const { inviter_handle, inviter_account, token, link } = rest
  const url = (of: string) => Buffer.from(of, 'hex').toString('base64url')
  const known = `s=${url(server!)}&n=${url(server_id!)}&d=${url(directory_key!)}`
  const inviter = `${inviter_handle}.${url(inviter_account!)}`
  expect(link).toBe(`parley://[${host}]:${port}/?${known}&i=${inviter}&t=${token}`)
})
