import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import type { Signature } from '../library.js'
import { asBytes } from './kdf.js'
import { privateKey, publicKey, rawPrivateKey, rawPublicKey } from './raw-keys.js'

/** Bytes of a raw Ed25519 key, private or public. */
const KEY_LENGTH = 32
/** Imported public keys kept at hand; importing one costs as much as a third of a verification. */
const MAX_CACHED_KEYS = 4_096

/** Ed25519 (RFC 8032). Private keys are the raw 32 bytes, or PKCS #8 as the library's own provider makes them. */
export function ed25519(): Signature {
  const privateKeys = new WeakMap<Uint8Array, KeyObject>()
  const publicKeys = new Map<string, KeyObject>()
  return {
    async sign(key, message) {
      let imported = privateKeys.get(key)
      if (imported === undefined) {
        imported = importPrivate(key)
        privateKeys.set(key, imported)
      }
      return asBytes(sign(null, message, imported))
    },
    async verify(key, message, signature) {
      const imported = cachedPublicKey(publicKeys, key)
      return imported !== undefined && verify(null, message, imported, signature)
    },
    async keygen() {
      const pair = generateKeyPairSync('ed25519')
      return {
        signKey: rawPrivateKey('Ed25519', pair.privateKey),
        publicKey: rawPublicKey('Ed25519', pair.publicKey),
      }
    },
  }
}

function importPrivate(key: Uint8Array): KeyObject {
  if (key.length === KEY_LENGTH) return privateKey('Ed25519', key)
  return createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' })
}

function cachedPublicKey(cache: Map<string, KeyObject>, raw: Uint8Array): KeyObject | undefined {
  if (raw.length !== KEY_LENGTH) return undefined
  const name = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('latin1')
  const cached = cache.get(name)
  if (cached !== undefined) return cached
  const imported = publicKey('Ed25519', raw)
  cache.set(name, imported)
  if (cache.size > MAX_CACHED_KEYS) cache.delete(cache.keys().next().value!)
  return imported
}
