// The newest list of the other side that this device knows goes with each line of a direct conversation (Content.peer_list).

import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { concatBytes } from '../../../protocol/bytes.js'
import { sameKey } from '../../../protocol/keys.js'
import type { ContactParts } from '../../contacts/parts.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { AccountKey } from '../../ids.js'
import { encodeContent } from './format.js'

/** Bytes of a list's hash that a line carries. */
export const PEER_LIST_BYTES = 16

/** A list as a line names it. */
export const nameOf = (hash: Uint8Array): Uint8Array => hash.subarray(0, PEER_LIST_BYTES)

/** A list of this account that somebody knows and this device does not. */
export interface OtherList {
  from: AccountKey
  /** The first bytes of its hash. */
  name: Uint8Array
  /** The hash of the newest one that was known here then. */
  newest: Uint8Array
}

/** An encoded content with the name of the newest list that is known of the other side, where there is one other side. */
export function withPeerList(
  { account, lists }: Pick<ContactParts, 'account' | 'lists'>,
  { held }: LiveGroup,
  content: Uint8Array,
): Uint8Array {
  const { kind, members } = held.state
  if (kind !== ConversationKind.DIRECT) return content
  const other = members.find(({ accountKey }) => !sameKey(accountKey, account.account.publicKey))
  const newest = other && lists.get(other.accountKey)?.lists[0].list
  if (!newest) return content
  // Two encoded messages, one behind the other, are one with the fields of both.
  return concatBytes(content, encodeContent({ peerList: nameOf(newest.hash) }))
}
