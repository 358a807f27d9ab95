// The duties of every provider of the protocol's cryptography.

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fromHex, toHex, utf8 } from '../../services/protocol/bytes.js'
import type { CryptoProvider } from '../../services/protocol/crypto.js'
import { verify } from '../../services/protocol/signature.js'
import { smallOrderKeys, withLargeS, withMixedKey, withSmallOrderKey } from './ed25519-forgeries.js'

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const hex = (text: string) => fromHex(text)!

/** FIPS 180-4's examples (NIST, "Cryptographic Standards and Guidelines: Examples with Intermediate Values"). */
const DIGESTS = [
  {
    text: '',
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    sha512:
      'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce' +
      '47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
  },
  {
    text: 'abc',
    sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    sha512:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
      '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  },
  {
    text: 'a'.repeat(1_000_000),
    sha256: 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
    sha512:
      'e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb' +
      'de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b',
  },
]

/** RFC 8032 section 7.1: tests 1, 2 and 3. */
const SIGNATURES = [
  {
    privateKey: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    privateKey: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    privateKey: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
      '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
].map(each => ({ ...each, name: `a message of ${each.message.length / 2} bytes` }))

/** McGrew and Viega, "The Galois/Counter Mode of Operation" (2005), test cases 13, 14 and 16. */
const SEALED = [
  { key: '00'.repeat(32), nonce: '00'.repeat(12), plaintext: '', additional: '' },
  { key: '00'.repeat(32), nonce: '00'.repeat(12), plaintext: '00'.repeat(16), additional: '' },
  {
    key: 'feffe9928665731c6d6a8f9467308308'.repeat(2),
    nonce: 'cafebabefacedbaddecaf888',
    plaintext:
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
      '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    additional: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
  },
].map((each, at) => ({
  ...each,
  sealed: [
    '530f8afbc74536b9a963b4f1c4cb738b',
    'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
      '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
      '76fc6ece0f4e1768cddf8853bb2d551b',
  ][at]!,
}))

/** Registers the tests of one provider. */
export function cryptoSuite(name: string, crypto: CryptoProvider): void {
  describe(`the cryptography by ${name}`, () => {
    hashes(crypto)
    randomness(crypto)
    signing(crypto)
    sealing(crypto)
    hostileKeys(crypto)
  })
}

/** Plain bytes in memory of their own: slice() of a Buffer would not copy. */
function expectOwnBytes(bytes: Uint8Array, length: number): void {
  expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
  expect(bytes).toHaveLength(length)
  expect(bytes.buffer.byteLength).toBe(length)
}

function hashes(crypto: CryptoProvider): void {
  test.each(DIGESTS)('SHA-256 and SHA-512 are those of FIPS 180-4 (%#)', ({ text, sha256, sha512 }) => {
    expect(toHex(crypto.sha256(utf8(text)))).toBe(sha256)
    expect(toHex(crypto.sha512(utf8(text)))).toBe(sha512)
  })

  test('a hash is plain bytes in memory of its own', () => {
    expectOwnBytes(crypto.sha256(utf8('x')), 32)
    expectOwnBytes(crypto.sha512(utf8('x')), 64)
  })
}

function randomness(crypto: CryptoProvider): void {
  test('random bytes are as many as were asked for, and never the same', () => {
    for (const length of [0, 1, 16, 32, 1000]) expectOwnBytes(crypto.randomBytes(length), length)
    const drawn = Array.from({ length: 200 }, () => toHex(crypto.randomBytes(16)))
    expect(new Set(drawn).size).toBe(200)
  })
}

function signing(crypto: CryptoProvider): void {
  test.each(SIGNATURES)('keys and signatures are those of RFC 8032 ($name)', each => {
    const [privateKey, publicKey] = [hex(each.privateKey), hex(each.publicKey)]
    const [message, signature] = [hex(each.message), hex(each.signature)]
    expect(crypto.ed25519PublicKey(privateKey)).toEqual(publicKey)
    expect(crypto.ed25519Sign(privateKey, message)).toEqual(signature)
    expect(crypto.ed25519Verify(publicKey, message, signature)).toBe(true)
  })

  test('a signature holds for its key and its bytes, and with no bit changed', () => {
    fc.assert(
      fc.property(exactly(32), fc.uint8Array({ maxLength: 200 }), fc.nat(511), (seed, bytes, bit) => {
        const publicKey = crypto.ed25519PublicKey(seed)
        const signature = crypto.ed25519Sign(seed, bytes)
        expect(crypto.ed25519Verify(publicKey, bytes, signature)).toBe(true)
        expect(crypto.ed25519Verify(publicKey, Uint8Array.of(...bytes, 0), signature)).toBe(false)
        const changed = signature.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(crypto.ed25519Verify(publicKey, bytes, changed)).toBe(false)
      }),
      { numRuns: 20 },
    )
  })

  test('nothing that is given is changed, and what is given out is plain bytes of its own', () => {
    const [seed, bytes] = [new Uint8Array(32).fill(3), new Uint8Array(50).fill(4)]
    const publicKey = crypto.ed25519PublicKey(seed)
    const signature = crypto.ed25519Sign(seed, bytes)
    const kept = [publicKey.slice(), signature.slice()]
    expect(crypto.ed25519Verify(publicKey, bytes, signature)).toBe(true)
    expect([publicKey, signature]).toEqual(kept)
    expect(seed).toEqual(new Uint8Array(32).fill(3))
    expect(bytes).toEqual(new Uint8Array(50).fill(4))
    expectOwnBytes(publicKey, 32)
    expectOwnBytes(signature, 64)
  })

  test('more keys than are kept at hand all sign and verify, and again', () => {
    const pairs = Array.from({ length: 300 }, (_, at) => {
      const privateKey = crypto.sha256(Uint8Array.of(at & 255, at >> 8))
      const publicKey = crypto.ed25519PublicKey(privateKey)
      return { publicKey, signature: crypto.ed25519Sign(privateKey, publicKey) }
    })
    for (const { publicKey, signature } of [...pairs, ...pairs])
      expect(crypto.ed25519Verify(publicKey, publicKey, signature)).toBe(true)
  })
}

function sealing(crypto: CryptoProvider): void {
  test.each(SEALED)('AES-256-GCM is that of its authors ($plaintext)', each => {
    const text = { key: hex(each.key), nonce: hex(each.nonce), additional: hex(each.additional) }
    const sealed = crypto.aes256GcmSeal({ ...text, plaintext: hex(each.plaintext) })
    expect(toHex(sealed)).toBe(each.sealed)
    expect(crypto.aes256GcmOpen({ ...text, sealed })).toEqual(hex(each.plaintext))
  })

  test('what was sealed is opened with the same key, nonce and additional bytes, and with no bit changed', () => {
    const given = fc.record({
      key: exactly(32),
      nonce: exactly(12),
      additional: fc.uint8Array({ maxLength: 40 }),
      plaintext: fc.uint8Array({ maxLength: 300 }),
    })
    fc.assert(
      fc.property(given, fc.nat(), ({ plaintext, ...text }, at) => {
        const sealed = crypto.aes256GcmSeal({ ...text, plaintext })
        expectOwnBytes(sealed, plaintext.length + 16)
        const opened = crypto.aes256GcmOpen({ ...text, sealed })!
        expect(opened).toEqual(plaintext)
        expectOwnBytes(opened, plaintext.length)
        for (const field of ['key', 'nonce', 'additional'] as const) {
          if (text[field].length === 0) continue
          const other = { ...text, [field]: flipped(text[field], at) }
          expect(crypto.aes256GcmOpen({ ...other, sealed })).toBeUndefined()
        }
        expect(crypto.aes256GcmOpen({ ...text, sealed: flipped(sealed, at) })).toBeUndefined()
        expect(
          crypto.aes256GcmOpen({ ...text, sealed: sealed.subarray(0, at % sealed.length) }),
        ).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  test('hostile bytes and nonces of any length open nothing and raise nothing', () => {
    const anything = fc.uint8Array({ maxLength: 40 })
    fc.assert(
      fc.property(exactly(32), anything, anything, (key, nonce, sealed) => {
        expect(crypto.aes256GcmOpen({ key, nonce, sealed, additional: key })).toBeUndefined()
      }),
    )
  })
}

/** The bytes with one bit changed. */
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const bit = at % (bytes.length * 8)
  const changed = bytes.slice()
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}

function hostileKeys(crypto: CryptoProvider): void {
  test('any bytes of the right length are no signature and raise nothing', () => {
    fc.assert(
      fc.property(exactly(32), exactly(64), (publicKey, signature) => {
        expect(crypto.ed25519Verify(publicKey, utf8('x'), signature)).toBe(false)
      }),
      { numRuns: 50 },
    )
  })

  test('a key of small order signs nothing, however it is written', () => {
    expect(smallOrderKeys).toHaveLength(14)
    for (const publicKey of smallOrderKeys)
      for (const forgery of withSmallOrderKey(publicKey, utf8('a text')))
        expect(verify(crypto, { label: 'parley.v1.Proof', ...forgery })).toBe(false)
  })

  test('a key with a part of small order holds by the equation without the cofactor, and by no other', () => {
    const all = [1, 2, 3, 4, 5, 6, 7].flatMap(number =>
      Array.from({ length: 16 }, (_, at) => withMixedKey(number, Uint8Array.of(at))),
    )
    expect(new Set(all.map(each => each.holds))).toEqual(new Set([true, false]))
    for (const { publicKey, bytes, signature, holds } of all)
      expect(crypto.ed25519Verify(publicKey, bytes, signature)).toBe(holds)
  })

  test('a signature whose S is over the order does not hold', () => {
    const seed = new Uint8Array(32).fill(1)
    const [publicKey, bytes] = [crypto.ed25519PublicKey(seed), utf8('x')]
    const signature = withLargeS(crypto.ed25519Sign(seed, bytes))
    expect(crypto.ed25519Verify(publicKey, bytes, signature)).toBe(false)
  })
}
