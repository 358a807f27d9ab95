// The vectors of conversations, checked as somebody would who has only the files of proto/ and another library of the
// primitives: nothing here is from services/.

import { fromBinary } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import {
  type ChainEntry,
  ChainEntrySchema,
  ConversationKind,
  GroupStateSchema,
  HistoryLineSchema,
  JoinerSchema,
  LeaveStatementSchema,
  type SignedChainEntry,
  SignedChainEntrySchema,
  SignedTextStatementSchema,
  TextStatementSchema,
} from '../../gen/parley/content/v1/chain_pb.js'
import {
  DeviceCertificateSchema,
  DeviceListSchema,
  DeviceRemovalSchema,
  SignedDeviceCertificateSchema,
  SignedDeviceListSchema,
  SignedDeviceRemovalSchema,
} from '../../gen/parley/v1/identity_pb.js'
import { RejoinStatementSchema, SignedRejoinStatementSchema } from '../../gen/parley/v1/rejoin_pb.js'
import { bytes, hex, isSigned, joined, labelled, read } from './by-noble.js'

const ascending = (one: string, other: string) => (one < other ? -1 : 1)

/** The device and the account of a certificate that holds. */
function certified(encoded: Uint8Array): { device: Uint8Array; account: string } {
  const { certificate, signature } = fromBinary(SignedDeviceCertificateSchema, encoded)
  const { accountKey, deviceKey } = fromBinary(DeviceCertificateSchema, certificate)
  expect(isSigned('parley.v1.DeviceCertificate', { signed: certificate, signature, key: accountKey })).toBe(
    true,
  )
  return { device: deviceKey, account: hex(accountKey) }
}

test('the ids of conversations without a chain', () => {
  const vectors = read<{ kind: number; account_keys: string[]; conversation_id: string }[]>('conversation-id')
  for (const { kind, account_keys, conversation_id } of vectors) {
    const keys = account_keys.toSorted(ascending).map(bytes)
    const id = sha256(labelled('parley.content.v1.Conversation', Uint8Array.of(kind), ...keys))
    expect(hex(id)).toBe(conversation_id)
  }
  expect(vectors[0]?.conversation_id).toBe(vectors[1]?.conversation_id)
  expect(vectors.map(({ kind }) => kind)).toContain(ConversationKind.OWN_DEVICES)
})

interface Room {
  members: { account_key: string; added: number; is_admin: boolean }[]
  name: string
  topic: string
  history_days: number
}

interface ChainVector {
  conversation_id: string
  group_id: string
  entries: { signed_chain_entry: string; hash: string; after: Room }[]
}

const hashOf = ({ entry, signature }: SignedChainEntry) =>
  sha256(labelled('parley.content.v1.ChainEntry', entry, signature))

test('a chain, and the state behind each of its entries', () => {
  const vector = read<ChainVector>('chain')
  let room: Room | undefined
  let head = ''
  const kinds = new Set<string>()
  for (const [at, each] of vector.entries.entries()) {
    const signed = fromBinary(SignedChainEntrySchema, bytes(each.signed_chain_entry))
    const entry = fromBinary(ChainEntrySchema, signed.entry)
    const { device, account } = certified(entry.certificate)
    const { signature } = signed
    expect(isSigned('parley.content.v1.ChainEntry', { signed: signed.entry, signature, key: device })).toBe(
      true,
    )
    expect([entry.number, hex(entry.previous), hex(entry.groupId)]).toEqual([at + 1, head, vector.group_id])
    head = hex(hashOf(signed))
    expect(head).toBe(each.hash)
    if (at === 0) expect(head).toBe(vector.conversation_id)
    room = after(room, entry, { account, conversation: vector.conversation_id })
    expect(room).toEqual(each.after)
    kinds.add(entry.change.case!)
  }
  expect(kinds.size).toBe(7)
})

/** By the rules of ChainEntry, for a chain that keeps them. */
function after(
  room: Room | undefined,
  { number, change }: ChainEntry,
  by: { account: string; conversation: string },
): Room {
  const members = room?.members ?? [{ account_key: by.account, added: number, is_admin: true }]
  const set = (settings: { name: string; topic: string; historyDays: number } | undefined): Room => ({
    members,
    name: settings!.name,
    topic: settings!.topic,
    history_days: settings!.historyDays,
  })
  if (change.case === 'create') return set(change.value.settings)
  if (change.case === 'settings') return set(change.value)
  if (change.case === 'leave') {
    const { statement, signature } = change.value.statement!
    const { conversationId, added, certificate } = fromBinary(LeaveStatementSchema, statement)
    const { device, account } = certified(certificate)
    expect(isSigned('parley.content.v1.LeaveStatement', { signed: statement, signature, key: device })).toBe(
      true,
    )
    expect(hex(conversationId)).toBe(by.conversation)
    const left = members.filter(each => each.account_key !== account || each.added !== added)
    const isLed = left.some(({ is_admin }) => is_admin)
    const first = Math.min(...left.map(each => each.added))
    return {
      ...room!,
      members: left.map(each => ({ ...each, is_admin: each.is_admin || (!isLed && each.added === first) })),
    }
  }
  const key = hex(change.value!.accountKey)
  if (change.case === 'add')
    return { ...room!, members: [...members, { account_key: key, added: number, is_admin: false }] }
  if (change.case === 'remove') return { ...room!, members: members.filter(each => each.account_key !== key) }
  const is_admin = change.case === 'makeAdmin'
  return { ...room!, members: members.map(each => (each.account_key === key ? { ...each, is_admin } : each)) }
}

