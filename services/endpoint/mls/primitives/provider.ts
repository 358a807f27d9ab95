// The library's own provider makes some sixteen WebCrypto calls for a message, each a hop to
// another thread and back. Node's synchronous natives do the same five to seven times as fast, and
// their ML-KEM is 15 to 25 times as fast as one in JavaScript.

import { randomBytes } from 'node:crypto'
import type { Ciphersuite, CiphersuiteImpl, CryptoProvider } from '../library.js'
import { libraryHpke } from './hpke.js'
import { asBytes, hashName, libraryHash, libraryKdf } from './kdf.js'
import { ed25519 } from './signature.js'

/** Suites with Ed25519, SHA-2, and X25519 or X-Wing, over node:crypto. */
export const nativeProvider: CryptoProvider = {
  /** @throws Error for any other suite. */
  async getCiphersuiteImpl(suite: Ciphersuite): Promise<CiphersuiteImpl> {
    if (suite.signature !== 'Ed25519') throw new Error(`no signature scheme ${suite.signature}`)
    return {
      name: suite.name,
      hash: libraryHash(hashName(suite.hash)),
      kdf: libraryKdf(hashName(suite.hpke.kdf)),
      hpke: libraryHpke(suite.hpke),
      signature: ed25519(),
      rng: { randomBytes: length => asBytes(randomBytes(length)) },
    }
  },
}
