// A commit at its place in the order: another member's is checked and opened, this device's own takes effect.

import type { DeliveredCommit, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { notOpened, type Unreadable } from '../codes/unreadable.js'
import type { Context } from '../context.js'
import { type Change, wipe } from '../mls/engine.js'
import type { Batch } from '../vault/records.js'
import type { Known } from '../vault/said.js'
import { type Done, linesOf, ownChange, type Told } from './commit-lines.js'
import { can } from './group.js'
import type { LiveGroup } from './groups.js'
import { forgetRemovals } from './intents.js'
import { standing } from './membership.js'
import { type Group, mayChange } from './policy.js'
import { addAgain } from './rejoin.js'
import { myTurnMs } from './self-removal.js'
import { type OuterEffect, transition } from './transition.js'

/** A group has come into a new epoch. */
export interface NewEpoch {
  before: Group
  after: Group
  change: Done
  /** This device has made the commit. */
  isOurs: boolean
  lines: readonly Told[]
}

export type CommitOutcome =
  /** `isAsClaimed`: the server delivers to the devices that the commit says. */
  | ({ outcome: 'applied'; isAsClaimed: boolean } & NewEpoch)
  /** It has taken this device out. `by`: the handle of who made it. */
  | { outcome: 'removed'; by: string; effects: readonly OuterEffect[] }
  /** Every member refuses it, and no state is lost by it. */
  | { outcome: 'against-rules'; from: string }
  /** The state of this device is of no use any more. */
  | { outcome: 'not-opened'; why: Known<Unreadable> }

export async function takeCommit(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  { storedAtMs }: Pick<Envelope, 'storedAtMs'>,
  { commit, rosterChange }: DeliveredCommit,
): Promise<CommitOutcome> {
  const before = standing(context, group, storedAtMs)
  let refused: Change | undefined
  const opened = await context.engine.open(group.state, commit, change => {
    if (mayChange(before, change)) return true
    refused = change
    return false
  })
  if (opened.kind === 'removed') return endRemoved(context, batch, group, opened.committer)
  if (refused) return refuseBroken(context, batch, group, { ...refused, newcomer: before.newcomer })
  if (opened.kind !== 'commit') return { outcome: 'not-opened', why: notOpened(opened) }
  context.groups.enter(batch, group, opened.state)
  batch.after(() => wipe(opened.spent))
  const epoch = enterEpoch(context, batch, group, { before, change: opened })
  // Ours lost, if there was one; the rejection follows, and what it was for comes up again.
  transition(context, batch, group, { input: 'commit-applied' })
  const added = opened.added.map(({ signatureKey }) => signatureKey)
  const removed = opened.removed.map(({ signatureKey }) => signatureKey)
  const claimed = rosterChange ?? { addedDeviceIds: [], removedDeviceIds: [] }
  const isAsClaimed =
    sameDevices(added, claimed.addedDeviceIds) && sameDevices(removed, claimed.removedDeviceIds)
  return { outcome: 'applied', isAsClaimed, ...epoch }
}

/** A commit of ours was accepted. undefined: it was given up here. */
export function adopt(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  intents: readonly bigint[],
): (NewEpoch & { effects: readonly OuterEffect[] }) | undefined {
  const { pending } = group
  if (!pending || !can(group.phase, 'adopt')) return undefined
  const before = standing(context, group)
  const { state, spent } = context.engine.adopt(group.state, pending)
  batch.after(() => wipe(spent))
  context.groups.enter(batch, group, state)
  for (const id of intents) context.intents.drop(batch, group, id)
  const epoch = enterEpoch(context, batch, group, { before, change: ownChange(context, group, before) })
  context.groups.change(batch, group, {
    committedAtMs: BigInt(context.clock.now()),
    sealedSinceCommit: 0n,
  })
  return { ...epoch, effects: transition(context, batch, group, { input: 'commit-won' }) }
}

const has = (devices: readonly Uint8Array[], device: Uint8Array): boolean =>
  devices.some(other => Buffer.compare(other, device) === 0)

function enterEpoch(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  { before, change }: { before: Group; change: Done },
): NewEpoch {
  const { record } = group
  const gone = change.removed.map(({ signatureKey }) => signatureKey)
  const came = change.added.map(({ signatureKey }) => signatureKey)
  context.groups.change(batch, group, {
    leavingDeviceIds: record.leavingDeviceIds.filter(device => !has(gone, device)),
    rejoiningDeviceIds: record.rejoiningDeviceIds.filter(device => !has(came, device)),
  })
  const isOurs = Buffer.compare(change.committer.signatureKey, context.account.device.publicKey) === 0
  forgetRemovals(context, batch, group, gone)
  addAgain(context, batch, group, change.removed, isOurs ? 0 : myTurnMs(context, group, gone))
  const after = standing(context, group)
  return { before, after, change, isOurs, lines: linesOf(context, before, after, change) }
}

function endRemoved(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  committer: Done['committer'],
): CommitOutcome {
  const effects = transition(context, batch, group, { input: 'removed' })
  return { outcome: 'removed', by: parseVerifiedCertificate(committer.identity).handle, effects }
}

/**
 * A mere removal may have had a reason that was not delivered here, and so may whom a member adds soon after this
 * device came: somebody who had asked to be taken in again.
 */
function refuseBroken(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  { committer, added, settings, newcomer }: Change & Pick<Group, 'newcomer'>,
): CommitOutcome {
  const from = parseVerifiedCertificate(committer.identity).handle
  if ((added.length > 0 && !newcomer) || settings !== undefined)
    context.groups.change(batch, group, { brokenBy: from })
  return { outcome: 'against-rules', from }
}

function sameDevices(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  const names = (devices: readonly Uint8Array[]) =>
    devices
      .map(device => Buffer.from(device).toString('hex'))
      .sort()
      .join()
  return names(a) === names(b)
}
