// The hash of what a device was delivered in an epoch, by which members notice that a server shows them different
// orders (LogTag in proto/parley/content/v1/content.proto).

import { concatBytes, uint64Bytes, utf8 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'

const LABEL = utf8('parley log tag')
/** Bytes of the hash that a content carries. */
const TAG_BYTES = 16

/** hash(0) of an epoch, from its authenticator (RFC 9420 section 8.7); 32 bytes. */
export function firstLogHash(crypto: CryptoProvider, epochAuthenticator: Uint8Array): Uint8Array {
  return crypto.sha256(concatBytes(LABEL, epochAuthenticator))
}

/** hash(n), from hash(n-1) and the application envelope that was delivered with this sequence; 32 bytes. */
export function nextLogHash(
  crypto: CryptoProvider,
  { before, sequence, ciphertext }: { before: Uint8Array; sequence: bigint; ciphertext: Uint8Array },
): Uint8Array {
  return crypto.sha256(concatBytes(before, uint64Bytes(sequence), crypto.sha256(ciphertext)))
}

/** The part of a hash that is sent: 16 bytes. */
export function logTag(hash: Uint8Array): Uint8Array {
  return hash.subarray(0, TAG_BYTES)
}
