import { createHash } from 'node:crypto'

/** Length in bytes of every fingerprint: a SHA-256. */
export const FINGERPRINT_BYTES = 32

/** As people know it from OpenSSH: "SHA256:" and 43 characters of unpadded base64. */
export function formatFingerprint(fingerprint: Uint8Array): string {
  return `SHA256:${Buffer.from(fingerprint).toString('base64').replaceAll('=', '')}`
}

/** The SHA-256 (32 bytes) of an account's public key. */
export function accountFingerprint(accountKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(accountKey).digest())
}

/** Of a device's public key, as people compare it. */
export function deviceFingerprint(deviceKey: Uint8Array): string {
  return formatFingerprint(new Uint8Array(createHash('sha256').update(deviceKey).digest()))
}
