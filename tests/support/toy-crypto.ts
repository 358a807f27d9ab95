// Cryptography for models that make thousands of conversations: hashes are real, and a signature is a hash that anybody
// could make. A model's members do not forge signatures; that these cannot be forged is tested elsewhere.

import { concatBytes, equalBytes, utf8 } from '../../services/protocol/bytes.js'
import type { CryptoProvider } from '../../services/protocol/crypto.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'

const KEY = utf8('toy key')
/** Bytes of a key that are as in a public key of Ed25519 that is sound, whatever the others are. */
const SOUND = 0x12

const publicKeyOf = (privateKey: Uint8Array): Uint8Array => {
  const key = nodeCrypto.sha256(concatBytes(KEY, privateKey))
  key[key.length - 1] = SOUND
  return key
}
const signatureOf = (publicKey: Uint8Array, bytes: Uint8Array): Uint8Array =>
  nodeCrypto.sha512(concatBytes(publicKey, bytes))

export const toyCrypto: CryptoProvider = {
  ...nodeCrypto,
  ed25519PublicKey: publicKeyOf,
  ed25519Sign: (privateKey, bytes) => signatureOf(publicKeyOf(privateKey), bytes),
  ed25519Verify: (publicKey, bytes, signature) => equalBytes(signatureOf(publicKey, bytes), signature),
}
