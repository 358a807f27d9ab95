import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  accountFingerprint,
  deviceFingerprint,
  formatFingerprint,
  parseFingerprint,
} from '../../../../services/protocol/identity/fingerprint.js'
import { accountKey, deviceKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 })
/** The output of sha256sum(1) for 32 bytes of zero, in base64. */
const ZEROS = 'SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU'

describe('fingerprints', () => {
  test('look like those of OpenSSH', () => {
    expect(formatFingerprint(accountFingerprint(crypto, accountKey(new Uint8Array(32))))).toBe(ZEROS)
    expect(deviceFingerprint(crypto, deviceKey(new Uint8Array(32)))).toBe(ZEROS)
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
    ZEROS.slice(0, -1),
    `${ZEROS}A`,
    `${ZEROS}==`,
    ZEROS.toLowerCase(),
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
