// The fate of sends that the server did not take.

import { fromBinary } from '@bufbuild/protobuf'
import { CommitBundleSchema, type RejectedSend } from '../../../gen/parley/v1/chat_pb.js'
import { MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { notMade, notOpened } from '../codes/notice.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { KnownIntent } from '../groups/intent-list.js'
import { tryAlone, withoutKeyPackages } from '../groups/intents.js'
import { isRoom } from '../groups/membership.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { COMES_WITHIN_MS } from '../groups/succession.js'
import { type AccountKey, type ClientSequence, clientSequenceOf, isKey, type NoKey } from '../ids.js'
import { kebab } from '../vault/coded.js'
import type { Transaction } from '../vault/records.js'
import { putBack } from './put-back.js'
import { stateLost } from './rejoin-requests.js'
import type { Queued } from './sealing/outbox.js'
import type { MessageParts } from './sealing/parts.js'
import { sealAnew } from './sealing/seal.js'
import { putOffSuccessor, takeNoMore } from './succession.js'
import { move } from './transition.js'

/**
 * Acts on one rejection; everything from it on is then to be sent again.
 * Returns how long to wait before, in ms.
 */
export async function onRejected(
  parts: MessageParts,
  tx: Transaction,
  { clientSequence: rejected, reason }: RejectedSend,
): Promise<number> {
  const clientSequence = clientSequenceOf(rejected)
  const queued = parts.outbox.items().find(({ item }) => item.clientSequence === clientSequence)
  // It stands behind another rejected one, which says what to do.
  if (!queued || reason.case === 'outOfOrder') return 0
  parts.outbox.rewind(tx, clientSequence)
  const group = parts.groups.get(queued.item.group)
  if (group?.phase.name === 'creating') putOffSuccessor(parts, tx, group, whenAgain(reason))
  switch (reason.case) {
    case 'rateLimited':
      return reason.value.retryAfterMs
    case 'storageFull': {
      const code = reason.value.accountLimitBytes > 0n ? 'account-full' : 'server-full'
      tx.tell({ type: 'notice', level: 'warning', notice: { code } })
      return reason.value.retryAfterMs
    }
    case 'staleEpoch':
      // The commit that changed the epoch was delivered before this; if the epoch is the same, it could not be opened.
      if (group && (isEnded(group) || epochOf(queued) === parts.engine.epoch(group.state)))
        fallBehind(parts, tx, group)
      else if (group?.phase.name === 'out-of-sync') putBack(parts, tx, group)
      else if (queued.item.what.case === 'content') await sealAnew(parts, tx, queued)
      else if (group) giveUpCommit(parts, tx, { group, queued })
      await refreshRest(parts, tx, clientSequence)
      return 0
    case 'tooLarge':
    case 'malformed':
      if (queued.item.what.case === 'content') fail(parts, tx, queued, kebab(reason.case))
      else if (group) refuseCommit(parts, tx, { group, queued, reason })
      return 0
    case 'unknownDevice':
    case 'tooManyMembers':
    case 'tooManyConversations':
      if (group) refuseCommit(parts, tx, { group, queued, reason })
      return 0
    case 'succeeded':
      if (!group) return 0
      giveUpCommit(parts, tx, { group, queued })
      // The one that it goes on in was delivered before, and is waited for; or that was nobody's who may make one.
      if (group.phase.name !== 'broken') takeNoMore(parts, tx, group, { waitMs: COMES_WITHIN_MS })
      return 0
    case 'tooManySuccessors':
      if (group) giveUpCommit(parts, tx, { group, queued })
      return 0
    default:
      if (!group) return 0
      if (group.phase.name === 'creating') tellRefused(parts, tx, { group, reason })
      // A device that has asked for it is removed first, and then added.
      if (group.phase.name === 'out-of-sync' && reason.case === 'notAMember')
        putBack(parts, tx, group, { rejoinToo: true })
      else move(parts, tx, group, { input: 'abandoned' })
      return 0
  }
}

function whenAgain({ case: name, value }: RejectedSend['reason']): Parameters<typeof putOffSuccessor>[3] {
  if (name === 'tooManySuccessors') return { retryAfterMs: value.retryAfterMs }
  return name === 'succeeded' ? { last: value.conversationId } : {}
}

/**
 * Nothing behind a rejected send was taken: what of it is as old would be rejected as well, one round trip after the
 * other, so all of it is made anew at once.
 */
async function refreshRest(parts: MessageParts, tx: Transaction, from: ClientSequence): Promise<void> {
  const isOld = (queued: Queued) => {
    const group = parts.groups.get(queued.item.group)
    const epoch = epochOf(queued)
    if (queued.accepted || queued.item.clientSequence < from || !group || epoch === undefined) return false
    return can(group.phase, 'open') && epoch < parts.engine.epoch(group.state)
  }
  // Each turn makes anew, or gives up, the first of them.
  for (let queued = parts.outbox.items().find(isOld); queued; queued = parts.outbox.items().find(isOld)) {
    const group = parts.groups.get(queued.item.group)!
    if (queued.item.what.case === 'commit') giveUpCommit(parts, tx, { group, queued })
    else await sealAnew(parts, tx, queued)
  }
}

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
  parts: Pick<MessageParts, 'conversations'>,
  tx: Transaction,
  {
    group,
    reason: { case: name },
    whom,
  }: { group: LiveGroup; reason: RejectedSend['reason']; whom?: string | undefined },
) {
  const peer = parts.conversations.peer(group.record.conversation)
  const rejection = name === undefined ? 'unknown' : kebab(name)
  tx.tell(
    group.phase.name === 'creating'
      ? notOpened({ peer, isRoom: isRoom(group), why: rejection })
      : notMade({ handle: whom, peer, why: { code: 'rejected', rejection } }),
  )
}

