import type { CryptoProvider } from '../../crypto.js'
import { IdentityError } from '../../error.js'
import { type DeviceIdentity, readCertificate } from '../../identity/certificate.js'
import { ChainError } from './error.js'

/** The device of a certificate. Throws ChainError for one that does not hold. */
export function authorOf(crypto: CryptoProvider, certificate: Uint8Array): Readonly<DeviceIdentity> {
  try {
    return readCertificate(crypto, certificate)
  } catch (cause) {
    if (cause instanceof IdentityError) throw new ChainError('certificate', { cause })
    throw cause
  }
}
