// A device that has lost a group's state asks to be removed and added again, and the members do that by themselves.
// What was said meanwhile shows as missing, and is asked for again.

import { create, toBinary } from '@bufbuild/protobuf'
import { RejoinRequestSchema } from '../../../gen/parley/v1/chat_pb.js'
import { GroupStatus, MessageStatus, OutboxRejoinSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { makeRejoin } from '../../protocol/conversation/rejoin-request.js'
import type { Context } from '../context.js'
import { crypto } from '../crypto.js'
import type { LiveGroup } from '../groups/groups.js'
import type { Batch } from '../vault/records.js'
import type { Outbox, OutboxItem } from './outbox.js'

/** How often this device asks at most, in ms: a server that alters what it delivers must not make it go round. */
const ASK_AGAIN_MS = 60_000

/** The state is of no use any more: asks for another one, once in a while or, for a person who wants it so, now. */
export function askToRejoin(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
  { now = context.clock.now(), atOnce = false }: { now?: number; atOnce?: boolean } = {},
): void {
  const { record } = group
  const isOut = outbox.items().some(({ item }) => item.group === group.number && item.what.case === 'rejoin')
  const askedLately = isOut || (!atOnce && now - Number(record.rejoinAskedMs) < ASK_AGAIN_MS)
  // Who has left and could not say so has to be in it again to say it.
  const isOver = (record.left && !record.leaveDue) || record.status !== GroupStatus.ACTIVE
  if (isOver || (record.lost && askedLately)) return
  context.intents.dropAll(batch, group)
  context.groups.savePending(batch, group, undefined)
  outbox.drop(batch, ({ item }) => item.group === group.number && item.what.case === 'commit')
  context.groups.change(batch, group, {
    lost: true,
    rejoinDue: askedLately,
    ...(askedLately ? {} : { rejoinAskedMs: BigInt(now) }),
  })
  if (askedLately) return
  const { conversationId } = record
  const request = makeRejoin(crypto, { conversationId, device: context.account.device })
  const value = create(OutboxRejoinSchema, { request: toBinary(RejoinRequestSchema, request) })
  outbox.add(batch, group.number, { case: 'rejoin', value })
}

/** Those that were lost and wait in vain ask again. */
export function askOnceMore(context: Context, outbox: Outbox, batch: Batch): void {
  for (const group of context.groups.all()) if (group.record.lost) askToRejoin(context, outbox, batch, group)
}

/** Those that were lost so soon after they had asked that they had to wait ask now. */
export function askWhenDue(context: Context, outbox: Outbox, batch: Batch): void {
  for (const group of context.groups.all())
    if (group.record.lost && group.record.rejoinDue) askToRejoin(context, outbox, batch, group)
}

/**
 * The server has sends of this device that it does not know of: its vault was put back from a copy. Keys that were
 * used since must not be used again, so every conversation is joined anew.
 */
export function rejoinAll(context: Context, outbox: Outbox, batch: Batch): void {
  const active = context.groups
    .all()
    .filter(({ record }) => record.status === GroupStatus.ACTIVE && !record.left)
  if (active.length === 0) return
  const dropped = outbox.drop(batch, ({ item }) => item.what.case !== 'rejoin')
  for (const { item } of dropped) tellUncertain(context, batch, item)
  for (const group of active) askToRejoin(context, outbox, batch, group)
  batch.tell({ type: 'notice', level: 'warning', notice: { code: 'copy-put-back' } })
}

/** What the copy had on its way was sent after it was made, or never: sent again, it could be there twice. */
function tellUncertain({ groups, conversations }: Context, batch: Batch, { group, what }: OutboxItem): void {
  const conversation = groups.get(group)?.record.conversation
  if (what.case !== 'content' || what.value.message === 0n || conversation === undefined) return
  const id = { conversation, message: what.value.message }
  conversations.update(batch, id, { status: MessageStatus.FAILED, failure: 'uncertain' })
}
