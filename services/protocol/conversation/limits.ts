// Numbers that all members must have alike (proto/parley/content/v1/chain.proto).

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
/** Lists that a ledger can have: five of each member, where as many have one number. */
export const MAX_HELD_LISTS = 5 * MAX_ROOM_MEMBERS
/** Removals that are read of a ledger; the bytes of a Joiner end sooner. */
export const MAX_HELD_REMOVALS = 64 * 1024
/** Leaves that can be removed within as many epochs as the ledger remembers. */
export const MAX_REMOVED_LEAVES = Number(REJOIN_EPOCHS) * CONVERSATION_DEVICES
