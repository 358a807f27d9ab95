// The conversation of a group that is broken goes on in another one, which this device makes.

import type { ClaimedDevice } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { memberOf } from '../../../protocol/conversation/chain/state.js'
import { sameKey } from '../../../protocol/keys.js'
import type { Context } from '../../context.js'
import { createSuccessor, type Invitee, verifiedInvitees } from '../../groups/create.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { accountsOut, isDueToSucceed, predecessorOfNext } from '../../groups/succession.js'
import type { GroupNumber } from '../../ids.js'
import { queueCommit } from '../../messages/sealing/outbox.js'
import { takeNoMore } from '../../messages/succession.js'
import { MlsRefused } from '../../mls/refused.js'
import type { Transaction } from '../../vault/records.js'

/** Milliseconds until a group that could not be made is tried again: what it is made of may have changed. */
const NOT_MADE_MS = 600_000

/** Those in which it is this device's turn. */
export const brokenGroups = ({
  clock,
  due,
  groups,
}: Pick<Context, 'clock' | 'due' | 'groups'>): LiveGroup[] =>
  due
    .all()
    .flatMap(each => groups.get(each.group) ?? [])
    .filter(group => isDueToSucceed({ groups }, group, clock.now()))

/** `claimed`: by handle. Of a member without a usable key package a device is added later. */
export async function succeed(
  context: Context,
  tx: Transaction,
  number: GroupNumber,
  claimed: ReadonlyMap<string, readonly ClaimedDevice[]>,
): Promise<void> {
  const group = context.groups.get(number)
  if (!group || !isDueToSucceed(context, group, context.clock.now())) return
  const invitees: Invitee[] = []
  for (const [handle, devices] of claimed)
    invitees.push(...(await verifiedInvitees(context, handle, devices)))
  const isOther = ({ leaf }: Invitee) =>
    memberOf(group.held.state, leaf.accountKey) !== undefined &&
    !sameKey(leaf.deviceKey, context.account.device.publicKey)
  const made = await createSuccessor(context, tx, group, {
    invitees: invitees.filter(isOther),
    out: accountsOut(context, group),
    before: predecessorOfNext(context, group),
  }).catch(refusedOnly)
  if (made) queueCommit(context.outbox, tx, made.group.number, made)
  else takeNoMore(context, tx, group, { waitMs: NOT_MADE_MS })
}

/** The group holds more than a welcome can carry, perhaps. */
function refusedOnly(error: unknown): undefined {
  if (!(error instanceof MlsRefused)) throw error
}
