// Each line to one other person names the newest list of their devices that its sender knows. So a server that shows others
// a list of this account which it hides from its owner is found out by the next line.

import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import type { Content } from '../../../../gen/parley/content/v1/content_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import type { AccountDevices } from '../../../protocol/identity/devices-in-use.js'
import { isNews } from '../../groups/known-devices.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { AccountKey } from '../../ids.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { nameOf, PEER_LIST_BYTES } from '../sealing/peer-list.js'

type ListParts = Pick<MessageParts, 'account' | 'lists'>

/** A line as it was opened. */
interface Line {
  group: LiveGroup
  content: Pick<Content, 'peerList'>
  accountKey: AccountKey
  isOurs: boolean
}

/**
 * A line of somebody else names the newest list of this account that they know. Where it can be none from before, it is
 * noted, until the server has been asked. `epoch`: in which the line was sealed.
 */
export function compareList(
  parts: ListParts & Pick<MessageParts, 'contacts' | 'session'>,
  { group, content, accountKey: from, isOurs }: Line,
  epoch: bigint,
): void {
  const { account, contacts, lists, session } = parts
  const { held } = group
  const { peerList: name } = content
  if (isOurs || name.length !== PEER_LIST_BYTES || held.state.kind !== ConversationKind.DIRECT) return
  const own = account.account.publicKey
  const known = lists.get(own)
  if (!known || isKnown(known, name) || wasTold(contacts, from, name)) return
  // A sender knows the lists of its group: what it names may be as old as those, and no older.
  if (epoch !== held.epoch || isNews(lists, held, own)) return
  session.otherLists.push({ from, name, newest: known.lists[0].list.hash })
}

const wasTold = (contacts: MessageParts['contacts'], from: AccountKey, name: Uint8Array): boolean =>
  equalBytes(contacts.get(from)?.otherList ?? new Uint8Array(), name)

/** One that is in use, or that came before one of those. */
const isKnown = ({ lists }: AccountDevices, name: Uint8Array): boolean =>
  lists.some(({ list: { hash, previous } }) =>
    [hash, previous].some(each => each !== undefined && equalBytes(nameOf(each), name)),
  )

/** The server was asked for this account's list: tells of those that others are shown, and this device is not. */
export function tellOtherLists(
  { account, contacts, lists, session }: ListParts & Pick<MessageParts, 'contacts' | 'session'>,
  tx: Transaction,
): void {
  const known = lists.get(account.account.publicKey)
  for (const { from, name, newest } of session.otherLists.splice(0)) {
    // It has shown a newer one: the other may be from before that.
    if (!known || isKnown(known, name) || !equalBytes(known.lists[0].list.hash, newest)) continue
    if (!contacts.noteOtherList(tx, from, name)) continue
    tx.tell({
      type: 'notice',
      level: 'warning',
      notice: { code: 'other-list', from: contacts.nameOf(from) },
    })
  }
}
