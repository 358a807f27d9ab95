import { expect, test } from '@jest/globals'
import { DEFAULT_SUITE } from '../../../services/endpoint/mls/context.js'
import { ciphersuites } from '../../../services/endpoint/mls/library.js'
import { CIPHER_SUITE, MAX_STATEMENT_BYTES } from '../../../services/protocol/sizes.js'
import { MAX_FIELDS } from '../../../services/rpc/codec/codec.js'
import { LIMITS, UNPROVEN_FIELDS } from '../../../services/server/limits.js'

/** Tags and lengths of an element, at most. */
const FRAMING_BYTES = 8
const HANDLE_BYTES = 32
const PROOF_BYTES = 512

test('the fields that a message may have are what the decoder takes', () => {
  expect(LIMITS.messageFields).toBe(MAX_FIELDS)
})

test('a key exchange with all of its lists at their limits fits into one message, and into its fields', () => {
  const { keyPackagesPerDevice, keyPackageBytes, claimsPerCall } = LIMITS
  const bytes =
    (keyPackagesPerDevice + 1) * (keyPackageBytes + FRAMING_BYTES) +
    2 * claimsPerCall * (HANDLE_BYTES + FRAMING_BYTES) +
    (claimsPerCall + 1) * (MAX_STATEMENT_BYTES + FRAMING_BYTES) +
    PROOF_BYTES
  expect(bytes).toBeLessThan(LIMITS.keyExchangeBytes)
  expect(keyPackagesPerDevice + 3 * claimsPerCall + 16).toBeLessThan(UNPROVEN_FIELDS)
})

test('the largest commit fits into one message, both ways', () => {
  expect(LIMITS.commitBundleBytes + 4096).toBeLessThan(LIMITS.messageBytes)
})

test('the suite that is told is the one that endpoints use', () => {
  expect(CIPHER_SUITE).toBe(ciphersuites[DEFAULT_SUITE])
})
