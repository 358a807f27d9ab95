// What is done above a group because of what happened in it.

import { create, toBinary } from '@bufbuild/protobuf'
import { GroupKind } from '../../../gen/parley/content/v1/room_pb.js'
import { RejoinRequestSchema } from '../../../gen/parley/v1/chat_pb.js'
import { OutboxRejoinSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { makeRejoin } from '../../protocol/conversation/rejoin-request.js'
import type { Context } from '../context.js'
import { crypto } from '../crypto.js'
import type { GroupInput } from '../groups/group.js'
import type { LiveGroup } from '../groups/groups.js'
import { settingsOf } from '../groups/membership.js'
import { type OuterEffect, transition } from '../groups/transition.js'
import type { Batch } from '../vault/records.js'
import type { Outbox } from './outbox.js'
import { putBack } from './put-back.js'
import { type Place, tell } from './system-message.js'
import { failWaiting } from './unsent.js'

/** Where and by whom it happened; unless given, here and now. */
export interface Happened {
  place?: Place
  /** A handle. */
  by?: string
}

/** Something has happened in a group: it is in another phase, and all that follows from that is done. */
export function move(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  input: GroupInput,
  happened: Happened = {},
): void {
  carryOut(context, batch, group, transition(context, batch, group, input), happened)
}

export function carryOut(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  effects: readonly OuterEffect[],
  happened: Happened = {},
): void {
  for (const effect of effects) act(context, batch, group, effect, happened)
}

function act(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  effect: OuterEffect,
  { place = now(context, group), by = '' }: Happened,
): void {
  const { conversation } = group.record
  const isRoom = settingsOf(context, group).kind === GroupKind.ROOM
  const failure = isRoom ? ({ failure: 'not-in-room' } as const) : {}
  const acts: Record<OuterEffect, () => void> = {
    'withdraw-commit': () => withdrawCommit(context.outbox, batch, group),
    'put-back': () => putBack(context, batch, group, { rejoinToo: true, ...failure }),
    'fail-texts': () => isRoom && failWaiting(context, batch, conversation, 'not-in-room'),
    'ask-to-rejoin': () => askToRejoin(context, batch, group),
    'tell-ready': () => tellReady(context, batch, conversation),
    'tell-left': () => tell(context, batch, group, place, { code: 'you-left' }),
    'tell-removed': () => isRoom && tell(context, batch, group, place, { code: 'you-were-removed', who: by }),
  }
  acts[effect]()
}

function withdrawCommit(outbox: Outbox, batch: Batch, { number }: LiveGroup): void {
  outbox.drop(batch, ({ item }) => item.group === number && item.what.case === 'commit')
}

/** The device asks to be removed and added again. */
function askToRejoin(context: Context, batch: Batch, group: LiveGroup): void {
  const { conversationId } = group.record
  context.groups.change(batch, group, { rejoinAskedMs: BigInt(context.clock.now()) })
  const request = makeRejoin(crypto, { conversationId, device: context.account.device })
  const value = create(OutboxRejoinSchema, { request: toBinary(RejoinRequestSchema, request) })
  context.outbox.add(batch, group.number, { case: 'rejoin', value })
}

const now = ({ clock }: Context, { record }: LiveGroup): Place => ({
  sequence: record.lastSequence,
  storedAtMs: BigInt(clock.now()),
})

function tellReady({ conversations }: Context, batch: Batch, conversation: bigint): void {
  batch.tell({ type: 'conversation', peer: conversations.peer(conversation), conversation, state: 'ready' })
}
