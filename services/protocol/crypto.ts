/**
 * The cryptography that the protocol needs, synchronously. `node/crypto.ts` has it from Node; a browser can have it from
 * libraries in JavaScript. A provider does the mathematics and nothing else: labels, lengths, and what is remembered
 * stand above it, once for all providers.
 *
 * A provider changes nothing that it is given, keeps a private key for no longer than its owner does, and gives out no
 * memory that it uses again.
 */
export interface CryptoProvider {
  /** So many bytes that nobody can foretell. */
  randomBytes(length: number): Uint8Array
  /** FIPS 180-4; 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
  /** FIPS 180-4; 64 bytes. */
  sha512(bytes: Uint8Array): Uint8Array
  /** The public key (32 bytes) of a private one: the 32 bytes of the seed (RFC 8032 section 5.1.5). */
  ed25519PublicKey(privateKey: Uint8Array): Uint8Array
  /** RFC 8032 section 5.1.6; 64 bytes. Deterministic. */
  ed25519Sign(privateKey: Uint8Array, bytes: Uint8Array): Uint8Array
  /**
   * RFC 8032 section 5.1.7, with the equation without the cofactor, [S]B = R + [k]A, and R compared as bytes. So it has
   * to be everywhere: with the other equation that the RFC allows, a key that was made for it would have signatures
   * that hold for some and not for others. It is given 32 and 64 bytes. False for a key that is no point of the
   * curve; whether a key is sound besides is asked above it.
   */
  ed25519Verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean
  /** NIST SP 800-38D; the tag's 16 bytes stand behind the ciphertext. */
  aes256GcmSeal(sealing: AeadText & { plaintext: Uint8Array }): Uint8Array
  /** undefined for what was not sealed so. Never throws, whatever the sealed bytes and the nonce are. */
  aes256GcmOpen(opening: AeadText & { sealed: Uint8Array }): Uint8Array | undefined
}

/** The inputs that both sides of AES-256-GCM name. */
interface AeadText {
  /** 32 bytes. */
  key: Uint8Array
  /** 12 bytes, never twice with one key. */
  nonce: Uint8Array
  /** Is authenticated and not sealed. */
  additional: Uint8Array
}
