// The field rules of what a client sends: the server takes and refuses as the rules in proto/ say. A library checks those
// here; the server has code of its own, which costs it less.

import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect } from '@jest/globals'
import {
  AckSchema,
  ApplicationEnvelopeSchema,
  ChatRequestSchema,
  ChatService,
  CommitBundleSchema,
  OpenSchema,
  OutgoingEnvelopeSchema,
  RosterChangeSchema,
  RosterLeaveSchema,
  SendSchema,
  WelcomeSchema,
} from '../../gen/parley/v1/chat_pb.js'
import {
  SignedDeviceCertificateSchema,
  SignedDeviceListSchema,
  SignedDeviceRemovalSchema,
} from '../../gen/parley/v1/identity_pb.js'
import { KeyExchangePartsSchema, KeyExchangeRequestSchema } from '../../gen/parley/v1/key_exchange_pb.js'
import { connectTo, proofFor, type TestClient } from '../support/contract-client.js'
import {
  CERTIFICATE_LABEL,
  LIST_LABEL,
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeCertificate,
  makeDevice,
  makeRemoval,
  openBytes,
  type PartsInit,
  partsOf,
  REMOVAL_LABEL,
  random,
  type TestDevice,
} from '../support/contract-device.js'
import { application, createConversation, ephemeral } from '../support/contract-envelopes.js'
import { signedCommit } from '../support/contract-head.js'
import { type ContractServer, onOwnServer, ownServer } from '../support/contract-server.js'
import type { Outgoing, RequestInit } from '../support/contract-stream.js'
import { brokenRules, FRAMES, ruledFields } from '../support/field-rules.js'
import { paddedTo } from '../support/padded-statement.js'
import {
  type Fields,
  goesOn,
  isAnswered,
  isStored,
  type Place,
  type Subject,
  tries,
} from '../support/tried-frames.js'

let server: ContractServer
let client: TestClient
/** She sends; bert and carl are in each conversation, dora is in none. */
let anna: TestDevice
let bert: TestDevice
let carl: TestDevice
let dora: TestDevice

