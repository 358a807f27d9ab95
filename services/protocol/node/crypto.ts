// The protocol's cryptography by Node's own, which is OpenSSL.

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  randomBytes,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto'
import { concatBytes, copyBytes } from '../bytes.js'
import { BytesCache } from '../bytes-cache.js'
import type { CryptoProvider } from '../crypto.js'
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from '../sizes.js'

/** How many public keys stay imported. Importing one costs about as much as a third of verifying with it. */
const IMPORTED_KEYS = 256

// RFC 8410: all that stands before the 32 bytes in the DER of an Ed25519 key.
const PRIVATE_KEY_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_KEY_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

const CIPHER = 'aes-256-gcm'

/** A private key stays imported only as long as its owner holds it. */
const privateKeys = new WeakMap<Uint8Array, KeyObject>()
const publicKeys = new BytesCache<KeyObject>(IMPORTED_KEYS)

export const nodeCrypto: CryptoProvider = {
  randomBytes: length => new Uint8Array(randomBytes(length)),
  sha256: bytes => new Uint8Array(hash('sha256', bytes, 'buffer')),
  sha512: bytes => new Uint8Array(hash('sha512', bytes, 'buffer')),
  ed25519PublicKey(privateKey) {
    const der = createPublicKey(importPrivate(privateKey)).export({ type: 'spki', format: 'der' })
    return new Uint8Array(der.subarray(PUBLIC_KEY_PREFIX.length))
  },
  ed25519Sign: (privateKey, bytes) => new Uint8Array(signBytes(null, bytes, importPrivate(privateKey))),
  ed25519Verify(publicKey, bytes, signature) {
    try {
      return verifyBytes(null, bytes, publicKeys.get(publicKey, importPublic), signature)
    } catch {
      return false
    }
  },
  aes256GcmSeal({ key, nonce, plaintext, additional }) {
    const cipher = createCipheriv(CIPHER, key, nonce)
    cipher.setAAD(additional)
    return concatBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
  },
  aes256GcmOpen({ key, nonce, sealed, additional }) {
    // OpenSSL would take nonces and tags of other lengths.
    if (nonce.length !== AEAD_NONCE_BYTES || sealed.length < AEAD_TAG_BYTES) return undefined
    const decipher = createDecipheriv(CIPHER, key, nonce)
    decipher.setAAD(additional)
    decipher.setAuthTag(sealed.subarray(-AEAD_TAG_BYTES))
    const plaintext = copyBytes(decipher.update(sealed.subarray(0, -AEAD_TAG_BYTES)))
    try {
      decipher.final()
      return plaintext
    } catch {
      return undefined
    }
  },
}

function importPrivate(privateKey: Uint8Array): KeyObject {
  const known = privateKeys.get(privateKey)
  if (known) return known
  const der = Buffer.concat([PRIVATE_KEY_PREFIX, privateKey])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  privateKeys.set(privateKey, key)
  return key
}

function importPublic(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_KEY_PREFIX, publicKey]), format: 'der', type: 'spki' })
}
