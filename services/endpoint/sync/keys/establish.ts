// A direct conversation gets its group: with the devices of the other person and this account's own.

import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import type { ClaimedDevice } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { sameKey } from '../../../protocol/keys.js'
import type { Context } from '../../context.js'
import { createFixedGroup, ownInvitees, verifiedInvitees } from '../../groups/create.js'
import type { ConversationNumber } from '../../ids.js'
import { queueCommit } from '../../messages/sealing/outbox.js'
import type { Transaction } from '../../vault/records.js'
import { handleOf, meetListed } from './pins.js'

/** `no-device`: they have none that can be reached yet. */
type Establishment = 'created' | 'blocked' | 'no-device'

/**
 * Makes the group and queues its first commit. The key packages come from the server, which may lie: every
 * device must show a certificate of one and the same account, and that account must be the one that is pinned.
 */
export async function establish(
  context: Context,
  tx: Transaction,
  {
    conversation,
    claimed,
    own,
  }: { conversation: ConversationNumber; claimed: readonly ClaimedDevice[]; own: readonly ClaimedDevice[] },
): Promise<Establishment> {
  const handle = handleOf(context, conversation) ?? ''
  const listed = await verifiedInvitees(context, handle, claimed)
  for (const { handle, leaf } of listed)
    if (meetListed(context, tx, { handle, accountKey: leaf.accountKey }) === 'changed') return 'blocked'
  // Or somebody who only claims the handle.
  const peer = context.conversations.with(conversation)
  const invitees = listed.filter(
    ({ leaf }) => peer && 'accountKey' in peer && sameKey(leaf.accountKey, peer.accountKey),
  )
  if (invitees.length === 0) return 'no-device'
  const siblings = await ownInvitees(context, own)
  const made = await createFixedGroup(context, tx, {
    kind: ConversationKind.DIRECT,
    accounts: [context.account.account.publicKey, invitees[0]!.leaf.accountKey],
    conversation,
    invitees: [...invitees, ...siblings],
  })
  queueCommit(context.outbox, tx, made.group.number, made)
  return 'created'
}
