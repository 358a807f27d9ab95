// Sizes and numbers that all who speak with each other have to have alike.

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
/** Bytes of the nonce of a proof, of a rejoin request, and of a leave. */
export const NONCE_BYTES = 16
/** Bytes of the token that lets one new account in. Nobody guesses so many. */
export const INVITE_TOKEN_BYTES = 16
/** Bytes up to which a certificate or a removal is read; ours have about 190, the rest is room for new fields. */
export const MAX_STATEMENT_BYTES = 1024
/** Bytes of a server's name in lists and certificates: drawn at random at its first start, and kept. */
export const SERVER_ID_BYTES = 16
/** Bytes up to which a directory's statement about a handle is read; ours have at most 138, and 206 with the signature. */
export const DIRECTORY_STATEMENT_BYTES = 256
/** Bytes of the hash of a device list: a SHA-256. */
export const LIST_HASH_BYTES = 32
/** Devices that a device list may name. */
export const LISTED_DEVICES = 16
/** Bytes up to which a device list is read; one of 16 devices has about 950, the rest is room for new fields. */
export const MAX_LIST_BYTES = 4096
/** Removals of one list that are read at once: more than the 136 pairs of signer and device that can count. */
export const MAX_REMOVALS = 256
/** Bytes of UTF-8 that one text may have. */
export const TEXT_BYTES = 64 * 1024
/** Bytes of one gRPC message, both ways: a commit bundle of the largest conversation, and its frame. */
export const MESSAGE_BYTES = 9 * 1024 * 1024
/**
 * Fields of one gRPC message, those of the messages in it among them. A commit that adds 250 devices has about a
 * thousand, the answer to 256 look-ups about twenty thousand.
 */
export const MAX_FIELDS = 65_536
/** The MLS cipher suite of all groups: MLS_256_XWING_AES256GCM_SHA512_Ed25519, by its number (RFC 9420 section 17.1). */
export const CIPHER_SUITE = 83
/** Bytes of one encoded CommitBundle, and so of a welcome: more than ten times what 250 devices need. */
export const COMMIT_BUNDLE_BYTES = 8 * 1024 * 1024
/** Devices in one conversation. A member that took a commit beyond it would be in another group than those that do not. */
export const CONVERSATION_DEVICES = 250
/** Epochs that an application envelope may be behind its conversation's: members keep the keys of as many. */
export const PAST_EPOCHS = 2
