// A direct conversation gets its group: with the devices of the other person and this account's own.

import type { ClaimedDevice } from '../../../../gen/parley/v1/key_exchange_pb.js'
import type { Context } from '../../context.js'
import { createGroup, ownInvitees, verifiedInvitees } from '../../groups/create.js'
import type { ConversationNumber } from '../../ids.js'
import { queueCommit } from '../../messages/sealing/outbox.js'
import type { Transaction } from '../../vault/records.js'

/** `no-device`: they have none that can be reached yet. */
type Establishment = 'created' | 'blocked' | 'no-device'

/**
 * Makes the group and queues its first commit. The key packages come from the server, which may lie: every
 * device must show a certificate of one and the same account, and that account must be the one that is pinned.
 */
export async function establish(
  context: Pick<
    Context,
    'account' | 'contacts' | 'conversations' | 'devices' | 'engine' | 'groups' | 'outbox' | 'random'
  >,
  tx: Transaction,
  {
    conversation,
    claimed,
    own,
  }: { conversation: ConversationNumber; claimed: readonly ClaimedDevice[]; own: readonly ClaimedDevice[] },
): Promise<Establishment> {
  const peer = context.conversations.peer(conversation)
  const invitees = await verifiedInvitees(context, peer, claimed)
  if (invitees.length === 0) return 'no-device'
  for (const { identity } of invitees)
    if (context.contacts.meet(tx, peer, identity.accountKey) === 'changed') return 'blocked'
  const siblings = await ownInvitees(context, own)
  const made = await createGroup(context, tx, { conversation, invitees: [...invitees, ...siblings] })
  queueCommit(context.outbox, tx, made.group.number, made)
  return 'created'
}