beforeAll(async () => {
  server = await ownServer()
  client = connectTo(server)
  anna = await client.register()
  bert = await client.register()
  carl = await client.register()
  dora = await client.register()
})
afterAll(async () => {
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

/** Sends an envelope of this kind, with the fields in it. */
const sent =
  (kind: string, wrap: (fields: Fields) => Fields = fields => fields) =>
  (fields: Fields, place: Place): Promise<boolean> => {
    const envelope = { case: kind, value: wrap(fields) } as NonNullable<Outgoing['envelope']>
    return isStored(place, signed({ conversationId: place.id, envelope }))
  }

const signed = (outgoing: Outgoing): Outgoing =>
  outgoing.envelope?.case === 'commit' ? signedCommit(anna, outgoing) : outgoing

/** A commit with this in it, in the epoch that a conversation begins in. */
const commitOf = (bundle: Fields): Fields => ({ epoch: 1n, commit: random(64), ...bundle })

const statementOf = (device: TestDevice) => ({
  nonce: random(16),
  signature: random(64),
  deviceId: device.id,
})

const SUBJECTS: Subject[] = [
  {
    schema: ApplicationEnvelopeSchema,
    right: () => ({ epoch: 1n, ciphertext: random(32) }),
    isTaken: sent('application'),
  },
  {
    schema: RosterLeaveSchema,
    right: () => ({ ...statementOf(anna), epoch: 1n }),
    isTaken: sent('leave'),
  },
  {
    schema: CommitBundleSchema,
    right: () => ({ epoch: 1n, commit: random(64) }),
    values: {
      head: () => [undefined, new Uint8Array()],
      headSignature: () => [undefined, ...[0, 63, 65].map(random)],
    },
    complete: (fields, { id }) => ({ ...signedBundle(fields, id), ...defined(fields) }),
    isTaken: (value, place) =>
      isStored(place, { conversationId: place.id, envelope: { case: 'commit', value } }),
  },
  {
    schema: WelcomeSchema,
    right: () => ({ deviceIds: [dora.id], welcome: random(64) }),
    isTaken: sent('commit', welcome =>
      commitOf({ welcomes: [welcome], rosterChange: { addedDeviceIds: [dora.id] } }),
    ),
  },
  {
    schema: RosterChangeSchema,
    right: () => ({ addedDeviceIds: [dora.id], removedDeviceIds: [carl.id] }),
    isTaken: sent('commit', rosterChange => {
      const deviceIds = rosterChange.addedDeviceIds
      return commitOf({ rosterChange, welcomes: [{ deviceIds, welcome: random(64) }] })
    }),
  },
  {
    schema: OutgoingEnvelopeSchema,
    right: ({ stream, id }) => ({ clientSequence: stream.next, ...application(id) }),
    values: {
      '': ({ conversationId }) => {
        const { envelope } = ephemeral(conversationId as Uint8Array)
        return [{}, { clientSequence: 0n }, { envelope }, { envelope, clientSequence: 0n }]
      },
    },
    isTaken: (fields, place) => {
      const outgoing = fields as Outgoing
      const request = { frame: { case: 'send' as const, value: { envelopes: [outgoing] } } }
      return outgoing.envelope?.case === 'ephemeral'
        ? goesOn(place.stream, request)
        : isStored(place, outgoing)
    },
  },
  {
    schema: SendSchema,
    right: ({ stream, id }) => ({ envelopes: [{ clientSequence: stream.next, ...application(id) }] }),
    isTaken: (value, { stream }) => goesOn(stream, { frame: { case: 'send', value } }),
  },
  {
    schema: ChatRequestSchema,
    right: () => ({ frame: { case: 'pong', value: { nonce: 1n } } }),
    isTaken: (fields, { stream }) => goesOn(stream, fields as RequestInit),
  },
  {
    schema: AckSchema,
    right: ({ stream }) => ({ cursor: stream.cursor() }),
    values: { cursor: ({ cursor }) => [cursor, new Uint8Array()] },
    isTaken: (value, { stream }) => goesOn(stream, { frame: { case: 'ack', value } }),
  },
  {
    schema: OpenSchema,
    right: () => ({ protocolVersion: 1, proof: proofFor(server, anna, METHOD_CHAT) }),
    complete: fields => (fields.proof ? { ...fields, proof: proofOfOpen(fields) } : fields),
    isTaken: value => goesOn(client.raw(), { frame: { case: 'open', value } }),
  },
  {
    schema: KeyExchangeRequestSchema,
    right: () => ({ proof: proofFor(server, anna, METHOD_KEY_EXCHANGE), parts: partsOf({}) }),
    isTaken: request => isAnswered(client.channel.unary(ChatService.method.keyExchange, request)),
  },
  {
    schema: KeyExchangePartsSchema,
    right: () => ({ keyPackages: [random(64)], suite: 83 }),
    values: {
      deviceList: () => [...sizesAround(4096).map(paddedList), new Uint8Array()],
      deviceRemovals: () => [...sizesAround(1024).map(paddedRemoval), new Uint8Array()].map(each => [each]),
      deviceCertificate: () => sizesAround(1024).map(paddedCertificate),
    },
    isTaken: fields => isAnswered(exchange(fields)),
  },
]

const sizesAround = (limit: number) => [limit - 1, limit, limit + 1]

const defined = (fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

function signedBundle(fields: Fields, id: Uint8Array): Fields {
  const { head: _, headSignature: __, ...bundle } = fields
  const { envelope } = signedCommit(anna, { conversationId: id, envelope: { case: 'commit', value: bundle } })
  return { ...envelope!.value }
}

function proofOfOpen({ protocolVersion }: Fields) {
  return proofFor(server, anna, METHOD_CHAT, openBytes({ protocolVersion: protocolVersion as number }))
}

/** A device with a certificate alone is new; any other is anna's. */
async function exchange(fields: PartsInit) {
  const caller = fields.deviceCertificate ? stranger : anna
  const parts = partsOf(fields)
  const proof = proofFor(server, caller, METHOD_KEY_EXCHANGE, parts)
  return await client.channel.unary(ChatService.method.keyExchange, { proof, parts })
}

const stranger = makeDevice()
const paddedList = (size: number) =>
  paddedTo(size, client.list(anna), {
    ...{ schema: SignedDeviceListSchema, field: 'list', label: LIST_LABEL, key: anna.account },
  })
const paddedRemoval = (size: number) =>
  paddedTo(size, makeRemoval(anna, makeDevice()), {
    ...{ schema: SignedDeviceRemovalSchema, field: 'removal', label: REMOVAL_LABEL, key: anna.key },
  })
function paddedCertificate(size: number): Uint8Array {
  const { account, id: deviceKey } = stranger
  const certificate = makeCertificate({ account, deviceKey, serverId: server.serverId })
  return paddedTo(size, certificate, {
    ...{
      schema: SignedDeviceCertificateSchema,
      field: 'certificate',
      label: CERTIFICATE_LABEL,
      key: account,
    },
  })
}

async function newPlace(): Promise<Place> {
  const stream = await client.open(anna)
  const place = { stream, id: await createConversation(stream, [bert, carl]) }
  await stream.until(() => stream.cursor().length > 0)
  return place
}

describe.each(FRAMES)('%s', name => {
  const subject = SUBJECTS.find(({ schema }) => schema.name === name)!
  const { schema } = subject
  onOwnServer.each(ruledFields(schema))('is taken with %p by its rule, and by nothing else', async field => {
    const outcomes = new Set<boolean>()
    for await (const { message, place } of tries(subject, field, newPlace)) {
      const broken = brokenRules(schema, message as MessageInitShape<DescMessage>)
      const taken = await subject.isTaken(message, place)
      expect({ message, broken, taken }).toEqual({ message, broken, taken: broken.length === 0 })
      outcomes.add(taken)
    }
    expect(outcomes).toEqual(new Set([true, false]))
  })
})
