// Shows one server that one call comes from the holder of a device's key (Proof in proto/parley/v1/identity.proto).

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Open } from '../../gen/parley/v1/chat_pb.js'
import {
  type Proof,
  ProofSchema,
  type SignedProof,
  SignedProofSchema,
} from '../../gen/parley/v1/identity_pb.js'
import { concatBytes, equalBytes } from './bytes.js'
import type { CryptoProvider } from './crypto.js'
import { type DeviceKey, type DeviceKeys, deviceKey as toDeviceKey } from './keys.js'
import type { ProvenMethod } from './method.js'
import { sign, verify } from './signature.js'
import { FINGERPRINT_BYTES, NONCE_BYTES } from './sizes.js'

const LABEL = 'parley.v1.Proof'
/** Bytes of the protocol's version before the cursor, where both are hashed. */
const VERSION_BYTES = 4

/** The bytes of an Open that its proof covers. */
export function openRequest({
  protocolVersion,
  cursor,
}: Pick<Open, 'protocolVersion' | 'cursor'>): Uint8Array {
  const version = new Uint8Array(VERSION_BYTES)
  new DataView(version.buffer).setUint32(0, protocolVersion)
  return concatBytes(version, cursor)
}

interface ProofOptions {
  method: ProvenMethod
  /** The bytes that are asked with it: KeyExchangeRequest.parts, or those of an Open (openRequest). */
  request: Uint8Array
  /** SHA-256 (32 bytes) of the SubjectPublicKeyInfo of the certificate that the server showed. */
  server: Uint8Array
  device: DeviceKeys
  /** ms since 1970-01-01 UTC; now unless given. */
  time?: number
  /** 16 bytes; random unless given. */
  nonce?: Uint8Array
}

/** A proof for one call. Throws RangeError for a server's name or a nonce of another length. */
export function makeProof(crypto: CryptoProvider, options: ProofOptions): SignedProof {
  const { method, request, server, device } = options
  const { time = Date.now(), nonce = crypto.randomBytes(NONCE_BYTES) } = options
  if (server.length !== FINGERPRINT_BYTES) throw new RangeError("A server's name is a SHA-256")
  if (nonce.length !== NONCE_BYTES) throw new RangeError(`A nonce has ${NONCE_BYTES} bytes`)
  const proof = toBinary(
    ProofSchema,
    create(ProofSchema, {
      method,
      server,
      timeMs: BigInt(Math.trunc(time)),
      nonce,
      deviceKey: device.publicKey,
      requestHash: crypto.sha256(request),
    }),
  )
  const signature = sign(crypto, { label: LABEL, bytes: proof, privateKey: device.privateKey })
  return create(SignedProofSchema, { proof, signature })
}

/** Why a proof does not hold. Each fault has its own, and the first in this order is told. */
export type ProofReason =
  /** The bytes are no proof. */
  | 'malformed'
  /** The device's key did not sign it. */
  | 'signature'
  /** It names another server. */
  | 'other-server'
  /** It names another call. */
  | 'other-method'
  /** It was made for other bytes than came with it. */
  | 'other-request'
  /** Its time is too far from the server's. */
  | 'clock'
  /** Its nonce has not 16 bytes. */
  | 'nonce'

/** The fault of the caller. */
export class ProofError extends Error {
  override readonly name = 'ProofError'
  readonly reason: ProofReason

  constructor(reason: ProofReason, options?: ErrorOptions) {
    super(`proof: ${reason}`, options)
    this.reason = reason
  }
}

/** The values that a server holds a proof against. */
export interface ProofExpectation {
  method: ProvenMethod
  /** The bytes that came with the proof, as they came: see makeProof. */
  request: Uint8Array
  /** SHA-256 (32 bytes) of the SubjectPublicKeyInfo of the certificate that the server shows. */
  server: Uint8Array
  /** The server's clock: ms since 1970-01-01 UTC. */
  now: number
  /** ms that the proof's time may be from it, to either side. */
  window: number
}

/** The claims of a proof that holds. */
export interface ProvenCall {
  /** Of the device that calls. */
  deviceKey: DeviceKey
  /** 16 bytes. The server takes it from this device once only, for as long as the time is in the window. */
  nonce: Uint8Array
  /** ms since 1970-01-01 UTC, by the device's clock. */
  time: number
}

/**
 * Reads a proof and checks all that can be seen from it alone: whether the device is registered, and whether the nonce
 * was used, the server has to know. Throws nothing but ProofError.
 */
export function readProof(
  crypto: CryptoProvider,
  signed: Pick<SignedProof, 'proof' | 'signature'>,
  { method, request, server, now, window }: ProofExpectation,
): ProvenCall {
  const { proof: bytes, signature } = signed
  const proof = decode(bytes)
  const { deviceKey, nonce } = proof
  const time = Number(proof.timeMs)
  if (!verify(crypto, { label: LABEL, bytes, signature, publicKey: deviceKey })) {
    throw new ProofError('signature')
  }
  if (!equalBytes(proof.server, server)) throw new ProofError('other-server')
  if (proof.method !== method) throw new ProofError('other-method')
  if (!equalBytes(proof.requestHash, crypto.sha256(request))) throw new ProofError('other-request')
  if (Math.abs(time - now) > window) throw new ProofError('clock')
  if (nonce.length !== NONCE_BYTES) throw new ProofError('nonce')
  return { deviceKey: toDeviceKey(deviceKey), nonce, time }
}

function decode(bytes: Uint8Array): Proof {
  try {
    return fromBinary(ProofSchema, bytes)
  } catch (cause) {
    throw new ProofError('malformed', { cause })
  }
}
