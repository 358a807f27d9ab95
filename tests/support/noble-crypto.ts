// The protocol's cryptography without Node: by @noble, as a browser could have it.

import { gcm } from '@noble/ciphers/aes.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { randomBytes } from '@noble/hashes/utils.js'
import { concatBytes, equalBytes } from '../../services/protocol/bytes.js'
import type { CryptoProvider } from '../../services/protocol/crypto.js'
import { AEAD_NONCE_BYTES } from '../../services/protocol/sizes.js'

const { Point } = ed25519
const HALF = 32

export const nobleCrypto: CryptoProvider = {
  randomBytes,
  sha256,
  sha512,
  ed25519PublicKey: privateKey => ed25519.getPublicKey(privateKey),
  ed25519Sign: (privateKey, bytes) => ed25519.sign(bytes, privateKey),
  /** The library's own verification multiplies by the cofactor; ours must not (see CryptoProvider). */
  ed25519Verify(publicKey, bytes, signature) {
    const r = signature.subarray(0, HALF)
    const k = bytesToNumberLE(sha512(concatBytes(r, publicKey, bytes))) % Point.Fn.ORDER
    try {
      const s = bytesToNumberLE(signature.subarray(HALF))
      const R = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(publicKey).multiplyUnsafe(k))
      return equalBytes(R.toBytes(), r)
    } catch {
      // No point of the curve, or S that is not below the order.
      return false
    }
  },
  aes256GcmSeal: ({ key, nonce, plaintext, additional }) => gcm(key, nonce, additional).encrypt(plaintext),
  aes256GcmOpen({ key, nonce, sealed, additional }) {
    if (nonce.length !== AEAD_NONCE_BYTES) return undefined
    try {
      return gcm(key, nonce, additional).decrypt(sealed)
    } catch {
      return undefined
    }
  },
}
