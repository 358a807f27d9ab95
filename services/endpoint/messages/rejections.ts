// What becomes of sends that the server did not take.

import { fromBinary } from '@bufbuild/protobuf'
import { CommitBundleSchema, type RejectedSend } from '../../../gen/parley/v1/chat_pb.js'
import { MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { notMade, notOpened } from '../codes/notice.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { Context } from '../context.js'
import { can } from '../groups/group.js'
import type { LiveGroup } from '../groups/groups.js'
import type { KnownIntent } from '../groups/intent-list.js'
import { tryAlone } from '../groups/intents.js'
import { kebab } from '../vault/coded.js'
import type { Batch } from '../vault/records.js'
import type { Queued } from './outbox.js'
import { putBack } from './put-back.js'
import { stateLost } from './rejoin-requests.js'
import { sealAnew } from './seal.js'
import { move } from './transition.js'

/**
 * Acts on one rejection; everything from it on is then to be sent again.
 * Returns how long to wait before, in ms.
 */
export async function onRejected(
  context: Context,
  batch: Batch,
  { clientSequence, reason }: RejectedSend,
): Promise<number> {
  const queued = context.outbox.items().find(({ item }) => item.clientSequence === clientSequence)
  // It stands behind another rejected one, which says what to do.
  if (!queued || reason.case === 'outOfOrder') return 0
  context.outbox.rewind(batch, clientSequence)
  const group = context.groups.get(queued.item.group)
  switch (reason.case) {
    case 'rateLimited':
      return reason.value.retryAfterMs
    case 'storageFull':
      batch.tell({ type: 'notice', level: 'warning', notice: { code: 'server-full' } })
      return reason.value.retryAfterMs
    case 'staleEpoch':
      // What changed the epoch was delivered before this. Whoever is where they were could not open it.
      if (group && (isEnded(group) || epochOf(queued) === context.engine.epoch(group.state)))
        fallBehind(context, batch, group)
      else if (group?.phase.name === 'out-of-sync') putBack(context, batch, group)
      else if (queued.item.what.case === 'content') await sealAnew(context, batch, queued)
      else if (group) giveUpCommit(context, batch, { group, queued })
      await refreshRest(context, batch, clientSequence)
      return 0
    case 'tooLarge':
    case 'malformed':
      if (queued.item.what.case === 'content') fail(context, batch, queued, kebab(reason.case))
      else if (group) refuseCommit(context, batch, { group, queued, reason })
      return 0
    case 'unknownDevice':
    case 'tooManyMembers':
    case 'tooManyConversations':
      if (group) refuseCommit(context, batch, { group, queued, reason })
      return 0
    default:
      if (!group) return 0
      if (group.phase.name === 'creating') tellRefused(context, batch, { group, reason })
      // A device that has asked for it is removed first, and then added.
      if (group.phase.name === 'out-of-sync' && reason.case === 'notAMember')
        putBack(context, batch, group, { rejoinToo: true })
      else move(context, batch, group, { input: 'abandoned' })
      return 0
  }
}

/**
 * Nothing behind a rejected send was taken: what of it is as old would be rejected as well, one round trip after the
 * other, so all of it is made anew at once.
 */
async function refreshRest(context: Context, batch: Batch, from: bigint): Promise<void> {
  const isOld = (queued: Queued) => {
    const group = context.groups.get(queued.item.group)
    const epoch = epochOf(queued)
    if (queued.accepted || queued.item.clientSequence < from || !group || epoch === undefined) return false
    return can(group.phase, 'open') && epoch < context.engine.epoch(group.state)
  }
  // Each turn makes anew, or gives up, the first of them.
  for (let queued = context.outbox.items().find(isOld); queued; queued = context.outbox.items().find(isOld)) {
    const group = context.groups.get(queued.item.group)!
    if (queued.item.what.case === 'commit') giveUpCommit(context, batch, { group, queued })
    else await sealAnew(context, batch, queued)
  }
}

const isRoom = ({ conversations }: Context, { record }: LiveGroup) =>
  conversations.kind(record.conversation) === 'room'

const isSame =
  ({ item }: Queued) =>
  (other: Queued) =>
    other.item.clientSequence === item.clientSequence

const isEnded = ({ phase }: LiveGroup) => phase.name === 'ended'

/** The MLS epoch that it was made in. */
function epochOf({ item: { what } }: Queued): bigint | undefined {
  if (what.case === 'content') return what.value.epoch
  return what.case === 'commit' ? fromBinary(CommitBundleSchema, what.value.commitBundle).epoch : undefined
}

/** `whom`: the handle whose addition was refused. */
function tellRefused(
  context: Context,
  batch: Batch,
  {
    group,
    reason: { case: name },
    whom,
  }: { group: LiveGroup; reason: RejectedSend['reason']; whom?: string | undefined },
) {
  const peer = context.conversations.peer(group.record.conversation)
  const rejection = name === undefined ? 'unknown' : kebab(name)
  batch.tell(
    group.phase.name === 'creating'
      ? notOpened({ peer, isRoom: isRoom(context, group), why: rejection })
      : notMade({ handle: whom, peer, why: { code: 'rejected', rejection } }),
  )
}

/** The server does not take this commit: what it was for is given up, and, if the conversation began with it, that. */
function refuseCommit(
  context: Context,
  batch: Batch,
  { group, queued, reason }: { group: LiveGroup; queued: Queued; reason: RejectedSend['reason'] },
): void {
  const intents = intentsOf(context, group, queued)
  const isFirst = intents.some(({ intent }) => !intent.alone)
  if (isFirst && (intents.length > 1 || reason.case === 'unknownDevice'))
    for (const known of intents) {
      // A device is gone by now: they are looked up anew.
      const intent = { ...known.intent, change: withoutKeyPackages(known.intent.change) }
      tryAlone(context, batch, group, { ...known, intent })
    }
  else {
    const whom = intents.flatMap(({ intent: { change } }) =>
      change.case === 'addAccount' ? [change.value.handle] : [],
    )
    tellRefused(context, batch, { group, reason, whom: whom[0] })
    for (const { id } of intents) context.intents.drop(batch, group, id)
  }
  if (group.phase.name === 'creating') move(context, batch, group, { input: 'abandoned' })
  else giveUpCommit(context, batch, { group, queued })
}

function withoutKeyPackages(change: KnownIntent['intent']['change']): KnownIntent['intent']['change'] {
  if (change.case === 'addAccount') return { ...change, value: { ...change.value, keyPackages: [] } }
  return change.case === 'addDevices' ? { ...change, value: { ...change.value, keyPackages: [] } } : change
}

function intentsOf({ intents }: Context, group: LiveGroup, { item: { what } }: Queued): KnownIntent[] {
  const ids = what.case === 'commit' ? what.value.intents : []
  return ids.flatMap(id => {
    const intent = intents.get(group, id)
    return intent ? [{ id, intent }] : []
  })
}

/** Another commit won; an update that is still due comes up again by itself. */
function giveUpCommit(
  context: Context,
  batch: Batch,
  { group, queued }: { group: LiveGroup; queued: Queued },
): void {
  context.outbox.drop(batch, isSame(queued))
  move(context, batch, group, { input: 'commit-dropped' })
}

function fail(context: Context, batch: Batch, queued: Queued, failure: SendFailure): void {
  context.outbox.drop(batch, isSame(queued))
  const { what, group } = queued.item
  const conversation = context.groups.get(group)?.record.conversation
  if (what.case !== 'content' || what.value.message === 0n || conversation === undefined) return
  context.conversations.update(
    batch,
    { conversation, message: what.value.message },
    { status: MessageStatus.FAILED, failure },
  )
}

/** A change of the group was not delivered here, or could not be opened. A room cannot be made anew, so it is rejoined. */
function fallBehind(context: Context, batch: Batch, group: LiveGroup): void {
  // What somebody has made of it against its rules is not joined.
  const isBroken = group.record.brokenBy !== ''
  if (isRoom(context, group) && !isBroken && !isEnded(group) && group.phase.name !== 'creating') {
    putBack(context, batch, group)
    stateLost(context, batch, group)
  } else move(context, batch, group, { input: 'abandoned' })
}
