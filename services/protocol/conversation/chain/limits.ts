// Numbers that all members must have alike (proto/parley/content/v1/chain.proto).

/** Bytes of one encoded ChainEntry; ours have about 400. */
export const MAX_ENTRY_BYTES = 4096
/** Entries of a chain. */
export const MAX_ENTRIES = 4096
/** Bytes of all encoded ChainEntries of a chain. */
export const MAX_CHAIN_BYTES = 4 * 1024 * 1024
/** Entries at the end of a chain that are for those that take away: 250 members and as many admins need less. */
export const RESERVED_ENTRIES = 512
/** Bytes at the end of a chain that are for those that take away: as many as these entries can have. */
export const RESERVED_BYTES = RESERVED_ENTRIES * MAX_ENTRY_BYTES
/** Accounts in a room. */
export const MAX_ROOM_MEMBERS = 250
/** Bytes of the salt in the first entry. */
export const SALT_BYTES = 16
/** Bytes of the hash of an entry, and of the id of a conversation: a SHA-256. */
export const CHAIN_HASH_BYTES = 32
