import { equalBytes } from '../../protocol/bytes.js'
import { readCertificate } from '../../protocol/identity/certificate.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'

/**
 * The check of a member's credential (RFC 9420 section 5.3.1): the identity is a device certificate signed by
 * its account, and the device in it is the one whose key signs in the leaf. Never throws: the bytes are a
 * stranger's.
 */
export function validateCredential(identity: Uint8Array, signatureKey: Uint8Array): boolean {
  try {
    return equalBytes(readCertificate(nodeCrypto, identity).deviceKey, signatureKey)
  } catch {
    // No cause, not even a defect of ours, must let a member in.
    return false
  }
}
