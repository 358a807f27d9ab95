// Devices as any client in any language would make them, from the contract alone: nothing of services/endpoint.

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  DeviceCertificateSchema,
  DeviceListSchema,
  DeviceRemovalSchema,
  ProofSchema,
  SignedDeviceCertificateSchema,
  SignedDeviceListSchema,
  SignedDeviceRemovalSchema,
  type SignedProofSchema,
} from '../../gen/parley/v1/identity_pb.js'
import { KeyExchangePartsSchema } from '../../gen/parley/v1/key_exchange_pb.js'

/** The MLS cipher suite that a call names unless it says another. */
const SUITE = 83

export interface SigningKey {
  privateKey: KeyObject
  /** 32 bytes. */
  publicKey: Uint8Array
}

export interface TestDevice {
  handle: string
  account: SigningKey
  key: SigningKey
  /** The device's public key. */
  id: Uint8Array
  /** An encoded SignedDeviceCertificate. */
  certificate: Uint8Array
}

export const CERTIFICATE_LABEL = 'parley.v1.DeviceCertificate'
export const LIST_LABEL = 'parley.v1.DeviceList'
export const REMOVAL_LABEL = 'parley.v1.DeviceRemoval'
export const PROOF_LABEL = 'parley.v1.Proof'

export function makeKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    privateKey,
    publicKey: new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')),
  }
}

export function signLabelled(label: string, bytes: Uint8Array, key: SigningKey): Uint8Array {
  return new Uint8Array(sign(null, Buffer.concat([Buffer.from(`${label}\0`), bytes]), key.privateKey))
}

/** A handle that nobody else has, on a server that keeps those of earlier runs. */
function freshHandle(): string {
  return `t-${randomBytes(10).toString('hex')}`
}

export function makeDevice(of: { handle?: string; account?: SigningKey } = {}): TestDevice {
  const handle = of.handle ?? freshHandle()
  const account = of.account ?? makeKey()
  const key = makeKey()
  const certificate = makeCertificate({ account, deviceKey: key.publicKey })
  const device = { handle, account, key, id: key.publicKey, certificate }
  madeFor(account).devices.push(device)
  return device
}

/** The devices that were made for an account, in their order, and its lists. */
interface Made {
  devices: TestDevice[]
  /** Of its last list. */
  number: number
  /** The last one, an encoded DeviceList. */
  list: Uint8Array
}
const made = new WeakMap<SigningKey, Made>()

function madeFor(account: SigningKey): Made {
  const known = made.get(account) ?? { devices: [], number: 0, list: new Uint8Array() }
  made.set(account, known)
  return known
}

export interface ListOptions {
  serverId: Uint8Array
  /** All that were made for the account unless given. */
  devices?: readonly Pick<TestDevice, 'id'>[]
  /** The next one unless given. */
  number?: number
  handle?: string
  signer?: SigningKey
  label?: string
}

/** An encoded SignedDeviceList of the device's account. */
export function makeList(device: Pick<TestDevice, 'account' | 'handle'>, options: ListOptions): Uint8Array {
  const known = madeFor(device.account)
  const { devices = known.devices, handle = device.handle, signer = device.account } = options
  const number = options.number ?? known.number + 1
  const list = toBinary(
    DeviceListSchema,
    create(DeviceListSchema, {
      accountKey: device.account.publicKey,
      handle,
      serverId: options.serverId,
      number: BigInt(number),
      issuedAtMs: BigInt(Date.now()),
      devices: devices.map(({ id }) => ({ deviceKey: id, listedAtMs: 1n })),
    }),
  )
  known.number = Math.max(known.number, number)
  known.list = list
  const signature = signLabelled(options.label ?? LIST_LABEL, list, signer)
  return toBinary(SignedDeviceListSchema, create(SignedDeviceListSchema, { list, signature }))
}

interface RemovalOptions {
  /** Default: the device that removes. */
  signer?: SigningKey
  label?: string
  deviceKey?: Uint8Array
  accountKey?: Uint8Array
  removedAtMs?: bigint
}

