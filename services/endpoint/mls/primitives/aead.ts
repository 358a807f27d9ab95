import { type CipherGCMTypes, createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto'
import { asBytes, concat } from './kdf.js'

/** Bytes. */
const TAG_LENGTH = 16
/** Bytes of the nonce of each of the three. */
export const NONCE_LENGTH = 12
const OPTIONS = { authTagLength: TAG_LENGTH }

/** By the library's names: node's name, the key's length in bytes, the number in HPKE (RFC 9180 section 7.3). */
const ALGORITHMS = {
  AES128GCM: { name: 'aes-128-gcm', keyLength: 16, id: 1 },
  AES256GCM: { name: 'aes-256-gcm', keyLength: 32, id: 2 },
  CHACHA20POLY1305: { name: 'chacha20-poly1305', keyLength: 32, id: 3 },
} as const

interface Aead {
  id: number
  keyLength: number
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array | undefined, plaintext: Uint8Array): Uint8Array
  /** @throws an error where the tag does not fit. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array | undefined, ciphertext: Uint8Array): Uint8Array
}

/** Node takes raw keys as well, and several times as long over them: they are made KeyObjects. */
export function aead(algorithm: keyof typeof ALGORITHMS): Aead {
  const { id, keyLength } = ALGORITHMS[algorithm]
  // Node's types know ChaCha20-Poly1305 in an overload of its own; the calls are the same.
  const name = ALGORITHMS[algorithm].name as CipherGCMTypes
  return {
    id,
    keyLength,
    seal(key, nonce, aad, plaintext) {
      const cipher = createCipheriv(name, createSecretKey(key), nonce, OPTIONS)
      if (aad !== undefined && aad.length > 0) cipher.setAAD(aad, { plaintextLength: plaintext.length })
      const body = cipher.update(plaintext)
      cipher.final()
      return concat(body, cipher.getAuthTag())
    },
    open(key, nonce, aad, ciphertext) {
      const length = ciphertext.length - TAG_LENGTH
      if (length < 0) throw new RangeError('shorter than a tag')
      const decipher = createDecipheriv(name, createSecretKey(key), nonce, OPTIONS)
      decipher.setAuthTag(ciphertext.subarray(length))
      if (aad !== undefined && aad.length > 0) decipher.setAAD(aad, { plaintextLength: length })
      const plaintext = decipher.update(ciphertext.subarray(0, length))
      decipher.final()
      return asBytes(plaintext)
    },
  }
}
