// Raw keys (32 bytes on the curves, the seed for ML-KEM) to node's KeyObjects and back. Node reads
// the standard DER wrappings, which for these algorithms are a constant prefix before the raw key.

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { asBytes } from './kdf.js'

type RawKeyType = 'Ed25519' | 'X25519' | 'ML-KEM-768'

/** PKCS #8 (RFC 8410 section 7; RFC 9935 section 6 with the seed alone). */
const PRIVATE_PREFIX: Record<RawKeyType, Buffer> = {
  Ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  X25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
  'ML-KEM-768': Buffer.from('3054020100300b060960864801650304040204428040', 'hex'),
}
/** SubjectPublicKeyInfo (RFC 8410 section 4; RFC 9935 section 4). */
const PUBLIC_PREFIX: Record<RawKeyType, Buffer> = {
  Ed25519: Buffer.from('302a300506032b6570032100', 'hex'),
  X25519: Buffer.from('302a300506032b656e032100', 'hex'),
  'ML-KEM-768': Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex'),
}
/** Bytes. */
const PRIVATE_LENGTH: Record<RawKeyType, number> = { Ed25519: 32, X25519: 32, 'ML-KEM-768': 64 }
/** Bytes. */
const PUBLIC_LENGTH: Record<RawKeyType, number> = { Ed25519: 32, X25519: 32, 'ML-KEM-768': 1184 }

/** @throws RangeError for another length than the type's. */
export function privateKey(type: RawKeyType, raw: Uint8Array): KeyObject {
  if (raw.length !== PRIVATE_LENGTH[type]) throw new RangeError(`not a private ${type} key`)
  const key = Buffer.concat([PRIVATE_PREFIX[type], raw])
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  } finally {
    key.fill(0)
  }
}

/** @throws RangeError for another length than the type's, and node's own error for a key that is none. */
export function publicKey(type: RawKeyType, raw: Uint8Array): KeyObject {
  if (raw.length !== PUBLIC_LENGTH[type]) throw new RangeError(`not a public ${type} key`)
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX[type], raw]), format: 'der', type: 'spki' })
}

/** The raw public half of a private or a public key. */
export function rawPublicKey(type: RawKeyType, key: KeyObject): Uint8Array {
  const half = key.type === 'private' ? createPublicKey(key) : key
  return asBytes(half.export({ format: 'der', type: 'spki' })).slice(-PUBLIC_LENGTH[type])
}

/** The raw private key of a curve. */
export function rawPrivateKey(type: 'Ed25519' | 'X25519', key: KeyObject): Uint8Array {
  return asBytes(key.export({ format: 'der', type: 'pkcs8' })).slice(-PRIVATE_LENGTH[type])
}
