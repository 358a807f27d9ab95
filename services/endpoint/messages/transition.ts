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
import type { AccountKey, ConversationNumber } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { putBack } from './put-back.js'
import type { Outbox } from './sealing/outbox.js'
import type { MessageParts } from './sealing/parts.js'
import { failWaiting } from './sealing/unsent.js'
import { appendSystemMessage, type PlaceInOrder } from './system-message.js'

/** Where and by whom it happened; unless given, here and now. */
interface Happened {
  place?: PlaceInOrder
  by?: AccountKey
}

/** Something has happened in a group: it is in another phase, and all that follows from that is done. */
export function move(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  input: GroupInput,
  happened: Happened = {},
): void {
  carryOut(parts, tx, group, transition(parts, tx, group, input), happened)
}

export function carryOut(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  effects: readonly OuterEffect[],
  happened: Happened = {},
): void {
  for (const effect of effects) act(parts, tx, group, effect, happened)
}

function act(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  effect: OuterEffect,
  { place = now(parts, group), by = parts.account.account.publicKey }: Happened,
): void {
  const { conversation } = group.record
  const isRoom = settingsOf(parts, group).kind === GroupKind.ROOM
  const failure = isRoom ? ({ failure: 'not-in-room' } as const) : {}
  const acts: Record<OuterEffect, () => void> = {
    'withdraw-commit': () => withdrawCommit(parts.outbox, tx, group),
    'put-back': () => putBack(parts, tx, group, { rejoinToo: true, ...failure }),
    'fail-texts': () => isRoom && failWaiting(parts, tx, conversation, 'not-in-room'),
    'ask-to-rejoin': () => askToRejoin(parts, tx, group),
    'tell-ready': () => tellReady(parts, tx, conversation),
    'tell-left': () => appendSystemMessage(parts, tx, group, place, { code: 'you-left' }),
    'tell-removed': () =>
      isRoom && appendSystemMessage(parts, tx, group, place, { code: 'you-were-removed', who: by }),
  }
  acts[effect]()
}

function withdrawCommit(outbox: Outbox, tx: Transaction, { number }: LiveGroup): void {
  outbox.drop(tx, ({ item }) => item.group === number && item.what.case === 'commit')
}

/** The device asks to be removed and added again. */
function askToRejoin(
  parts: Pick<MessageParts, 'account' | 'clock' | 'engine' | 'groups' | 'outbox'>,
  tx: Transaction,
  group: LiveGroup,
): void {
  const { conversationId, heardEpoch } = group.record
  const epoch = parts.engine.epoch(group.state)
  parts.groups.change(tx, group, { rejoinAskedMs: BigInt(parts.clock.now()) })
  const request = makeRejoin(crypto, {
    ...{ conversationId, device: parts.account.device },
    lastEpoch: later(heardEpoch, epoch),
  })
  const value = create(OutboxRejoinSchema, { request: toBinary(RejoinRequestSchema, request) })
  parts.outbox.add(tx, group.number, { case: 'rejoin', value })
}

const later = (one: bigint, other: bigint): bigint => (one > other ? one : other)

const now = ({ clock }: Pick<MessageParts, 'clock'>, { record }: LiveGroup): PlaceInOrder => ({
  sequence: record.lastSequence,
  storedAtMs: BigInt(clock.now()),
})

function tellReady(
  { conversations }: Pick<MessageParts, 'conversations'>,
  tx: Transaction,
  conversation: ConversationNumber,
): void {
  tx.tell({ type: 'conversation', peer: conversations.peer(conversation), conversation, state: 'ready' })
}