/** The server does not take this commit: what it was for is given up, and, if the conversation began with it, that. */
function refuseCommit(
  parts: MessageParts,
  tx: Transaction,
  { group, queued, reason }: { group: LiveGroup; queued: Queued; reason: RejectedSend['reason'] },
): void {
  const intents = intentsOf(parts, group, queued)
  const isFirst = intents.some(({ intent }) => !intent.alone)
  if (isFirst && (intents.length > 1 || reason.case === 'unknownDevice'))
    for (const known of intents) {
      // A device is gone by now: they are looked up anew.
      const intent = { ...known.intent, change: withoutKeyPackages(known.intent.change) }
      tryAlone(parts, tx, group, { ...known, intent })
    }
  else {
    const whom = intents.flatMap(({ intent: { change } }) =>
      change.case === 'addAccount' ? [nameOfAdded(parts, change.value)] : [],
    )
    tellRefused(parts, tx, { group, reason, whom: whom[0] })
    for (const { id } of intents) parts.intents.drop(tx, group, id)
  }
  // An update would be made again at once, and be refused again: it waits until it is due once more.
  if (intents.length === 0)
    parts.groups.change(tx, group, { committedAtMs: BigInt(parts.clock.now()), sealedSinceCommit: 0n })
  if (group.phase.name === 'creating') {
    putOffSuccessor(parts, tx, group, {})
    move(parts, tx, group, { input: 'abandoned' })
  } else giveUpCommit(parts, tx, { group, queued })
}

/** How whoever was to be added is called. */
const nameOfAdded = (
  { contacts }: Pick<MessageParts, 'contacts'>,
  { handle, accountKey }: { handle: string; accountKey: AccountKey | NoKey },
): string => (isKey(accountKey) ? contacts.nameOf(accountKey, handle) : handle)

function intentsOf(
  { intents }: Pick<MessageParts, 'intents'>,
  group: LiveGroup,
  { item: { what } }: Queued,
): KnownIntent[] {
  const ids = what.case === 'commit' ? what.value.intents : []
  return ids.flatMap(id => {
    const intent = intents.get(group, id)
    return intent ? [{ id, intent }] : []
  })
}

/** Another commit won; an update that is still due comes up again by itself. */
function giveUpCommit(
  parts: MessageParts,
  tx: Transaction,
  { group, queued }: { group: LiveGroup; queued: Queued },
): void {
  parts.outbox.drop(tx, isSame(queued))
  move(parts, tx, group, { input: 'commit-dropped' })
}

function fail(
  parts: Pick<MessageParts, 'conversations' | 'groups' | 'outbox'>,
  tx: Transaction,
  queued: Queued,
  failure: SendFailure,
): void {
  parts.outbox.drop(tx, isSame(queued))
  const { what, group } = queued.item
  const conversation = parts.groups.get(group)?.record.conversation
  if (what.case !== 'content' || what.value.message === 0n || conversation === undefined) return
  parts.conversations.update(
    tx,
    { conversation, message: what.value.message },
    { status: MessageStatus.FAILED, failure },
  )
}

/** A change of the group was not delivered here, or could not be opened. A room cannot be made anew, so it is rejoined. */
function fallBehind(parts: MessageParts, tx: Transaction, group: LiveGroup): void {
  if (group.phase.name === 'creating') putOffSuccessor(parts, tx, group, {})
  if (group.phase.name === 'broken') putBack(parts, tx, group)
  else if (isRoom(group) && !isEnded(group) && group.phase.name !== 'creating') {
    putBack(parts, tx, group)
    stateLost(parts, tx, group)
  } else move(parts, tx, group, { input: 'abandoned' })
}
