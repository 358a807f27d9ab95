import { fromBase64, toBase64 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import type { AccountKey, DeviceKey } from '../keys.js'
import { FINGERPRINT_BYTES } from '../sizes.js'

const PREFIX = 'SHA256:'

/** As people know it from OpenSSH: "SHA256:" and 43 characters of unpadded base64. */
export function formatFingerprint(fingerprint: Uint8Array): string {
  return `${PREFIX}${toBase64(fingerprint)}`
}

/** Reads what formatFingerprint wrote, with its prefix or without, padded or not. undefined for anything else. */
export function parseFingerprint(text: string): Uint8Array | undefined {
  const digits = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text
  const bytes = fromBase64(digits.replace(/=$/, ''))
  return bytes?.length === FINGERPRINT_BYTES ? bytes : undefined
}

/** The SHA-256 (32 bytes) of an account's public key. */
export function accountFingerprint(crypto: CryptoProvider, accountKey: AccountKey): Uint8Array {
  return crypto.sha256(accountKey)
}

/** Of a device's public key, as people compare it. */
export function deviceFingerprint(crypto: CryptoProvider, deviceKey: DeviceKey): string {
  return formatFingerprint(crypto.sha256(deviceKey))
}
