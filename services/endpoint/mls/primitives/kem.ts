import {
  createHash,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { asBytes, concat, hkdf } from './kdf.js'
import { labeled, twoBytes } from './labeled.js'
import { privateKey, publicKey, rawPrivateKey, rawPublicKey } from './raw-keys.js'

const EMPTY = new Uint8Array()

/** A private key with what decapsulating needs at hand. `raw` is what is saved. */
export interface KemPrivateKey {
  raw: Uint8Array
  /** A function, because exporting costs more than decapsulating, which hardly needs it. */
  publicRaw(): Uint8Array
  /** The X25519 half, or all of it. */
  curve: KeyObject
  /** The ML-KEM-768 half. */
  lattice?: KeyObject
}

/** A key encapsulation mechanism for HPKE (RFC 9180 section 4). */
export interface Kem {
  id: number
  generate(): KemPrivateKey
  /** The same private key for the same bytes. */
  derive(material: Uint8Array): KemPrivateKey
  /** @throws RangeError for another length than a key's. */
  importPrivate(raw: Uint8Array): KemPrivateKey
  /** Bytes of a public key. */
  publicLength: number
  /** @throws an error for a public key that is none. */
  encapsulate(publicRaw: Uint8Array): { shared: Uint8Array; encapsulated: Uint8Array }
  /** @throws an error for a length that is not an encapsulated key's. */
  decapsulate(key: KemPrivateKey, encapsulated: Uint8Array): Uint8Array
}

/** DHKEM(X25519, HKDF-SHA256), RFC 9180 section 4.1. OpenSSL refuses an all-zero shared value by itself. */
export function x25519Kem(): Kem {
  const id = 0x20
  const kdf = labeled(hkdf('sha256'), concat(Buffer.from('KEM'), twoBytes(id)))
  const sharedSecret = (dh: Uint8Array, context: Uint8Array) =>
    kdf.expand(kdf.extract(EMPTY, 'eae_prk', dh), 'shared_secret', context, 32)
  const importPrivate = (raw: Uint8Array): KemPrivateKey => {
    const curve = privateKey('X25519', raw)
    return { raw: raw.slice(), publicRaw: () => rawPublicKey('X25519', curve), curve }
  }
  return {
    id,
    publicLength: 32,
    importPrivate,
    generate: () => importPrivate(rawPrivateKey('X25519', generateKeyPairSync('x25519').privateKey)),
    derive: material => importPrivate(kdf.expand(kdf.extract(EMPTY, 'dkp_prk', material), 'sk', EMPTY, 32)),
    encapsulate(publicRaw) {
      const { encapsulated, dh } = ephemeralAgreement(publicRaw)
      return { encapsulated, shared: sharedSecret(dh, concat(encapsulated, publicRaw)) }
    },
    decapsulate(key, encapsulated) {
      const dh = agree(key.curve, encapsulated)
      return sharedSecret(dh, concat(encapsulated, key.publicRaw()))
    },
  }
}

/** Lengths in bytes of X-Wing's parts (draft-connolly-cfrg-xwing-kem section 5). */
const XWING = { seed: 32, latticePublic: 1184, latticeCiphertext: 1088, curve: 32, expanded: 96 } as const
/** Ends the input of X-Wing's combiner: \.//^\ */
const XWING_LABEL = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c)

/** X-Wing: ML-KEM-768 and X25519 together, broken only if both are. */
export function xwingKem(): Kem {
  return {
    id: 0x647a,
    publicLength: XWING.latticePublic + XWING.curve,
    generate: () => expandSeed(asBytes(randomBytes(XWING.seed))),
    derive: material => expandSeed(shake256(material, XWING.seed)),
    importPrivate(raw) {
      if (raw.length !== XWING.seed) throw new RangeError('not a private X-Wing key')
      return expandSeed(raw.slice())
    },
    encapsulate(publicRaw) {
      const lattice = publicKey('ML-KEM-768', publicRaw.subarray(0, XWING.latticePublic))
      const curvePublic = publicRaw.subarray(XWING.latticePublic)
      const curve = ephemeralAgreement(curvePublic)
      const { sharedKey, ciphertext } = encapsulate(lattice)
      return {
        shared: combine(sharedKey, curve.dh, curve.encapsulated, curvePublic),
        encapsulated: concat(ciphertext, curve.encapsulated),
      }
    },
    decapsulate: decapsulateXwing,
  }
}

function decapsulateXwing(key: KemPrivateKey, encapsulated: Uint8Array): Uint8Array {
  if (encapsulated.length !== XWING.latticeCiphertext + XWING.curve || key.lattice === undefined)
    throw new RangeError('not an X-Wing ciphertext')
  const curveCiphertext = encapsulated.subarray(XWING.latticeCiphertext)
  const latticeShared = decapsulate(key.lattice, encapsulated.subarray(0, XWING.latticeCiphertext))
  const curveShared = agree(key.curve, curveCiphertext)
  return combine(latticeShared, curveShared, curveCiphertext, rawPublicKey('X25519', key.curve))
}

function expandSeed(seed: Uint8Array): KemPrivateKey {
  const expanded = shake256(seed, XWING.expanded)
  const lattice = privateKey('ML-KEM-768', expanded.subarray(0, 64))
  const curve = privateKey('X25519', expanded.subarray(64))
  expanded.fill(0)
  const publicRaw = () => concat(rawPublicKey('ML-KEM-768', lattice), rawPublicKey('X25519', curve))
  return { raw: seed, publicRaw, curve, lattice }
}

function combine(...parts: [Uint8Array, Uint8Array, Uint8Array, Uint8Array]): Uint8Array {
  const hash = createHash('sha3-256')
  for (const part of parts) hash.update(part)
  return asBytes(hash.update(XWING_LABEL).digest())
}

function shake256(data: Uint8Array, outputLength: number): Uint8Array {
  return asBytes(createHash('shake256', { outputLength }).update(data).digest())
}

function ephemeralAgreement(publicRaw: Uint8Array): { dh: Uint8Array; encapsulated: Uint8Array } {
  const ephemeral = generateKeyPairSync('x25519').privateKey
  return { dh: agree(ephemeral, publicRaw), encapsulated: rawPublicKey('X25519', ephemeral) }
}

function agree(own: KeyObject, otherRaw: Uint8Array): Uint8Array {
  return asBytes(diffieHellman({ privateKey: own, publicKey: publicKey('X25519', otherRaw) }))
}
