// The hash of what a device was delivered in an epoch, by which members notice that a server shows them different
// orders (LogTag in proto/parley/content/v1/content.proto).

import { concatBytes, uint64Bytes, utf8 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'

const LABEL = utf8('parley log tag')

/** hash(0) of an epoch, 32 bytes: from its authenticator (RFC 9420 section 8.7) and the place of its first commit. */
export function firstLogHash(
  crypto: CryptoProvider,
  { authenticator, sequence }: { authenticator: Uint8Array; sequence: bigint },
): Uint8Array {
  return crypto.sha256(concatBytes(LABEL, authenticator, uint64Bytes(sequence)))
}

/** hash(n), 32 bytes: from hash(n-1) and an application envelope with this sequence, by the SHA-256 of its ciphertext. */
export function nextLogHash(
  crypto: CryptoProvider,
  { before, sequence, digest }: { before: Uint8Array; sequence: bigint; digest: Uint8Array },
): Uint8Array {
  return crypto.sha256(concatBytes(before, uint64Bytes(sequence), digest))
}
