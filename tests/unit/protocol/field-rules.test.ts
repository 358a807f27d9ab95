// The field rules of all that is signed: our readers take and refuse as the rules in proto/ say.

import {
  create,
  type DescFile,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import { file_buf_validate_validate as theirRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js'
import { describe, expect, test } from '@jest/globals'
import { BundleHeadSchema } from '../../../gen/parley/v1/chat_pb.js'
import {
  DirectoryStatementSchema,
  ListedAccountSchema,
  SignedDirectoryStatementSchema,
} from '../../../gen/parley/v1/directory_pb.js'
import {
  DeviceCertificateSchema,
  DeviceListSchema,
  DeviceRemovalSchema,
  ListedDeviceSchema,
  ProofSchema,
  SignedDeviceCertificateSchema,
  SignedDeviceListSchema,
  SignedDeviceRemovalSchema,
  SignedProofSchema,
} from '../../../gen/parley/v1/identity_pb.js'
import { RejoinStatementSchema, SignedRejoinStatementSchema } from '../../../gen/parley/v1/rejoin_pb.js'
import { readRejoinStatement } from '../../../services/protocol/conversation/rejoin-statement.js'
import { IdentityError } from '../../../services/protocol/error.js'
import { readCertificate } from '../../../services/protocol/identity/certificate.js'
import { readDeviceList } from '../../../services/protocol/identity/device-list.js'
import { readDeviceRemoval } from '../../../services/protocol/identity/device-removal.js'
import { readDirectoryStatement } from '../../../services/protocol/identity/directory-statement.js'
import { readBundleHead } from '../../../services/protocol/log/bundle-head.js'
import { METHODS } from '../../../services/protocol/method.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import { ProofError, readProof } from '../../../services/protocol/proof.js'
import {
  CERTIFICATE_LABEL,
  LIST_LABEL,
  makeKey,
  PROOF_LABEL,
  REMOVAL_LABEL,
  random,
  type SigningKey,
  signLabelled,
} from '../../support/contract-device.js'
import {
  ANSWERS,
  brokenRules,
  edgesOf,
  FRAMES,
  ruledFields,
  ruledMessages,
  SIGNED,
  validateFile,
} from '../../support/field-rules.js'

const DIRECTORY_LABEL = 'parley.v1.DirectoryStatement'
const NOW = 1_800_000_000_000
const account = makeKey()
const device = makeKey()
const server = random(32)
const request = random(9)
const listed = { deviceKey: device.publicKey, listedAtMs: BigInt(NOW) }

/** A message with rules. */
interface Subject {
  schema: DescMessage
  /** All of it is right. */
  right: Record<string, unknown>
  /** Whether our reader takes the encoded message. */
  isTaken(encoded: Uint8Array): boolean
  /** In the place of generated ones, where a field has to fit to the others. */
  values?: Record<string, unknown[]>
}

const encode = (schema: DescMessage, fields: Record<string, unknown>) =>
  toBinary(schema, create(schema, fields as MessageInitShape<DescMessage>))

function holds(read: () => unknown): boolean {
  try {
    return read() !== undefined
  } catch (error) {
    if (error instanceof IdentityError || error instanceof ProofError) return false
    throw error
  }
}

const certificate = encode(DeviceCertificateSchema, {
  ...{ handle: 'ada', accountKey: account.publicKey, deviceKey: device.publicKey, serverId: random(16) },
  issuedAtMs: BigInt(NOW),
})
const listFields = {
  ...{ accountKey: account.publicKey, handle: 'ada', serverId: random(16), number: 7n, previous: random(32) },
  ...{ issuedAtMs: BigInt(NOW), devices: [listed] },
}
const removal = encode(DeviceRemovalSchema, {
  ...{ accountKey: account.publicKey, list: random(32), deviceKey: makeKey().publicKey },
  ...{ signerKey: device.publicKey, removedAtMs: BigInt(NOW) },
})
const requestHash = crypto.sha256(request)
const proof = encode(ProofSchema, {
  ...{ method: METHODS.chat, server, timeMs: BigInt(NOW), nonce: random(16) },
  ...{ deviceKey: device.publicKey, requestHash },
})
const statement = encode(RejoinStatementSchema, {
  ...{ groupId: random(16), incarnation: 1, blindedHead: random(32), nonce: random(16) },
  ...{ lastEpoch: 3n, deviceKey: device.publicKey },
})
const head = encode(BundleHeadSchema, {
  ...{ conversationId: random(16), epoch: 1n, commitHash: random(32), welcomeHashes: [random(32)] },
  ...{ rosterChangeHash: random(32), succeeds: random(16), succeedsAfter: random(16) },
  ...{ epochTag: random(32), deviceId: device.publicKey },
})

const listedAccount = { accountKey: account.publicKey, listNumber: 7n, listHash: random(32) }
const said = (listed: Record<string, unknown>) =>
  encode(DirectoryStatementSchema, {
    ...{ serverId: random(16), handle: 'ada', timeMs: BigInt(NOW) },
    answer: { case: 'listed', value: listed },
  })

/** The fields of an encoded message. */
function fieldsOf(schema: DescMessage, bytes: Uint8Array): Record<string, unknown> {
  const { $typeName, ...fields } = fromBinary(schema, bytes)
  return fields
}
const signedBy = (key: SigningKey, label: string) => (bytes: Uint8Array) => signLabelled(label, bytes, key)
const [byAccount, byDevice] = [
  (label: string) => signedBy(account, label),
  (label: string) => signedBy(device, label),
]

const takesCertificate = (bytes: Uint8Array) => holds(() => readCertificate(crypto, bytes))
const takesList = (bytes: Uint8Array) => holds(() => readDeviceList(crypto, bytes))
const takesRemoval = (bytes: Uint8Array) => holds(() => readDeviceRemoval(crypto, bytes))
const takesSaid = (bytes: Uint8Array) =>
  holds(() =>
    readDirectoryStatement(crypto, fromBinary(SignedDirectoryStatementSchema, bytes), device.publicKey),
  )
const takesRejoin = (bytes: Uint8Array) => readRejoinStatement(crypto, bytes) !== undefined
function takesProof(bytes: Uint8Array): boolean {
  const signed = fromBinary(SignedProofSchema, bytes)
  const named = fromBinary(ProofSchema, signed.proof).method
  const method = Object.values(METHODS).find(each => each === named) ?? METHODS.chat
  return holds(() => readProof(crypto, signed, { method, server, request, now: NOW, window: 0 }))
}
const listOf = (devices: readonly unknown[]) => encode(DeviceListSchema, { ...listFields, devices })
const manyDevices = (count: number) =>
  Array.from({ length: count }, () => ({ ...listed, deviceKey: makeKey().publicKey }))

/** A message that is signed, and the message that it travels in. */
interface Signing {
  inner: DescMessage
  outer: DescMessage
  /** Of `inner`, encoded. */
  bytes: Uint8Array
  /** The field of `outer` that it is in. */
  field: string
  sign(bytes: Uint8Array): Uint8Array
  isTaken(encoded: Uint8Array): boolean
  values?: Record<string, unknown[]>
}

const SIGNINGS: Signing[] = [
  {
    ...{ inner: DeviceCertificateSchema, outer: SignedDeviceCertificateSchema, bytes: certificate },
    ...{ field: 'certificate', sign: byAccount(CERTIFICATE_LABEL), isTaken: takesCertificate },
  },
  {
    ...{ inner: DeviceListSchema, outer: SignedDeviceListSchema, bytes: listOf([listed]) },
    ...{ field: 'list', sign: byAccount(LIST_LABEL), isTaken: takesList },
    values: { devices: [0, 1, 2, 15, 16, 17].map(manyDevices) },
  },
  {
    ...{ inner: DeviceRemovalSchema, outer: SignedDeviceRemovalSchema, bytes: removal },
    ...{ field: 'removal', sign: byDevice(REMOVAL_LABEL), isTaken: takesRemoval },
  },
  {
    ...{ inner: ProofSchema, outer: SignedProofSchema, bytes: proof },
    ...{ field: 'proof', sign: byDevice(PROOF_LABEL), isTaken: takesProof },
  },
  {
    ...{ inner: RejoinStatementSchema, outer: SignedRejoinStatementSchema, bytes: statement },
    ...{ field: 'statement', sign: byDevice('parley.v1.RejoinStatement'), isTaken: takesRejoin },
  },
  {
    ...{ inner: DirectoryStatementSchema, outer: SignedDirectoryStatementSchema, bytes: said(listedAccount) },
    ...{ field: 'statement', sign: byDevice(DIRECTORY_LABEL), isTaken: takesSaid },
  },
]

const subjects = new Map<string, Subject>(
  [
    ...SIGNINGS.flatMap(({ inner, outer, bytes, field, sign, isTaken, values }): Subject[] => [
      {
        schema: inner,
        right: fieldsOf(inner, bytes),
        isTaken: changed => isTaken(encode(outer, { [field]: changed, signature: sign(changed) })),
        ...(values && { values }),
      },
      { schema: outer, right: { [field]: bytes, signature: sign(bytes) }, isTaken },
    ]),
    {
      schema: ListedDeviceSchema,
      right: listed,
      isTaken: (bytes: Uint8Array) => {
        const list = listOf([fromBinary(ListedDeviceSchema, bytes)])
        return takesList(encode(SignedDeviceListSchema, { list, signature: byAccount(LIST_LABEL)(list) }))
      },
    },
    {
      schema: ListedAccountSchema,
      right: listedAccount,
      isTaken: (bytes: Uint8Array) => {
        const statement = said(fromBinary(ListedAccountSchema, bytes))
        const signature = byDevice(DIRECTORY_LABEL)(statement)
        return takesSaid(encode(SignedDirectoryStatementSchema, { statement, signature }))
      },
    },
    {
      schema: BundleHeadSchema,
      right: fieldsOf(BundleHeadSchema, head),
      isTaken: (bytes: Uint8Array) =>
        readBundleHead(crypto, { head: bytes, headSignature: byDevice('parley.v1.BundleHead')(bytes) }) !==
        undefined,
    },
  ].map(each => [each.schema.name, each]),
)

describe.each(SIGNED)('%s', name => {
  const { schema, right, isTaken, values } = subjects.get(name)!
  test.each(ruledFields(schema))('is taken with %s by its rule, and by nothing else', field => {
    const tried = new Set<boolean>()
    for (const value of values?.[field] ?? edgesOf(schema, field, right[field])) {
      const message = { ...right, [field]: value }
      const broken = brokenRules(schema, message as MessageInitShape<DescMessage>)
      const taken = isTaken(encode(schema, message))
      expect({ value, broken, taken }).toEqual({ value, broken, taken: broken.length === 0 })
      tried.add(taken)
    }
    expect(tried).toEqual(new Set([true, false]))
  })
})

test('our part of protovalidate is a part of it', () => {
  const theirs = new Map(theirRules.messages.map(message => [message.typeName, message]))
  const kinds = ({ fields }: DescMessage) =>
    fields.map(({ name, number, proto, message }) => [
      name,
      number,
      proto.type,
      proto.label,
      message?.typeName,
    ])
  for (const ours of validateFile.messages)
    expect(kinds(theirs.get(ours.typeName)!)).toEqual(expect.arrayContaining(kinds(ours)))
  const extensions = (file: DescFile) =>
    file.extensions.map(({ name, number, extendee }) => [name, number, extendee.typeName])
  expect(extensions(theirRules)).toEqual(expect.arrayContaining(extensions(validateFile)))
})

test('every message of the contract that has rules is tried', () => {
  const tried = [...SIGNED, ...FRAMES, ...ANSWERS].map(name => `parley.v1.${name}`)
  expect(tried.toSorted()).toEqual(ruledMessages().toSorted())
})
