// The work above a group because of what happened in it.

import { create } from '@bufbuild/protobuf'
import { OutboxRejoinSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { REJOIN_EPOCHS } from '../../protocol/conversation/limits.js'
import { makeRejoinStatement } from '../../protocol/conversation/rejoin-statement.js'
import { crypto } from '../crypto.js'
import { isRoom } from '../groups/membership.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { GroupInput } from '../groups/state/transitions.js'
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
  const isOfRoom = isRoom(group)
  const isOver = group.phase.name === 'ended' && group.phase.why !== 'succeeded'
  const failure = isOfRoom && isOver ? ({ failure: 'not-in-room' } as const) : {}
  const acts: Record<OuterEffect, () => void> = {
    'withdraw-commit': () => withdrawCommit(parts.outbox, tx, group),
    'put-back': () => putBack(parts, tx, group, { rejoinToo: true, ...failure }),
    'fail-texts': () => isOfRoom && failWaiting(parts, tx, conversation, 'not-in-room'),
    'ask-to-rejoin': () => askToRejoin(parts, tx, group),
    'tell-ready': () => tellReady(parts, tx, conversation),
    'tell-left': () => appendSystemMessage(parts, tx, group, place, { code: 'you-left' }),
    'tell-removed': () =>
      isOfRoom && appendSystemMessage(parts, tx, group, place, { code: 'you-were-removed', who: by }),
  }
  acts[effect]()
}

/** One that is on its way is rejected, or comes to nothing. */
function withdrawCommit(outbox: Outbox, tx: Transaction, { number }: LiveGroup): void {
  outbox.drop(tx, ({ item }) => item.group === number && item.what.case === 'commit')
}

/** A stream begins, and what was on its way is not at the server: a commit that nothing can come of is not sent again. */
export function dropWithdrawn(
  { groups }: Pick<MessageParts, 'groups'>,
  outbox: Outbox,
  tx: Transaction,
): void {
  outbox.drop(tx, ({ item }) => {
    const group = groups.get(item.group)
    return item.what.case === 'commit' && !(group && can(group.phase, 'adopt'))
  })
}

/** The device asks to be removed and added again. */
function askToRejoin(
  parts: Pick<MessageParts, 'account' | 'clock' | 'groups' | 'outbox'>,
  tx: Transaction,
  group: LiveGroup,
): void {
  const { groupId, incarnation, state } = group.held
  const lastEpoch = epochToName(group)
  parts.groups.change(tx, group, { rejoinAskedMs: BigInt(parts.clock.now()), rejoinEpoch: lastEpoch })
  const { device } = parts.account
  const request = makeRejoinStatement(
    crypto,
    { groupId, incarnation, head: state.head, lastEpoch },
    { device },
  )
  const value = create(OutboxRejoinSchema, { request })
  parts.outbox.add(tx, group.number, { case: 'rejoin', value })
}

/**
 * The epoch from which on the request counts: the last one that this device was in, unless others are so far ahead that it
 * would not count any more. That they are is the server's word, so every other request does without it.
 */
function epochToName({ held: { epoch }, record: { heardEpoch, rejoinEpoch } }: LiveGroup): bigint {
  const isFarAhead = heardEpoch - epoch >= REJOIN_EPOCHS
  return isFarAhead && rejoinEpoch !== heardEpoch ? heardEpoch : epoch
}

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
