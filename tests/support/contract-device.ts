// Devices as any client in any language would make them, from the contract alone: nothing of services/endpoint.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  DeviceCertificateSchema,
  ProofSchema,
  SignedDeviceCertificateSchema,
  type SignedProofSchema,
} from '../../gen/parley/v1/identity_pb.js'

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
export function freshHandle(): string {
  return `t-${randomBytes(10).toString('hex')}`
}

export function makeDevice(of: { handle?: string; account?: SigningKey } = {}): TestDevice {
  const handle = of.handle ?? freshHandle()
  const account = of.account ?? makeKey()
  const key = makeKey()
  const certificate = makeCertificate({ handle, account, deviceKey: key.publicKey })
  return { handle, account, key, id: key.publicKey, certificate }
}

export interface CertificateOptions {
  handle: string
  account: SigningKey
  deviceKey: Uint8Array
  /** Default: the account's. */
  signer?: SigningKey
  accountKey?: Uint8Array
}

export function makeCertificate({
  handle,
  account,
  deviceKey,
  signer,
  accountKey,
}: CertificateOptions): Uint8Array {
  const certificate = toBinary(
    DeviceCertificateSchema,
    create(DeviceCertificateSchema, {
      handle,
      accountKey: accountKey ?? account.publicKey,
      deviceKey,
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
  /** Milliseconds since 1970; default: now. */
  timeMs?: number
  nonce?: Uint8Array
  signer?: SigningKey
  label?: string
}

export type ProofInit = MessageInitShape<typeof SignedProofSchema>

export function makeProof(options: ProofOptions): ProofInit {
  const { device, server, method, timeMs = Date.now(), nonce = random(16) } = options
  const proof = toBinary(
    ProofSchema,
    create(ProofSchema, { method, server, timeMs: BigInt(timeMs), nonce, deviceKey: device.id }),
  )
  return { proof, signature: signLabelled(options.label ?? PROOF_LABEL, proof, options.signer ?? device.key) }
}

export function random(bytes: number): Uint8Array {
  return new Uint8Array(randomBytes(bytes))
}
