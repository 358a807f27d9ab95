// Ed25519 (RFC 8032) as proto/parley/v1/identity.proto uses it: what is signed is a label, one zero byte,
// and the bytes, so that a signature made for one purpose is worth nothing for another.

import { concatBytes, copyBytes, equalBytes, fromHex, utf8 } from './bytes.js'
import type { CryptoProvider } from './crypto.js'
import { KEY_BYTES, SIGNATURE_BYTES } from './sizes.js'

/** The purposes of signatures: the labels of the contract (proto/). */
export type Label =
  | 'parley.v1.DeviceCertificate'
  | 'parley.v1.DeviceList'
  | 'parley.v1.DeviceRemoval'
  | 'parley.v1.DirectoryStatement'
  | 'parley.v1.Proof'
  | 'parley.v1.RejoinRequest'
  | 'parley.v1.RosterLeave'
  | 'parley.v1.BundleHead'
  | 'parley.v1.RejoinStatement'
  | 'parley.content.v1.ChainEntry'
  | 'parley.content.v1.LeaveStatement'
  | 'parley.content.v1.TextStatement'
  | 'parley.content.v1.Ephemeral'

export interface KeyPair<Public extends Uint8Array = Uint8Array> {
  /** 32 bytes. */
  publicKey: Public
  /** 32 bytes (the seed of RFC 8032 section 5.1.5), secret. */
  privateKey: Uint8Array
}

/** A new random key pair. */
export function generateKeyPair(crypto: CryptoProvider): KeyPair {
  return keyPairOf(crypto, crypto.randomBytes(KEY_BYTES))
}

/** The key pair of a private key, which it holds and does not copy. Throws RangeError unless it has 32 bytes. */
export function keyPairOf(crypto: CryptoProvider, privateKey: Uint8Array): KeyPair {
  checkPrivateKey(privateKey)
  return { publicKey: crypto.ed25519PublicKey(privateKey), privateKey }
}

/** Signs bytes for one purpose; 64 bytes. Throws RangeError unless the key has 32 bytes. */
export function sign(
  crypto: CryptoProvider,
  { label, bytes, privateKey }: { label: Label; bytes: Uint8Array; privateKey: Uint8Array },
): Uint8Array {
  checkPrivateKey(privateKey)
  return crypto.ed25519Sign(privateKey, labelled(label, bytes))
}

interface SignedBytes {
  label: Label
  bytes: Uint8Array
  signature: Uint8Array
  publicKey: Uint8Array
}

/** Whether the key signed these bytes for this purpose. Never throws: a malformed key signed nothing. */
export function verify(crypto: CryptoProvider, { label, bytes, signature, publicKey }: SignedBytes): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  return isSoundKey(publicKey) && crypto.ed25519Verify(publicKey, labelled(label, bytes), signature)
}

function checkPrivateKey({ length }: Uint8Array): void {
  if (length !== KEY_BYTES) throw new RangeError(`An Ed25519 private key has ${KEY_BYTES} bytes`)
}

/** The labels, each with its zero byte. */
const prefixes = new Map<Label, Uint8Array>()

function labelled(label: Label, bytes: Uint8Array): Uint8Array {
  const prefix = prefixes.get(label) ?? utf8(`${label}\0`)
  prefixes.set(label, prefix)
  return concatBytes(prefix, bytes)
}

/**
 * The y of the points whose order is 1, 2, 4 or 8, little-endian: with such a key one signature holds for many
 * texts, so it would bind nobody to anything. Honest keys are multiples of the base point and never among them. It is
 * asked here because OpenSSL 3.5 (Node 24) refuses them and OpenSSL 3.0 (Node 20) takes them.
 */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hex => fromHex(hex)!)
/** The first byte of the prime 2^255 - 19, little-endian; all others but the last are 0xff, and that is 0x7f. */
const PRIME_FIRST_BYTE = 0xed
/** The bit of the last byte that is the sign of x and no part of y (RFC 8032 section 5.1.2). */
const SIGN_BIT = 0x80

/**
 * Whether a public key has 32 bytes, is written as RFC 8032 section 5.1.2 writes it (y below the prime), and is of no
 * small order. Whether it is a point of the curve shows when something is verified.
 */
export function isSoundKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES) return false
  const y = copyBytes(publicKey)
  y[KEY_BYTES - 1]! &= ~SIGN_BIT
  const isBelowPrime =
    y[0]! < PRIME_FIRST_BYTE || y[KEY_BYTES - 1] !== 0x7f || y.subarray(1, -1).some(byte => byte !== 0xff)
  return isBelowPrime && !SMALL_ORDER.some(each => equalBytes(each, y))
}
