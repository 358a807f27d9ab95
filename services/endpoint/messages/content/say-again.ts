// A room has gone on in a group that some were not in, and all change to a further one; or nobody has answered in a direct
// conversation, and it is begun anew: what this device has said in the group before is said again there, for those who have
// not heard it. Others know it from before.

import { MessageKind } from '../../../../gen/parley/vault/v1/records_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import { isSaidElsewhere } from '../../../protocol/conversation/text-statement.js'
import { sameKey } from '../../../protocol/keys.js'
import type { MessageId } from '../../events.js'
import { isOwn, isRoom } from '../../groups/membership.js'
import { isIn } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { type Count, countOf, larger, type MessageNumber, smaller } from '../../ids.js'
import type { KeyOf, RecordOf, Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { waitFor } from '../sealing/unsent.js'
import type { Received } from './content-type.js'

/** Lines that are said again at most: where many are, nobody says what has arrived (content/receipt.ts). */
const SAID_AGAIN = 1_000
/** The last lines of a conversation, among which one that is said again is looked for. */
const LOOKED_AT = 2 * SAID_AGAIN
const PAGE = 100
/** Lines that were written so long before, in ms, are none that is said again: clocks differ by less. */
const CLOCKS_DIFFER_MS = 600_000n
/** A line that is said again was written so long before, in ms, at least. */
const SAID_BEFORE_MS = 3_000n
const NO_COUNT = countOf(0n)
const ALL = countOf(2n ** 62n)

/**
 * A later group takes the place of this one: the lines that not all members have wait to be sealed there. They stay what they
 * are to a person: some have them.
 */
export function sayAgain(parts: Pick<MessageParts, 'account'>, tx: Transaction, group: LiveGroup): void {
  const { conversation } = group.record
  const unheard = tx.list('sent', { group: group.number, after: confirmedByMembers(parts, group) })
  for (const { key, record } of unheard.slice(-SAID_AGAIN))
    waitAgain(tx, key, { conversation, message: record.message })
}

/**
 * The server has stored a line of this device behind a Successor of its group: it is said again in the next one, for those
 * who are there alone.
 */
export function sayLateAgain(
  { groups }: Pick<MessageParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  id: MessageId,
): void {
  if (!isRoom(group) || group.record.successors.length === 0) return
  // This account has left meanwhile, or was taken out.
  if (!groups.ofChain(group.held.state.id).some(({ phase }) => isIn(phase))) return
  const sent = tx.list('sent', { group: group.number }).find(({ record }) => record.message === id.message)
  if (sent) waitAgain(tx, sent.key, id)
}

function waitAgain(tx: Transaction, place: KeyOf<'sent'>, id: MessageId): void {
  tx.delete('undelivered', place)
  tx.delete('sent', place)
  waitFor(tx, id)
}

/** How many of the sends of this device every other member has, those too of whom no device is in the group. */
function confirmedByMembers(parts: Pick<MessageParts, 'account'>, group: LiveGroup): Count {
  const others = group.held.state.members.filter(member => !isOwn(parts, member))
  const confirmed = others.map(({ accountKey }) =>
    group.held.leaves
      .filter(leaf => sameKey(leaf.accountKey, accountKey))
      .map(({ deviceKey }) => group.sender(deviceKey).confirmed)
      .reduce(larger, NO_COUNT),
  )
  return confirmed.reduce(smaller, ALL)
}

interface Row {
  key: KeyOf<'messages'>
  record: RecordOf<'messages'>
}

/** Whether it was heard in another group, which this one has taken the place of. `statement`: the text, as it is signed here. */
export function wasHeard(
  { records }: Pick<MessageParts, 'records'>,
  { group, envelope, content, device }: Received,
  statement: Uint8Array,
): boolean {
  // A device says again early in a group, or some time after it was written.
  const isFirst = content.count <= BigInt(SAID_AGAIN)
  const isLong = envelope.storedAtMs - content.sentAtMs >= SAID_BEFORE_MS
  if (group.record.incarnation === 1 || !(isFirst || isLong)) return false
  const isIt = ({ record }: Row) =>
    record.kind === MessageKind.TEXT &&
    record.sentAtMs === content.sentAtMs &&
    equalBytes(record.fromDevice, device) &&
    isSaidElsewhere(record.statement, statement)
  let before: MessageNumber | undefined
  for (let looked = 0; looked < LOOKED_AT; looked += PAGE) {
    const rows = records.list('messages', {
      ...{ group: group.record.conversation, reverse: true, limit: PAGE },
      ...(before !== undefined && { before }),
    })
    if (rows.some(isIt)) return true
    const isEarlier = rows.every(({ record }) => record.sentAtMs < content.sentAtMs - CLOCKS_DIFFER_MS)
    if (rows.length < PAGE || isEarlier) return false
    before = rows.at(-1)!.key.id
  }
  return false
}
