import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  accountFingerprint,
  deviceFingerprint,
  formatFingerprint,
  parseFingerprint,
} from '../../../../services/protocol/identity/fingerprint.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 })
const EMPTY = 'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'

describe('fingerprints', () => {
  test('look like those of OpenSSH', () => {
    expect(formatFingerprint(accountFingerprint(crypto, new Uint8Array(0)))).toBe(EMPTY)
    expect(deviceFingerprint(crypto, new Uint8Array(0))).toBe(EMPTY)
  })

  test('that were written are read, also without what OpenSSH writes before them', () => {
    fc.assert(
      fc.property(hashes, hash => {
        const text = formatFingerprint(hash)
        expect(text).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
        for (const form of [text, `${text}=`, text.slice('SHA256:'.length)])
          expect(parseFingerprint(form)).toEqual(hash)
      }),
    )
  })

  test.each([
    '',
    'SHA256:',
    'SHA256:abc',
    EMPTY.slice(0, -1),
    `${EMPTY}A`,
    `${EMPTY}==`,
    EMPTY.toLowerCase(),
  ])('%j is none', text => {
    expect(parseFingerprint(text)).toBeUndefined()
  })

  test('of hostile text are none, or 32 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(parseFingerprint(text)?.length ?? 32).toBe(32)
      }),
    )
  })
})
