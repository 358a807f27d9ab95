import { createPublicKey, verify as verifyBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { generateKeyPair, keyPairOf, sign, verify } from '../../../services/protocol/signature.js'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

describe('keys', () => {
  test('a private key has the public key of RFC 8032 section 7.1, test 1', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
    expect(Buffer.from(keyPairOf(seed).publicKey).toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    )
  })

  test('what is signed is the label, a zero byte and the bytes', () => {
    const { publicKey, privateKey } = generateKeyPair()
    const signature = sign('parley.v1.Proof', privateKey, Buffer.from('hello'))
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') },
      format: 'jwk',
    })
    expect(verifyBytes(null, Buffer.from('parley.v1.Proof\0hello'), key, signature)).toBe(true)
  })

  test('a signature holds for its key, its label and its bytes, and for nothing else', () => {
    const other = generateKeyPair()
    fc.assert(
      fc.property(bytes(32), fc.uint8Array({ maxLength: 100 }), (seed, message) => {
        const { publicKey } = keyPairOf(seed)
        const signature = sign('parley.v1.Proof', seed, message)
        expect(signature).toHaveLength(64)
        expect(verify('parley.v1.Proof', publicKey, message, signature)).toBe(true)
        expect(verify('parley.v1.DeviceCertificate', publicKey, message, signature)).toBe(false)
        expect(verify('parley.v1.Proof', other.publicKey, message, signature)).toBe(false)
        expect(verify('parley.v1.Proof', publicKey, Buffer.concat([message, Buffer.of(0)]), signature)).toBe(
          false,
        )
      }),
      { numRuns: 30 },
    )
  })

  test('more keys than are kept imported all verify', () => {
    const pairs = Array.from({ length: 300 }, generateKeyPair)
    const signatures = pairs.map(pair => sign('parley.v1.Proof', pair.privateKey, pair.publicKey))
    for (let round = 0; round < 2; round += 1) {
      const results = pairs.map((pair, at) =>
        verify('parley.v1.Proof', pair.publicKey, pair.publicKey, signatures[at]!),
      )
      expect(results.every(Boolean)).toBe(true)
    }
  })

  test('verifying never throws, whatever the key and the signature', () => {
    fc.assert(
      fc.property(
        fc.oneof(bytes(32), fc.uint8Array()),
        fc.oneof(bytes(64), fc.uint8Array()),
        (key, signature) => {
          expect(verify('parley.v1.Proof', key, Buffer.from('x'), signature)).toBe(false)
        },
      ),
    )
  })

  test('a private key of another length is refused', () => {
    expect(() => keyPairOf(new Uint8Array(31))).toThrow(RangeError)
  })
})
