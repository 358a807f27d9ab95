import { createPublicKey, verify as verifyBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { concatBytes, fromHex, utf8 } from '../../../services/protocol/bytes.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import { generateKeyPair, isSoundKey, keyPairOf, sign, verify } from '../../../services/protocol/signature.js'
import { smallOrderKeys, withSmallOrderKey } from '../../support/ed25519-forgeries.js'
import { nobleCrypto } from '../../support/noble-crypto.js'

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const label = 'parley.v1.Proof'

describe('keys', () => {
  test('a private key has the public key of RFC 8032 section 7.1, test 1', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
    const { publicKey, privateKey } = keyPairOf(crypto, seed)
    expect(Buffer.from(publicKey).toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    )
    expect(privateKey).toBe(seed)
  })

  test('each new pair is another', () => {
    const [one, other] = [generateKeyPair(crypto), generateKeyPair(crypto)]
    expect(one.privateKey).not.toEqual(other.privateKey)
    expect(one.publicKey).toEqual(keyPairOf(crypto, one.privateKey).publicKey)
  })

  test.each([0, 31, 33, 64])('a private key of %d bytes is refused', length => {
    const privateKey = new Uint8Array(length)
    expect(() => keyPairOf(crypto, privateKey)).toThrow(RangeError)
    expect(() => sign(crypto, { label, bytes: utf8('x'), privateKey })).toThrow(RangeError)
  })
})

/** A key with this y (RFC 8032 section 5.1.2), and x of this sign. */
function keyOf(y: bigint, sign: 0 | 1): Uint8Array {
  const digits = (y | (BigInt(sign) << 255n)).toString(16).padStart(64, '0')
  return fromHex(digits)!.reverse()
}

describe('sound keys', () => {
  const PRIME = 2n ** 255n - 19n

  test('have a y below the prime: every one of the nineteen others is refused', () => {
    for (let y = PRIME; y < 2n ** 255n; y++)
      for (const sign of [0, 1] as const) expect(isSoundKey(keyOf(y, sign))).toBe(false)
    for (const y of [PRIME - 2n, PRIME - 3n, PRIME - 256n, PRIME - 2n ** 248n, 2n ** 254n, 2n, 3n])
      for (const sign of [0, 1] as const) expect(isSoundKey(keyOf(y, sign))).toBe(true)
  })

  test('are not of small order, however they are written', () => {
    for (const key of smallOrderKeys) expect(isSoundKey(key)).toBe(false)
  })

  test('are those of honest owners, and of 32 bytes', () => {
    const { publicKey } = generateKeyPair(crypto)
    expect(isSoundKey(publicKey)).toBe(true)
    expect(isSoundKey(publicKey.subarray(1))).toBe(false)
    expect(isSoundKey(concatBytes(publicKey, Uint8Array.of(0)))).toBe(false)
  })

  test('are left as they are', () => {
    const key = Buffer.from(keyOf(2n, 1))
    isSoundKey(key)
    expect(key[31]).toBe(0x80)
  })
})

describe('signatures', () => {
  test('what is signed is the label, a zero byte and the bytes', () => {
    const { publicKey, privateKey } = generateKeyPair(crypto)
    const signature = sign(crypto, { label, bytes: utf8('hello'), privateKey })
    const x = Buffer.from(publicKey).toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    expect(verifyBytes(null, Buffer.from('parley.v1.Proof\0hello'), key, signature)).toBe(true)
  })

  test('hold for their key, their label and their bytes, and for nothing else', () => {
    const other = generateKeyPair(crypto)
    fc.assert(
      fc.property(exactly(32), fc.uint8Array({ maxLength: 100 }), (privateKey, bytes) => {
        const { publicKey } = keyPairOf(crypto, privateKey)
        const signature = sign(crypto, { label, bytes, privateKey })
        expect(signature).toHaveLength(64)
        const good = { label, bytes, signature, publicKey } as const
        expect(verify(crypto, good)).toBe(true)
        expect(verify(crypto, { ...good, label: 'parley.v1.DeviceCertificate' })).toBe(false)
        expect(verify(crypto, { ...good, publicKey: other.publicKey })).toBe(false)
        expect(verify(crypto, { ...good, bytes: concatBytes(bytes, Uint8Array.of(0)) })).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  test('are 64 bytes, whatever a provider makes of more', () => {
    const { publicKey, privateKey } = generateKeyPair(crypto)
    const signature = sign(crypto, { label, bytes: publicKey, privateKey })
    const longer = concatBytes(signature, Uint8Array.of(0))
    expect(verify(nobleCrypto, { label, bytes: publicKey, publicKey, signature })).toBe(true)
    expect(verify(nobleCrypto, { label, bytes: publicKey, publicKey, signature: longer })).toBe(false)
  })

  test('verifying never throws, whatever the key and the signature', () => {
    const keys = fc.oneof(exactly(32), fc.uint8Array())
    const signatures = fc.oneof(exactly(64), fc.uint8Array())
    fc.assert(
      fc.property(keys, signatures, (publicKey, signature) => {
        expect(verify(crypto, { label, bytes: utf8('x'), signature, publicKey })).toBe(false)
      }),
    )
  })

  test('of keys of small order do not hold, though the mathematics has nothing against them', () => {
    const text = utf8('x')
    const forgeries = smallOrderKeys.flatMap(publicKey => withSmallOrderKey(publicKey, text))
    const taken = forgeries.filter(({ publicKey, signature }) =>
      nobleCrypto.ed25519Verify(publicKey, utf8(`${label}\0x`), signature),
    )
    expect(taken).not.toEqual([])
    for (const each of forgeries) expect(verify(nobleCrypto, { label, ...each })).toBe(false)
  })

  test('of every honest key hold', () => {
    fc.assert(
      fc.property(exactly(32), privateKey => {
        const { publicKey } = keyPairOf(crypto, privateKey)
        const signature = sign(crypto, { label, bytes: publicKey, privateKey })
        expect(verify(crypto, { label, bytes: publicKey, signature, publicKey })).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
