import { createPublicKey, verify } from 'node:crypto'

/** Labels of the contract (identity.proto): a signature made for one purpose is worth nothing for another. */
export const CERTIFICATE_LABEL = 'parley.v1.DeviceCertificate'
export const REVOCATION_LABEL = 'parley.v1.DeviceRevocation'
export const PROOF_LABEL = 'parley.v1.Proof'

/** Bytes of an Ed25519 public key and of a signature (RFC 8032). */
export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** What comes before the raw key in a SubjectPublicKeyInfo of Ed25519 (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

export interface SignedBytes {
  label: string
  bytes: Uint8Array
  signature: Uint8Array
  publicKey: Uint8Array
}

/** Whether the signature is the key's, over ASCII(label) || 0x00 || bytes. A key or signature of another length is not. */
export function signatureHolds({ label, bytes, signature, publicKey }: SignedBytes): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  const der = Buffer.concat([SPKI_PREFIX, publicKey])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return verify(null, Buffer.concat([Buffer.from(`${label}\0`, 'ascii'), bytes]), key, signature)
}
