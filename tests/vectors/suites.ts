import {
  type CiphersuiteImpl,
  type CiphersuiteName,
  getCiphersuiteFromName,
} from '../../services/endpoint/mls/library.js'
import { nativeProvider } from '../../services/endpoint/mls/primitives/provider.js'

/** The suites of the vectors that are here, by their numbers. */
export const SUITES: Record<number, CiphersuiteName> = {
  1: 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519',
  3: 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519',
}
/** The suite of a vector, by our own provider. */
export const suiteOf = (vector: { cipher_suite: number }): Promise<CiphersuiteImpl> =>
  nativeProvider.getCiphersuiteImpl(getCiphersuiteFromName(SUITES[vector.cipher_suite]!))

/** Fields of a vector that are hex strings. */
export type Hex<K extends string> = Record<K, string>
