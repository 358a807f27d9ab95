import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { validateCredential } from '../../../../services/endpoint/mls/validate-credential.js'
import { makeCertificate } from '../../../../services/protocol/identity/certificate.js'
import { accountKeys, deviceKeys } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { generateKeyPair } from '../../../../services/protocol/signature.js'

const account = accountKeys(generateKeyPair(crypto))
const device = deviceKeys(generateKeyPair(crypto))
const certificate = makeCertificate(crypto, { account, deviceKey: device.publicKey })

describe('a credential', () => {
  test('is the certificate of the key that signs, and of no other', () => {
    expect(validateCredential(certificate, device.publicKey)).toBe(true)
    expect(validateCredential(certificate, generateKeyPair(crypto).publicKey)).toBe(false)
    expect(validateCredential(certificate, device.publicKey.subarray(1))).toBe(false)
    expect(validateCredential(certificate, new Uint8Array())).toBe(false)
  })

  test('of hostile bytes, or with a bit changed, is none and raises nothing', () => {
    // Within what is signed: behind its tag and length, and before those of the signature.
    const changed = fc.nat((certificate.length - 2 - 66) * 8 - 1).map(bit => {
      const bytes = certificate.slice()
      bytes[2 + (bit >> 3)]! ^= 1 << (bit & 7)
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 2000 })), bytes => {
        expect(validateCredential(bytes, device.publicKey)).toBe(false)
      }),
    )
  })
})
