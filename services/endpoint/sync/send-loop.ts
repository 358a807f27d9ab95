// From what waits to what is on its way: commits that are due, receipts that are owed, texts in the order they
// were typed. All is sealed and saved in one write before any of it is given to the network.

import type { MessageInitShape } from '@bufbuild/protobuf'
import { fromBinary } from '@bufbuild/protobuf'
import {
  CommitBundleSchema,
  type OutgoingEnvelopeSchema,
  RejoinRequestSchema,
} from '../../../gen/parley/v1/chat_pb.js'
import { GroupStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { DAY_MS } from '../../protocol/time.js'
import { notMade } from '../codes/notice.js'
import type { Context } from '../context.js'
import type { LiveGroup } from '../groups/groups.js'
import { commitIntents } from '../groups/intents.js'
import { sealReceipt } from '../messages/content/receipt.js'
import type { Outbox, Queued } from '../messages/outbox.js'
import { queueCommit } from '../messages/outbox.js'
import { isSilent, sealText, sendingGroup } from '../messages/seal.js'
import { waitingTexts } from '../messages/unsent.js'
import type { Batch } from '../vault/records.js'

/** A device commits fresh keys this often in a conversation in use (post-compromise security). */
export const UPDATE_AFTER_MS = DAY_MS
export const UPDATE_AFTER_SEALED = 1000n

/** Bytes of the envelopes in one Send frame. */
const SEND_BYTES = 1024 * 1024

export type Outgoing = MessageInitShape<typeof OutgoingEnvelopeSchema>

/**
 * In larger groups the updates that follow joining wait for a time of their own, in ms for each device: a commit is
 * work for every member, and those of all newcomers at once would keep everybody from talking.
 */
const FEW_DEVICES = 8
const UPDATE_SPREAD_MS = 3000
const updateTimes = new WeakMap<LiveGroup, { joinedEpoch: bigint; dueMs: number }>()

/** Since when this device's update is due, or from when on, in ms since 1970; undefined: nothing is. */
function updateTime({ engine, random }: Context, group: LiveGroup, now: number): number | undefined {
  const { record } = group
  if (record.status !== GroupStatus.ACTIVE || record.left || record.lost || group.pending) return undefined
  if (record.sealedSinceCommit >= UPDATE_AFTER_SEALED) return now
  if (record.committedAtMs > 0n)
    return record.sealedSinceCommit > 0n ? Number(record.committedAtMs) + UPDATE_AFTER_MS : undefined
  const devices = engine.members(group.state).length
  if (devices <= FEW_DEVICES) return now
  const known = updateTimes.get(group)
  if (known?.joinedEpoch === record.joinedEpoch) return known.dueMs
  const dueMs = now + random.fraction() * devices * UPDATE_SPREAD_MS
  updateTimes.set(group, { joinedEpoch: record.joinedEpoch, dueMs })
  return dueMs
}

/** Groups whose update after joining, or whose regular one, is due. */
const updateDue = (context: Context, group: LiveGroup, now: number): boolean =>
  (updateTime(context, group, now) ?? Number.POSITIVE_INFINITY) <= now

/** When the next update after a joining is due that has to wait, in ms since 1970. */
export function nextUpdateDue(context: Context, now: number): number | undefined {
  const times = context.groups
    .all()
    .filter(({ record }) => record.committedAtMs === 0n)
    .map(group => updateTime(context, group, now) ?? 0)
    .filter(time => time > now)
  return times.length > 0 ? Math.min(...times) : undefined
}

/** One that lost its race stays here until the server has said so; a second one would be taken for it then. */
const hasCommitOut = (outbox: Outbox, { number }: LiveGroup): boolean =>
  outbox.items().some(({ item }) => item.group === number && item.what.case === 'commit')

/** Seals what is due, as far as the outbox has room. `receipts`: whether those owed are due. */
export async function fillOutbox(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  { now, receipts }: { now: number; receipts: boolean },
): Promise<void> {
  const changing = new Set(context.intents.all().map(({ group }) => group))
  for (const group of context.groups.all()) {
    if (outbox.room() <= 0) return
    if (!hasCommitOut(outbox, group)) {
      const committed = changing.has(group.number) && (await commitDue(context, outbox, batch, group, now))
      if (!committed && updateDue(context, group, now) && !isSilent(context, group))
        await commitUpdate(context, outbox, batch, group)
    }
    if (receipts) await sealReceipt(context, outbox, batch, group)
  }
  for (const id of waitingTexts(context)) {
    if (outbox.room() <= 0) return
    const group = sendingGroup(context, id.conversation)
    if (group) await sealText(context, outbox, batch, group, id)
  }
}

/** Commits what this device is to change in the group and is due. True: a commit was queued. */
async function commitDue(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
  now: number,
): Promise<boolean> {
  const { made, impossible } = await commitIntents(context, batch, group, now)
  const peer = context.conversations.peer(group.record.conversation)
  for (const { handle, cause } of impossible)
    batch.tell(notMade({ handle, peer, why: { code: 'impossible', cause } }))
  if (made) queueCommit(outbox, batch, group.number, made)
  return made !== undefined
}

async function commitUpdate(context: Context, outbox: Outbox, batch: Batch, group: LiveGroup): Promise<void> {
  const epoch = context.engine.epoch(group.state)
  const { pending, commit } = await context.engine.commit(group.state, {})
  context.groups.savePending(batch, group, pending)
  queueCommit(outbox, batch, group.number, { bundle: { epoch, commit } })
}

/** As the contract has it. */
function outgoing(context: Context, { item }: Queued): Outgoing {
  const conversationId = context.groups.get(item.group)?.record.conversationId ?? new Uint8Array()
  const { clientSequence, what } = item
  if (what.case === 'content') {
    const { epoch, ciphertext } = what.value
    return { clientSequence, conversationId, envelope: { case: 'application', value: { epoch, ciphertext } } }
  }
  if (what.case === 'rejoin') {
    const value = fromBinary(RejoinRequestSchema, what.value.request)
    return { clientSequence, conversationId, envelope: { case: 'rejoin', value } }
  }
  const bundle = what.case === 'commit' ? what.value.commitBundle : new Uint8Array()
  return {
    clientSequence,
    conversationId,
    envelope: { case: 'commit', value: fromBinary(CommitBundleSchema, bundle) },
  }
}

function bytesOf(what: Queued['item']['what']): number {
  if (what.case === 'content') return what.value.ciphertext.length
  return what.case === 'commit' ? what.value.commitBundle.length : 0
}

/** In the order given, in frames of at most so many envelopes and SEND_BYTES (one larger envelope aside). */
export function framesOf(context: Context, queued: readonly Queued[], maxEnvelopes: number): Outgoing[][] {
  const frames: Outgoing[][] = []
  let room = 0
  for (const one of queued) {
    const { what } = one.item
    const size = bytesOf(what)
    const last = frames.at(-1)
    if (last && last.length < maxEnvelopes && size <= room) last.push(outgoing(context, one))
    else {
      frames.push([outgoing(context, one)])
      room = SEND_BYTES
    }
    room -= size
  }
  return frames
}
