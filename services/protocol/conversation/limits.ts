// Numbers that all members must have alike (proto/parley/content/v1/chain.proto).

import { MAX_PAIRS, MAX_WEIGHED_LISTS } from '../identity/devices-in-use.js'
import { CONVERSATION_DEVICES } from '../sizes.js'
import { MAX_CHAIN_BYTES, MAX_ROOM_MEMBERS } from './chain/limits.js'

/** Epochs that a request to rejoin counts for, and that the ledger remembers removed leaves for. */
export const REJOIN_EPOCHS = 16n
/** A group of this incarnation has no successor: the number ends there. */
export const MAX_INCARNATION = 0xffff_ffff
/** Bytes of one encoded GroupState: the entries of one commit, and the rest. */
export const MAX_GROUP_STATE_BYTES = MAX_CHAIN_BYTES + 64 * 1024
/** Bytes of one encoded CommitBasis. */
export const MAX_BASIS_BYTES = 2 * 1024 * 1024
export const MAX_BASIS_LISTS = 256
export const MAX_BASIS_REMOVALS = 4096
export const MAX_BASIS_REJOINS = 32
/** Bytes of one encoded Joiner. */
export const MAX_JOINER_BYTES = 7 * 1024 * 1024
/** Lists that a ledger can have: of each member one more than are weighed, which shows that there are too many. */
export const MAX_HELD_LISTS = (MAX_WEIGHED_LISTS + 1) * MAX_ROOM_MEMBERS
/**
 * Bytes of one list of a ledger. Ours have at most 927: of 16 devices (45 bytes each), with the longest handle (34), the
 * keys, hashes and numbers beside it (104), and the signature with what encodes it (69). The rest is room for new fields.
 */
export const MAX_HELD_LIST_BYTES = 1024
/**
 * Bytes of one removal of a ledger. Ours have at most 214: four keys and hashes (34 bytes each), the time (9), and the
 * signature with what encodes it (69). The rest is room for a key or a hash more.
 */
export const MAX_HELD_REMOVAL_BYTES = 256
/**
 * Bytes of what a ledger can have of one account, 140 KiB. An honest account can need a removal for each pair of its 16
 * devices: each one ends the next ahead of it that was taken over, and signs anew what that one has signed of those
 * behind it. That is 35 KiB for a list and its 136 removals. Only the 24 words make more than one list with one number,
 * of which four are weighed. There is no sum that one device could fill before another one signs: each pair has a place
 * of its own, which nobody but its signer can fill, so no removal is refused because of others.
 */
export const MAX_ACCOUNT_BYTES =
  MAX_WEIGHED_LISTS * (MAX_HELD_LIST_BYTES + MAX_PAIRS * MAX_HELD_REMOVAL_BYTES)
/** Removals that are read of a ledger; the bytes of a Joiner end sooner. */
export const MAX_HELD_REMOVALS = 64 * 1024
/** Leaves that can be removed within as many epochs as the ledger remembers. */
export const MAX_REMOVED_LEAVES = Number(REJOIN_EPOCHS) * CONVERSATION_DEVICES