const counted = (of: readonly unknown[]) => {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(of.length)
  return Uint8Array.from(four)
}

test('a ledger, and the state of a group with it', () => {
  const vector = read<{ group_state: string; joiner: string; ledger: string }>('ledger')
  const joiner = fromBinary(JoinerSchema, bytes(vector.joiner))
  const state = fromBinary(GroupStateSchema, bytes(vector.group_state))
  expect(hex(state.ledger)).toBe(vector.ledger)
  expect(state.kind).toBe(ConversationKind.ROOM)
  expect(state.entries).toBe(joiner.entries.length)
  expect(hex(state.conversationId)).toBe(hex(hashOf(joiner.entries[0]!)))
  expect(hex(state.head)).toBe(hex(hashOf(joiner.entries.at(-1)!)))
  const removed = joiner.removed.map(({ epoch, deviceKey }) => {
    const eight = Buffer.alloc(8)
    eight.writeBigUInt64BE(epoch)
    return hex(joined(eight, deviceKey))
  })
  const hash = sha256(
    labelled(
      'parley.content.v1.Ledger',
      ...accountParts(joiner.lists, joiner.removals),
      counted(removed),
      ...removed.toSorted(ascending).map(bytes),
    ),
  )
  expect(hex(hash)).toBe(vector.ledger)
  expect([joiner.lists.length, joiner.removals.length, removed.length]).toEqual([4, 1, 1])
})

/** Of lists that all have the highest number of their account. */
function accountParts(lists: readonly Uint8Array[], removals: readonly Uint8Array[]): Uint8Array[] {
  const accounts = new Map<string, Map<string, string[]>>()
  for (const encoded of lists) {
    const { list } = fromBinary(SignedDeviceListSchema, encoded)
    const account = hex(fromBinary(DeviceListSchema, list).accountKey)
    const known = accounts.get(account) ?? new Map<string, string[]>()
    accounts.set(account, known.set(hex(sha256(labelled('parley.v1.DeviceList', list))), []))
  }
  for (const encoded of removals) {
    const { removal } = fromBinary(SignedDeviceRemovalSchema, encoded)
    const { accountKey, list } = fromBinary(DeviceRemovalSchema, removal)
    // One removal alone needs no order.
    accounts
      .get(hex(accountKey))!
      .get(hex(list))!
      .push(hex(sha256(encoded)))
  }
  const sorted = <T>(of: Map<string, T>) => [...of].sort(([one], [other]) => ascending(one, other))
  const parts = sorted(accounts).flatMap(([account, known]) => [
    bytes(account),
    counted([...known]),
    ...sorted(known).flatMap(([list, ends]) => [bytes(list), counted(ends), ...ends.map(bytes)]),
  ])
  return [counted([...accounts]), ...parts]
}

test('a request to rejoin', () => {
  const vector = read<Record<string, string> & { incarnation: number; last_epoch: number }>(
    'rejoin-statement',
  )
  const { statement, signature } = fromBinary(
    SignedRejoinStatementSchema,
    bytes(vector.signed_rejoin_statement!),
  )
  const request = fromBinary(RejoinStatementSchema, statement)
  const key = ed25519.getPublicKey(bytes(vector.device_seed!))
  expect(isSigned('parley.v1.RejoinStatement', { signed: statement, signature, key })).toBe(true)
  expect(hex(request.deviceKey)).toBe(hex(key))
  expect([hex(request.groupId), hex(request.nonce)]).toEqual([vector.group_id, vector.nonce])
  expect([request.incarnation, Number(request.lastEpoch)]).toEqual([vector.incarnation, vector.last_epoch])
  const blinded = sha256(labelled('parley.v1.BlindedHead', bytes(vector.nonce!), bytes(vector.head!)))
  expect(hex(request.blindedHead)).toBe(hex(blinded))
})

test('a signed text, and the line in which it is handed over', () => {
  const vector = read<Record<string, string> & Record<'count' | 'joined_epoch' | 'sent_at_ms', number>>(
    'text-statement',
  )
  const { statement, signature } = fromBinary(SignedTextStatementSchema, bytes(vector.signed_text_statement!))
  const text = fromBinary(TextStatementSchema, statement)
  const key = ed25519.getPublicKey(bytes(vector.device_seed!))
  const signed = joined(bytes(vector.account_key!), key, bytes(vector.conversation_id!), statement)
  expect(isSigned('parley.content.v1.TextStatement', { signed, signature, key })).toBe(true)
  expect({
    group_id: hex(text.groupId),
    count: Number(text.count),
    joined_epoch: Number(text.joinedEpoch),
    sent_at_ms: Number(text.sentAtMs),
    text: text.text,
  }).toEqual({
    group_id: vector.group_id,
    count: vector.count,
    joined_epoch: vector.joined_epoch,
    sent_at_ms: vector.sent_at_ms,
    text: vector.text,
  })
  const line = fromBinary(HistoryLineSchema, bytes(vector.history_line!))
  expect(line.text).toEqual(fromBinary(SignedTextStatementSchema, bytes(vector.signed_text_statement!)))
  const { device, account } = certified(line.certificate)
  expect([hex(device), account]).toEqual([hex(key), vector.account_key])
})
