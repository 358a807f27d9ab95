// The work above a group because of what happened in it.

import { create, toBinary } from '@bufbuild/protobuf'
import { GroupKind } from '../../../gen/parley/content/v1/room_pb.js'
import { RejoinRequestSchema } from '../../../gen/parley/v1/chat_pb.js'
import { OutboxRejoinSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { makeRejoin } from '../../protocol/conversation/rejoin-request.js'
import { crypto } from '../crypto.js'
import { settingsOf } from '../groups/membership.js'
import type { GroupInput } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { type OuterEffect, transition } from '../groups/transition.js'
import type { Batch } from '../vault/records.js'
import { putBack } from './put-back.js'
import type { Outbox } from './sealing/outbox.js'
import type { MessageParts } from './sealing/parts.js'
import { failWaiting } from './sealing/unsent.js'
import { type Place, tell } from './system-message.js'

/** Where and by whom it happened; unless given, here and now. */
export interface Happened {
  place?: Place
  /** A handle. */
  by?: string
}

/** Something has happened in a group: it is in another phase, and all that follows from that is done. */
export function move(
  parts: MessageParts,
  batch: Batch,
  group: LiveGroup,
  input: GroupInput,
  happened: Happened = {},
): void {
  carryOut(parts, batch, group, transition(parts, batch, group, input), happened)
}

export function carryOut(
  parts: MessageParts,
  batch: Batch,
  group: LiveGroup,
  effects: readonly OuterEffect[],
  happened: Happened = {},
): void {
  for (const effect of effects) act(parts, batch, group, effect, happened)
}

function act(
  parts: MessageParts,
  batch: Batch,
  group: LiveGroup,
  effect: OuterEffect,
  { place = now(parts, group), by = '' }: Happened,
): void {
  const { conversation } = group.record
  const isRoom = settingsOf(parts, group).kind === GroupKind.ROOM
  const failure = isRoom ? ({ failure: 'not-in-room' } as const) : {}
  const acts: Record<OuterEffect, () => void> = {
    'withdraw-commit': () => withdrawCommit(parts.outbox, batch, group),
    'put-back': () => putBack(parts, batch, group, { rejoinToo: true, ...failure }),
    'fail-texts': () => isRoom && failWaiting(parts, batch, conversation, 'not-in-room'),
    'ask-to-rejoin': () => askToRejoin(parts, batch, group),
    'tell-ready': () => tellReady(parts, batch, conversation),
    'tell-left': () => tell(parts, batch, group, place, { code: 'you-left' }),
    'tell-removed': () => isRoom && tell(parts, batch, group, place, { code: 'you-were-removed', who: by }),
  }
  acts[effect]()
}

function withdrawCommit(outbox: Outbox, batch: Batch, { number }: LiveGroup): void {
  outbox.drop(batch, ({ item }) => item.group === number && item.what.case === 'commit')
}

/** The device asks to be removed and added again. */
function askToRejoin(
  parts: Pick<MessageParts, 'account' | 'clock' | 'groups' | 'outbox'>,
  batch: Batch,
  group: LiveGroup,
): void {
  const { conversationId } = group.record
  parts.groups.change(batch, group, { rejoinAskedMs: BigInt(parts.clock.now()) })
  const request = makeRejoin(crypto, { conversationId, device: parts.account.device })
  const value = create(OutboxRejoinSchema, { request: toBinary(RejoinRequestSchema, request) })
  parts.outbox.add(batch, group.number, { case: 'rejoin', value })
}

const now = ({ clock }: Pick<MessageParts, 'clock'>, { record }: LiveGroup): Place => ({
  sequence: record.lastSequence,
  storedAtMs: BigInt(clock.now()),
})

function tellReady(
  { conversations }: Pick<MessageParts, 'conversations'>,
  batch: Batch,
  conversation: bigint,
): void {
  batch.tell({ type: 'conversation', peer: conversations.peer(conversation), conversation, state: 'ready' })
}
