// The primitives of two suites, by @noble and the texts of RFC 9180 and RFC 9420 section 5: 1, which the official
// vectors have, and 83, which is Parley's (proto/parley/MLS.md).

import { gcm } from '@noble/ciphers/aes.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { shake256 } from '@noble/hashes/sha3.js'
import { XWing } from '@noble/post-quantum/hybrid.js'
import { ascii, join, opaque, uint } from './tls.js'

const EMPTY: Uint8Array = new Uint8Array()
type HashFunction = typeof sha256 | typeof sha512

interface Kem {
  id: number
  derive(material: Uint8Array): KeyPair
  decapsulate(privateKey: Uint8Array, encapsulated: Uint8Array): Uint8Array
}

interface KeyPair {
  privateKey: Uint8Array
  publicKey: Uint8Array
}

const SUITES: Record<
  number,
  { hash: HashFunction; kem: Kem; kdfId: number; aeadId: number; keyLength: number }
> = {
  1: { hash: sha256, kem: dhkem(), kdfId: 1, aeadId: 1, keyLength: 16 },
  83: { hash: sha512, kem: xwing(), kdfId: 3, aeadId: 2, keyLength: 32 },
}
const NONCE_LENGTH = 12

export class Suite {
  readonly #parts
  constructor(readonly id: number) {
    const parts = SUITES[id]
    if (parts === undefined) throw new RangeError(`no suite ${id}`)
    this.#parts = parts
  }

  get hashLength(): number {
    return this.#parts.hash.outputLen
  }

  hash(...data: readonly Uint8Array[]): Uint8Array {
    return this.#parts.hash(join(...data))
  }

  mac(key: Uint8Array, data: Uint8Array): Uint8Array {
    return hmac(this.#parts.hash, key, data)
  }

  extract(salt: Uint8Array, material: Uint8Array): Uint8Array {
    return extract(this.#parts.hash, material, salt)
  }

  expandWithLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
    const info = join(uint(length, 2), opaque(ascii(`MLS 1.0 ${label}`)), opaque(context))
    return expand(this.#parts.hash, secret, info, length)
  }

  deriveSecret(secret: Uint8Array, label: string): Uint8Array {
    return this.expandWithLabel(secret, label, EMPTY, this.hashLength)
  }

  refHash(label: string, value: Uint8Array): Uint8Array {
    return this.hash(opaque(ascii(`MLS 1.0 ${label} Reference`)), opaque(value))
  }

  verifies(key: Uint8Array, signature: Uint8Array, label: string, content: Uint8Array): boolean {
    return ed25519.verify(signature, join(opaque(ascii(`MLS 1.0 ${label}`)), opaque(content)), key)
  }

  /** Key and nonce from a secret, by a function that expands it. */
  keyAndNonce(derive: (label: string, length: number) => Uint8Array): { key: Uint8Array; nonce: Uint8Array } {
    return { key: derive('key', this.#parts.keyLength), nonce: derive('nonce', NONCE_LENGTH) }
  }

  open(keys: { key: Uint8Array; nonce: Uint8Array }, sealed: Uint8Array, additional = EMPTY): Uint8Array {
    return gcm(keys.key, keys.nonce, additional).decrypt(sealed)
  }

  /** The key pair of a node's secret (RFC 9180 section 7.1.3). */
  keyPair(nodeSecret: Uint8Array): KeyPair {
    return this.#parts.kem.derive(nodeSecret)
  }

  decryptWithLabel(
    privateKey: Uint8Array,
    sealed: { encapsulated: Uint8Array; ciphertext: Uint8Array },
    label: string,
    context: Uint8Array,
  ): Uint8Array {
    const info = join(opaque(ascii(`MLS 1.0 ${label}`)), opaque(context))
    const shared = this.#parts.kem.decapsulate(privateKey, sealed.encapsulated)
    return this.open(this.#hpkeKeys(shared, info), sealed.ciphertext)
  }

  /** Of base mode (RFC 9180 section 5.1). */
  #hpkeKeys(shared: Uint8Array, info: Uint8Array): { key: Uint8Array; nonce: Uint8Array } {
    const { hash, kem, kdfId, aeadId } = this.#parts
    const kdf = labeled(hash, join(ascii('HPKE'), uint(kem.id, 2), uint(kdfId, 2), uint(aeadId, 2)))
    const hashes = [kdf.extract(EMPTY, 'psk_id_hash', EMPTY), kdf.extract(EMPTY, 'info_hash', info)]
    const context = join(uint(0, 1), ...hashes)
    const secret = kdf.extract(shared, 'secret', EMPTY)
    return {
      key: kdf.expand(secret, 'key', context, this.#parts.keyLength),
      nonce: kdf.expand(secret, 'base_nonce', context, NONCE_LENGTH),
    }
  }
}

/** RFC 9180 section 4. */
function labeled(hash: HashFunction, id: Uint8Array) {
  const prefix = join(ascii('HPKE-v1'), id)
  return {
    extract: (salt: Uint8Array, label: string, material: Uint8Array) =>
      extract(hash, join(prefix, ascii(label), material), salt),
    expand: (key: Uint8Array, label: string, info: Uint8Array, length: number) =>
      expand(hash, key, join(uint(length, 2), prefix, ascii(label), info), length),
  }
}

/** DHKEM(X25519, HKDF-SHA256), RFC 9180 section 4.1. */
function dhkem(): Kem {
  const id = 0x20
  const kdf = labeled(sha256, join(ascii('KEM'), uint(id, 2)))
  return {
    id,
    derive(material) {
      const privateKey = kdf.expand(kdf.extract(EMPTY, 'dkp_prk', material), 'sk', EMPTY, 32)
      return { privateKey, publicKey: x25519.getPublicKey(privateKey) }
    },
    decapsulate(privateKey, encapsulated) {
      const secret = kdf.extract(EMPTY, 'eae_prk', x25519.getSharedSecret(privateKey, encapsulated))
      return kdf.expand(secret, 'shared_secret', join(encapsulated, x25519.getPublicKey(privateKey)), 32)
    },
  }
}

/** draft-connolly-cfrg-xwing-kem: a private key is the seed, which SHAKE-256 makes of other material. */
function xwing(): Kem {
  const publicOf = (seed: Uint8Array) => XWing.keygen(seed).publicKey
  return {
    id: 0x647a,
    derive(material) {
      const privateKey = shake256(material, { dkLen: 32 })
      return { privateKey, publicKey: publicOf(privateKey) }
    },
    decapsulate: (seed, encapsulated) => XWing.decapsulate(encapsulated, XWing.keygen(seed).secretKey),
  }
}
