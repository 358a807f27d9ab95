import { concat, type Hkdf } from './kdf.js'

const VERSION = Buffer.from('HPKE-v1')

/** HKDF with HPKE's labels (RFC 9180 section 4): every use has a name, so no two outputs coincide. */
interface LabeledKdf {
  size: number
  extract(salt: Uint8Array, label: string, secret: Uint8Array): Uint8Array
  expand(key: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array
}

/** @param suiteId says which KEM, or which KEM, KDF and AEAD, the labels are for. */
export function labeled(kdf: Hkdf, suiteId: Uint8Array): LabeledKdf {
  return {
    size: kdf.size,
    extract: (salt, label, secret) => kdf.extract(salt, concat(VERSION, suiteId, Buffer.from(label), secret)),
    expand: (key, label, info, length) =>
      kdf.expand(key, concat(twoBytes(length), VERSION, suiteId, Buffer.from(label), info), length),
  }
}

/** Big-endian, as RFC 9180's I2OSP(n, 2). */
export function twoBytes(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}
