// Sizes that are part of the contract: both ends have the same, and no server sets them.

/** Bytes of an Ed25519 public key, and of a private one (the seed of RFC 8032 section 5.1.5). */
export const KEY_BYTES = 32
/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64
/** Bytes of a device's name everywhere in the contract: its public key. */
export const DEVICE_ID_BYTES = KEY_BYTES
/** Bytes of a key, a nonce and a tag of AES-256-GCM (NIST SP 800-38D). */
export const AEAD_KEY_BYTES = 32
export const AEAD_NONCE_BYTES = 12
export const AEAD_TAG_BYTES = 16
/** Bytes of every fingerprint: a SHA-256. */
export const FINGERPRINT_BYTES = 32
/** Bytes of a conversation's id: the MLS group id. */
export const CONVERSATION_ID_BYTES = 16
/** Bytes of the nonce of a proof, and of a rejoin request. */
export const NONCE_BYTES = 16
/** Bytes of the token that lets one new account in. Nobody guesses so many. */
export const INVITE_TOKEN_BYTES = 16
/** Bytes up to which a certificate or a revocation is read; ours have about 190, the rest is room for new fields. */
export const MAX_STATEMENT_BYTES = 1024
/** Bytes of UTF-8 that one text may have. */
export const TEXT_BYTES = 64 * 1024
/** Bytes of one gRPC message, both ways: a commit bundle of the largest conversation, and its frame. */
export const MESSAGE_BYTES = 9 * 1024 * 1024