/** An encoded SignedDeviceRemoval, of the last list of the account. */
export function makeRemoval(
  by: Pick<TestDevice, 'account' | 'id' | 'key'>,
  { id }: Pick<TestDevice, 'id'>,
  { signer = by.key, label = REMOVAL_LABEL, deviceKey = id, ...fields }: RemovalOptions = {},
): Uint8Array {
  const hash = createHash('sha256').update(`${LIST_LABEL}\0`).update(madeFor(by.account).list).digest()
  const removal = toBinary(
    DeviceRemovalSchema,
    create(DeviceRemovalSchema, {
      accountKey: by.account.publicKey,
      list: new Uint8Array(hash),
      deviceKey,
      signerKey: by.id,
      removedAtMs: BigInt(Date.now()),
      ...fields,
    }),
  )
  const signature = signLabelled(label, removal, signer)
  return toBinary(SignedDeviceRemovalSchema, create(SignedDeviceRemovalSchema, { removal, signature }))
}

interface CertificateOptions {
  account: SigningKey
  deviceKey: Uint8Array
  /** Default: the account's. */
  signer?: SigningKey
  accountKey?: Uint8Array
  /** 16 zeros unless given. */
  serverId?: Uint8Array
}

export function makeCertificate({
  account,
  deviceKey,
  signer,
  accountKey,
  serverId = new Uint8Array(16),
}: CertificateOptions): Uint8Array {
  const certificate = toBinary(
    DeviceCertificateSchema,
    create(DeviceCertificateSchema, {
      accountKey: accountKey ?? account.publicKey,
      deviceKey,
      serverId,
      issuedAtMs: BigInt(Date.now()),
    }),
  )
  const signature = signLabelled(CERTIFICATE_LABEL, certificate, signer ?? account)
  return toBinary(
    SignedDeviceCertificateSchema,
    create(SignedDeviceCertificateSchema, { certificate, signature }),
  )
}

export const METHOD_KEY_EXCHANGE = '/parley.v1.ChatService/KeyExchange'
export const METHOD_CHAT = '/parley.v1.ChatService/Chat'

export interface ProofOptions {
  device: TestDevice
  /** SHA-256 of the SubjectPublicKeyInfo of the server's certificate. */
  server: Uint8Array
  method: string
  /** The bytes that the proof covers. Default: no parts of a KeyExchange, or an Open of version 1 without a cursor. */
  request?: Uint8Array
  /** In place of the hash of `request`. */
  requestHash?: Uint8Array
  /** Milliseconds since 1970; default: now. */
  timeMs?: number
  nonce?: Uint8Array
  signer?: SigningKey
  label?: string
}

/** The bytes that the proof of an Open covers: the version (4 bytes, big-endian) and the cursor. */
export function openBytes(open: { protocolVersion?: number; cursor?: Uint8Array } = {}): Uint8Array {
  const { protocolVersion = 1, cursor = new Uint8Array() } = open
  const version = Buffer.alloc(4)
  version.writeUInt32BE(protocolVersion)
  return Buffer.concat([version, cursor])
}

export type PartsInit = Exclude<MessageInitShape<typeof KeyExchangePartsSchema>, { $typeName: string }>

/** Encoded KeyExchangeParts, which the proof of a KeyExchange covers. */
export function partsOf(parts: PartsInit): Uint8Array {
  return toBinary(KeyExchangePartsSchema, create(KeyExchangePartsSchema, { suite: SUITE, ...parts }))
}

export type ProofInit = MessageInitShape<typeof SignedProofSchema>

export function makeProof(options: ProofOptions): ProofInit {
  const { device, server, method, timeMs = Date.now(), nonce = random(16) } = options
  const { request = method === METHOD_CHAT ? openBytes() : partsOf({}) } = options
  const { requestHash = new Uint8Array(createHash('sha256').update(request).digest()) } = options
  const fields = { method, server, timeMs: BigInt(timeMs), nonce, deviceKey: device.id, requestHash }
  const proof = toBinary(ProofSchema, create(ProofSchema, fields))
  return { proof, signature: signLabelled(options.label ?? PROOF_LABEL, proof, options.signer ?? device.key) }
}

export function random(bytes: number): Uint8Array {
  return new Uint8Array(randomBytes(bytes))
}
