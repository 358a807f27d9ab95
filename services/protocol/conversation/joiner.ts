// A welcome hands over all that its receiver has to know of the group besides the tree (Joiner in proto/parley/content/v1/chain.proto).

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  JoinerSchema,
  type Joiner as Message,
  type SignedChainEntry,
} from '../../../gen/parley/content/v1/chain_pb.js'
import { DEVICE_ID_BYTES } from '../sizes.js'
import { MAX_ENTRIES } from './chain/limits.js'
import type { Ledger } from './ledger.js'
import { MAX_HELD_LISTS, MAX_HELD_REMOVALS, MAX_JOINER_BYTES, MAX_REMOVED_LEAVES } from './limits.js'

/** The extension of a GroupInfo. `entries`: the whole chain. */
export function encodeJoiner(ledger: Ledger, entries: readonly SignedChainEntry[]): Uint8Array {
  const { accounts, removed } = ledger
  const lists = accounts.flatMap(({ devices }) => devices.lists)
  const removals = lists.flatMap(each => each.removals)
  return toBinary(
    JoinerSchema,
    create(JoinerSchema, {
      entries: [...entries],
      lists: lists.map(({ list }) => list.encoded),
      removals: removals.map(({ encoded }) => encoded),
      removed: removed.map(({ deviceKey, epoch }) => ({ deviceKey, epoch })),
    }),
  )
}

export type JoinerMessage = Pick<Message, 'entries' | 'lists' | 'removals' | 'removed'>

/** undefined for what nobody has to read: it does not decode, or there is too much of it. Never throws. */
export function decodeJoiner(bytes: Uint8Array): JoinerMessage | undefined {
  const message = bytes.length <= MAX_JOINER_BYTES ? decodeKept(bytes) : undefined
  if (!message) return undefined
  const { entries, lists, removals, removed } = message
  const isBounded =
    entries.length <= MAX_ENTRIES &&
    lists.length <= MAX_HELD_LISTS &&
    removals.length <= MAX_HELD_REMOVALS &&
    removed.length <= MAX_REMOVED_LEAVES
  return isBounded ? message : undefined
}

/**
 * The same of what a member keeps for itself: a group may come to hold more than fits into a welcome, by one commit after
 * the other, and is there all the same.
 */
export function decodeKept(bytes: Uint8Array): JoinerMessage | undefined {
  try {
    const message = fromBinary(JoinerSchema, bytes)
    const isWellFormed = message.removed.every(({ deviceKey }) => deviceKey.length === DEVICE_ID_BYTES)
    return isWellFormed ? message : undefined
  } catch {
    return undefined
  }
}
