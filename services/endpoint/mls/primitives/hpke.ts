// Hybrid public key encryption (RFC 9180), base mode only: all that MLS uses.

import { equalBytes } from '../codec.js'
import { CryptoError, type Hpke, type HpkeAlgorithm, type PrivateKey, type PublicKey } from '../library.js'
import { aead, NONCE_LENGTH } from './aead.js'
import { asBytes, concat, hashName, hkdf } from './kdf.js'
import { type Kem, type KemPrivateKey, x25519Kem, xwingKem } from './kem.js'
import { labeled, twoBytes } from './labeled.js'

const BASE_MODE = 0
const EMPTY = new Uint8Array()
/** Numbers of the key derivation functions (RFC 9180 section 7.2). */
const KDF_IDS = { sha256: 1, sha384: 2, sha512: 3 } as const

interface Keys {
  key: Uint8Array
  nonce: Uint8Array
  exporterSecret: Uint8Array
}

/** @throws Error for a KEM other than X25519 and X-Wing. */
export function libraryHpke(algorithm: HpkeAlgorithm): Hpke {
  const kem = kemOf(algorithm)
  const cipher = aead(algorithm.aead)
  const schedule = keySchedule(algorithm, kem)
  return {
    keyLength: cipher.keyLength,
    nonceLength: NONCE_LENGTH,
    ...keyHandling(kem),
    async seal(key, plaintext, info, aad) {
      const { shared, encapsulated } = sealing(() => kem.encapsulate(fromPublic(key)))
      const keys = schedule.derive(shared, info)
      return { ct: cipher.seal(keys.key, keys.nonce, aad, plaintext), enc: encapsulated }
    },
    open: async (key, encapsulated, ciphertext, info, aad) =>
      opening(() => {
        const keys = schedule.derive(kem.decapsulate(fromPrivate(key), encapsulated), info)
        return cipher.open(keys.key, keys.nonce, aad, ciphertext)
      }),
    async exportSecret(key, context, length, info) {
      const { shared, encapsulated } = sealing(() => kem.encapsulate(fromPublic(key)))
      return { enc: encapsulated, secret: schedule.exported(schedule.derive(shared, info), context, length) }
    },
    importSecret: async (key, context, encapsulated, length, info) =>
      opening(() => {
        const keys = schedule.derive(kem.decapsulate(fromPrivate(key), encapsulated), info)
        return schedule.exported(keys, context, length)
      }),
    encryptAead: async (key, nonce, aad, plaintext) => cipher.seal(key, nonce, aad, plaintext),
    decryptAead: async (key, nonce, aad, ciphertext) =>
      opening(() => cipher.open(key, nonce, aad, ciphertext)),
  }
}

type KeyHandling = Pick<
  Hpke,
  | 'importPrivateKey'
  | 'importPublicKey'
  | 'exportPublicKey'
  | 'exportPrivateKey'
  | 'deriveKeyPair'
  | 'generateKeyPair'
>

function keyHandling(kem: Kem): KeyHandling {
  const pair = (key: KemPrivateKey) => ({ privateKey: toPrivate(key), publicKey: toPublic(key.publicRaw()) })
  return {
    importPrivateKey: async raw => opening(() => toPrivate(kem.importPrivate(raw))),
    async importPublicKey(raw) {
      if (raw.length !== kem.publicLength) throw new CryptoError('not a public key')
      return toPublic(raw.slice())
    },
    exportPublicKey: async key => fromPublic(key),
    exportPrivateKey: async key => fromPrivate(key).raw,
    deriveKeyPair: async material => pair(kem.derive(material)),
    generateKeyPair: async () => pair(kem.generate()),
  }
}

/** The key schedule of base mode (RFC 9180 section 5.1). */
function keySchedule(algorithm: HpkeAlgorithm, kem: Kem) {
  const hash = hashName(algorithm.kdf)
  const cipher = aead(algorithm.aead)
  const ids = [kem.id, KDF_IDS[hash], cipher.id].map(twoBytes)
  const kdf = labeled(hkdf(hash), concat(asBytes(Buffer.from('HPKE')), ...ids))
  const pskIdHash = kdf.extract(EMPTY, 'psk_id_hash', EMPTY)
  // A commit seals to hundreds of devices under one info, in a welcome up to some 700 kB of it. It is public.
  let last = { info: EMPTY, hash: kdf.extract(EMPTY, 'info_hash', EMPTY) }
  const hashOf = (info: Uint8Array) => {
    if (!equalBytes(last.info, info))
      last = { info: info.slice(), hash: kdf.extract(EMPTY, 'info_hash', info) }
    return last.hash
  }
  return {
    derive(shared: Uint8Array, info: Uint8Array): Keys {
      const context = concat(Uint8Array.of(BASE_MODE), pskIdHash, hashOf(info))
      const secret = kdf.extract(shared, 'secret', EMPTY)
      return {
        key: kdf.expand(secret, 'key', context, cipher.keyLength),
        nonce: kdf.expand(secret, 'base_nonce', context, NONCE_LENGTH),
        exporterSecret: kdf.expand(secret, 'exp', context, kdf.size),
      }
    },
    exported: (keys: Keys, context: Uint8Array, length: number) =>
      kdf.expand(keys.exporterSecret, 'sec', context, length),
  }
}

function kemOf(algorithm: HpkeAlgorithm): Kem {
  switch (algorithm.kem) {
    case 'X-Wing':
      return xwingKem()
    case 'DHKEM-X25519-HKDF-SHA256':
      return x25519Kem()
    default:
      throw new Error(`no KEM ${algorithm.kem}`)
  }
}

// The library types its keys as WebCrypto's CryptoKey but only ever hands them back to the provider
// that made them. These four are the one place where that type is not true.
const toPrivate = (key: KemPrivateKey) => key as unknown as PrivateKey
const fromPrivate = (key: PrivateKey) => key as unknown as KemPrivateKey
const toPublic = (raw: Uint8Array) => raw as unknown as PublicKey
const fromPublic = (key: PublicKey) => key as unknown as Uint8Array

/** The library distinguishes failures of cryptography by this class. */
function opening<T>(work: () => T): T {
  try {
    return work()
  } catch {
    throw new CryptoError('could not open')
  }
}

function sealing<T>(work: () => T): T {
  try {
    return work()
  } catch {
    throw new CryptoError('could not seal to this key')
  }
}
