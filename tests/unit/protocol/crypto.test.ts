import { createCipheriv } from 'node:crypto'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { cryptoSuite } from '../../support/crypto-suite.js'
import { nobleCrypto } from '../../support/noble-crypto.js'

cryptoSuite('Node', nodeCrypto)
cryptoSuite('@noble', nobleCrypto)

test('both give the same for whatever they are given', () => {
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(seeds, fc.uint8Array({ maxLength: 500, size: 'max' }), (seed, bytes) => {
      expect(nodeCrypto.sha256(bytes)).toEqual(nobleCrypto.sha256(bytes))
      expect(nodeCrypto.sha512(bytes)).toEqual(nobleCrypto.sha512(bytes))
      expect(nodeCrypto.ed25519PublicKey(seed)).toEqual(nobleCrypto.ed25519PublicKey(seed))
      expect(nodeCrypto.ed25519Sign(seed, bytes)).toEqual(nobleCrypto.ed25519Sign(seed, bytes))
    }),
    { numRuns: 50 },
  )
})

test.each([8, 16])('what was soundly sealed under a nonce of %d bytes is not opened', length => {
  const [key, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(length).fill(2)]
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(key)
  const sealed = new Uint8Array(Buffer.concat([cipher.update('hello'), cipher.final(), cipher.getAuthTag()]))
  for (const { aes256GcmOpen } of [nodeCrypto, nobleCrypto])
    expect(aes256GcmOpen({ key, nonce, sealed, additional: key })).toBeUndefined()
})
