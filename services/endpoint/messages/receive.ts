// From a Deliver frame to history: every envelope in its order, and all that a frame does in one write. Nothing
// is dropped in silence: what cannot be opened, and what is missing, becomes a line of the history.

import type { Envelope, OwnEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import type { SignedRejoinStatement } from '../../../gen/parley/v1/rejoin_pb.js'
import { MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { isTime } from '../../protocol/time.js'
import { LineDown } from '../codes/line-error.js'
import { crypto } from '../crypto.js'
import { takeRejoin, takeRosterLeave } from '../groups/rejoin.js'
import { can, hasLeft } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { clientSequenceOf, type Placed } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { passPlace, takeApplication } from './application.js'
import { receiveCommit, receiveOwnCommit } from './commits.js'
import { sayLateAgain } from './content/say-again.js'
import { missPlaces } from './fork-detection.js'
import { doubtOrder } from './fresh-keys.js'
import { joinByWelcome } from './join.js'
import { lostTogether } from './rejoin-requests.js'
import type { MessageParts } from './sealing/parts.js'
import { takeSuccessor } from './succession.js'
import { appendSystemMessage, appendUnreadable } from './system-message.js'

/** The highest place in an order that the vault has a key for. */
const MAX_SEQUENCE = 2n ** 62n
/** No group gets that far; a server may say any number. */
const MAX_EPOCH = 2n ** 62n

/** Takes one envelope in; everything it changes goes into the transaction. Throws LineDown for a number that no server gives. */
export async function takeIn(parts: MessageParts, tx: Transaction, envelope: Envelope): Promise<void> {
  if (!isPlaced(envelope)) throw new LineDown({ code: 'wrong-numbers' })
  const group = parts.groups.byId(envelope.conversationId)
  const content = envelope.envelope
  if (content.case === 'welcome') return await joinByWelcome(parts, tx, envelope, content.value)
  if (!group && content.case === 'missed') return tellMissed(tx, content.value.count)
  // This device is not in the conversation: it could not open the welcome, and has told that.
  if (!group || envelope.sequence <= group.record.lastSequence) return
  hear(parts, tx, group, envelope)
  doubtOrder(parts, tx, group)
  if (content.case === 'successor')
    takeSuccessor(parts, tx, group, { successor: content.value, place: envelope })
  // Until this device is added again there is nothing that it could open.
  if (group.phase.name === 'out-of-sync' && content.case !== 'own') {
    if (content.case === 'rejoin') lostTogether(parts, tx, group, content.value, envelope)
    return
  }
  // A person has left it, or accepted another key for whom it was with.
  const isOver = group.phase.name === 'ended' && hasLeft(group.phase)
  if (isOver && content.case !== 'own') return
  parts.groups.change(tx, group, { lastSequence: envelope.sequence })
  if (content.case === 'application')
    await takeApplication(parts, tx, group, envelope, content.value.ciphertext)
  else if (content.case === 'commit') await receiveCommit(parts, tx, group, envelope, content.value)
  else if (content.case === 'own') await takeEcho(parts, tx, group, envelope, content.value)
  else if (content.case === 'rejoin') receiveRejoin(parts, tx, group, envelope, content.value)
  else if (content.case === 'leave') takeRosterLeave(parts, tx, group, content.value)
  else if (content.case === 'missed') {
    parts.groups.change(tx, group, { log: missPlaces(group.record.log) })
    appendUnreadable(parts, tx, group, envelope, { code: 'expired', count: content.value.count })
  }
}

/** Others have come further than this device: a request to be taken in again counts from there. */
function hear(
  { groups }: Pick<MessageParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  { envelope: { case: name, value } }: Envelope,
): void {
  // A commit leads to the next one, whatever its members make of it.
  const epoch = name === 'commit' ? value.epoch + 1n : name === 'application' ? value.epoch : 0n
  if (epoch > group.record.heardEpoch && epoch <= MAX_EPOCH) groups.change(tx, group, { heardEpoch: epoch })
}

/** Its place and its time are some that the vault can keep. */
const isPlaced = (envelope: Envelope): envelope is Placed<Envelope> =>
  envelope.sequence <= MAX_SEQUENCE && isTime(envelope.storedAtMs)

function receiveRejoin(
  parts: Pick<MessageParts, 'account' | 'clock' | 'conversations' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  envelope: Placed<Envelope>,
  request: SignedRejoinStatement,
): void {
  const who = takeRejoin(parts, tx, group, request)
  if (who !== undefined && can(group.phase, 'show'))
    appendSystemMessage(parts, tx, group, envelope, { code: 'device-rejoins', who })
}

/** Nothing of the conversation is here: the server deleted its welcome with the rest. */
function tellMissed(tx: Transaction, count: bigint): void {
  tx.tell({ type: 'notice', level: 'warning', notice: { code: 'welcome-expired', count } })
}

/** A send of this device stands at this place of the order; a commit takes effect here. */
async function takeEcho(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  envelope: Placed<Envelope>,
  own: OwnEnvelope,
): Promise<void> {
  const clientSequence = clientSequenceOf(own.clientSequence)
  parts.outbox.accepted(tx, clientSequence)
  const done = parts.outbox.echoed(tx, clientSequence)
  if (!done) return takeUnknownEcho(parts, tx, group, envelope, own)
  const { what } = done.item
  if (what.case === 'commit') return receiveOwnCommit(parts, tx, group, envelope, what.value.intents)
  if (what.case !== 'content') return
  const digest = crypto.sha256(what.value.ciphertext)
  passPlace(parts, tx, group, { sequence: envelope.sequence, digest })
  if (what.value.message === 0n) return
  const id = { conversation: group.record.conversation, message: what.value.message }
  parts.conversations.update(tx, id, { status: MessageStatus.STORED, sequence: envelope.sequence })
  sayLateAgain(parts, tx, group, id)
}

/** The server says that this device sent something here, of which it knows nothing: a lie, or a copy of its vault in use. */
function takeUnknownEcho(
  parts: Pick<MessageParts, 'contacts' | 'conversations' | 'engine' | 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  envelope: Placed<Envelope>,
  { ciphertextHash: digest }: OwnEnvelope,
): void {
  if (digest.length > 0) passPlace(parts, tx, group, { sequence: envelope.sequence, digest })
  // It is known already where a copy was put back: this device asks to be taken in again.
  if (group.phase.name !== 'out-of-sync')
    appendUnreadable(parts, tx, group, envelope, { code: 'unknown-echo' })
}
