// A commit at its place in the order: another's is checked and opened, our own takes effect.

import type { DeliveredCommit, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { GroupStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { notOpened } from '../codes/unreadable.js'
import type { Context } from '../context.js'
import type { Outbox } from '../messages/outbox.js'
import { show } from '../messages/system-message.js'
import { type Change, wipe } from '../mls/engine.js'
import type { Batch } from '../vault/records.js'
import { afterCommit, endRemoved, ownChange } from './commit-effects.js'
import type { LiveGroup } from './groups.js'
import { standing } from './membership.js'
import { type Group, mayChange } from './policy.js'
import { askToRejoin } from './rejoin.js'

export async function takeCommit(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  { commit, rosterChange }: DeliveredCommit,
): Promise<void> {
  const before = standing(context, group, envelope.storedAtMs)
  let refused: Change | undefined
  const opened = await context.engine.open(group.state, commit, change => {
    if (mayChange(before, change)) return true
    refused = change
    return false
  })
  if (opened.kind === 'removed') return endRemoved(context, batch, group, envelope, opened.committer)
  if (refused) return tellBroken(context, batch, group, envelope, { ...refused, newcomer: before.newcomer })
  if (opened.kind !== 'commit') {
    show(context, batch, group, envelope, notOpened(opened))
    askToRejoin(context, outbox, batch, group)
    return
  }
  group.state = opened.state
  context.groups.saveEpoch(batch, group)
  batch.after(() => wipe(opened.spent))
  afterCommit(context, batch, group, { envelope, before, change: opened })
  // Ours lost, if there was one; the rejection follows, and what it was for comes up again.
  context.groups.savePending(batch, group, undefined)
  const added = opened.added.map(({ signatureKey }) => signatureKey)
  const removed = opened.removed.map(({ signatureKey }) => signatureKey)
  const claimed = rosterChange ?? { addedDeviceIds: [], removedDeviceIds: [] }
  if (!sameDevices(added, claimed.addedDeviceIds) || !sameDevices(removed, claimed.removedDeviceIds))
    batch.tell({
      type: 'notice',
      level: 'warning',
      notice: { code: 'other-devices', peer: context.conversations.peer(group.record.conversation) },
    })
}

/**
 * Every member refuses it, and no state is lost by it. A mere removal may have had a reason that was not delivered
 * here, and so may whom a member adds soon after this device came: somebody who had asked to be taken in again.
 */
function tellBroken(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  { committer, added, settings, newcomer }: Change & Pick<Group, 'newcomer'>,
): void {
  const from = parseVerifiedCertificate(committer.identity).handle
  if ((added.length > 0 && !newcomer) || settings !== undefined) group.record.brokenBy = from
  show(context, batch, group, envelope, { code: 'against-rules', from })
}

function sameDevices(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  const names = (devices: readonly Uint8Array[]) =>
    devices
      .map(device => Buffer.from(device).toString('hex'))
      .sort()
      .join()
  return names(a) === names(b)
}

/** A commit of ours was accepted. */
export function adopt(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  intents: readonly bigint[],
): void {
  if (!group.pending) return
  const before = standing(context, group)
  group.state = context.engine.adopt(group.state, group.pending)
  context.groups.savePending(batch, group, undefined)
  context.groups.saveEpoch(batch, group)
  for (const id of intents) context.intents.drop(batch, group, id)
  afterCommit(context, batch, group, { envelope, before, change: ownChange(context, group, before) })
  const { record } = group
  record.committedAtMs = BigInt(context.clock.now())
  record.sealedSinceCommit = 0n
  if (record.status !== GroupStatus.CREATING) return
  record.status = GroupStatus.ACTIVE
  const { conversation } = record
  batch.tell({
    type: 'conversation',
    peer: context.conversations.peer(conversation),
    conversation,
    state: 'ready',
  })
}
