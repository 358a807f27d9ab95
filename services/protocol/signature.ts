// Ed25519 (RFC 8032) as proto/parley/v1/identity.proto uses it: what is signed is a label, one zero byte,
// and the bytes, so that a signature made for one purpose is worth nothing for another.

import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto'

/** Length in bytes of a public key, and of a private one (the seed of RFC 8032 section 5.1.5). */
export const KEY_BYTES = 32
/** Length in bytes of a signature. */
export const SIGNATURE_BYTES = 64
/** How many public keys stay imported. Importing one costs about as much as a third of verifying with it. */
const IMPORTED_KEYS = 256

// RFC 8410: all that stands before the 32 bytes in the DER of an Ed25519 key.
const PRIVATE_KEY_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_KEY_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** What a signature is for: the labels of the contract (proto/). */
export type Label =
  | 'parley.v1.DeviceCertificate'
  | 'parley.v1.DeviceRevocation'
  | 'parley.v1.Proof'
  | 'parley.v1.RejoinRequest'
  | 'parley.content.v1.Ephemeral'

export interface KeyPair {
  /** 32 bytes. */
  publicKey: Uint8Array
  /** 32 bytes, secret. */
  privateKey: Uint8Array
}

/** A new random key pair. */
export function generateKeyPair(): KeyPair {
  return keyPairOf(new Uint8Array(randomBytes(KEY_BYTES)))
}

/** The key pair of a private key. Throws RangeError unless it has 32 bytes. */
export function keyPairOf(privateKey: Uint8Array): KeyPair {
  const der = createPublicKey(importPrivateKey(privateKey)).export({ type: 'spki', format: 'der' })
  return { publicKey: new Uint8Array(der.subarray(PUBLIC_KEY_PREFIX.length)), privateKey }
}

/** Signs bytes for one purpose; 64 bytes. Throws RangeError unless the key has 32 bytes. */
export function sign(label: Label, privateKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(signBytes(null, labelled(label, bytes), importPrivateKey(privateKey)))
}

/** Whether the key signed these bytes for this purpose. Never throws: a malformed key signed nothing. */
export function verify(
  label: Label,
  publicKey: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  try {
    return verifyBytes(null, labelled(label, bytes), importPublicKey(publicKey), signature)
  } catch {
    return false
  }
}

function labelled(label: Label, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(label, 'ascii'), Buffer.of(0), bytes])
}

/** A private key stays imported only as long as its owner holds it. */
const importedPrivate = new WeakMap<Uint8Array, KeyObject>()

function importPrivateKey(privateKey: Uint8Array): KeyObject {
  const known = importedPrivate.get(privateKey)
  if (known) return known
  if (privateKey.length !== KEY_BYTES) throw new RangeError(`An Ed25519 private key has ${KEY_BYTES} bytes`)
  const der = Buffer.concat([PRIVATE_KEY_PREFIX, privateKey])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  importedPrivate.set(privateKey, key)
  return key
}

/** Public keys by their bytes in hex; the one used last stands last. */
const imported = new Map<string, KeyObject>()

function importPublicKey(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey).toString('hex')
  const key =
    imported.get(name) ??
    createPublicKey({ key: Buffer.concat([PUBLIC_KEY_PREFIX, publicKey]), format: 'der', type: 'spki' })
  imported.delete(name)
  imported.set(name, key)
  const [oldest] = imported.keys()
  if (imported.size > IMPORTED_KEYS && oldest !== undefined) imported.delete(oldest)
  return key
}
