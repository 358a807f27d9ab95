// The server's directory says whose a handle is, and the conversation with whoever goes by it follows.

import type { AccountKey } from '../../../protocol/keys.js'
import type { Claim } from '../../contacts/contacts.js'
import type { Trusted } from '../../contacts/handles.js'
import type { Context } from '../../context.js'
import type { ConversationNumber } from '../../ids.js'
import { admit } from '../../messages/requests.js'
import type { Transaction } from '../../vault/records.js'

/** The handle by which the directory is asked for whom a conversation is with; undefined where it is not with one person. */
export function handleOf(
  { contacts, conversations }: Pick<Context, 'contacts' | 'conversations'>,
  conversation: ConversationNumber,
): string | undefined {
  const peer = conversations.with(conversation)
  if (!peer) return undefined
  return 'accountKey' in peer ? contacts.get(peer.accountKey)?.handle : peer.awaited
}

/** The directory says that the handle is this account's: at first contact what waited for it is with them. */
export function meetListed(context: Context, tx: Transaction, { handle, accountKey }: Claim): Trusted {
  const trusted = context.contacts.meet(tx, { handle, accountKey })
  const awaiting = trusted === 'pinned-now' ? context.conversations.awaiting(handle) : undefined
  if (awaiting !== undefined) goOnWith(context, tx, awaiting, accountKey)
  return trusted
}

/** The conversation is with this person from here on, and has in it what was said with them elsewhere. */
export function goOnWith(
  context: Context,
  tx: Transaction,
  conversation: ConversationNumber,
  accountKey: AccountKey,
): void {
  const { conversations, groups } = context
  // A person has asked for them, or has accepted their key.
  admit(context, tx, accountKey)
  const other = conversations.withPerson(accountKey)
  if (other === conversation) return
  if (other !== undefined) {
    for (const group of groups.of(other)) groups.carry(tx, group, conversation)
    conversations.merge(tx, other, conversation)
  }
  conversations.goOnWith(tx, conversation, accountKey)
}
