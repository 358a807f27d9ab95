// From a Deliver frame to history: every envelope in its order, and all that a frame does in one write. Nothing
// is dropped in silence: what cannot be opened, and what is missing, becomes a line of the history.

import type { Envelope, OwnEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import type { SignedRejoinStatement } from '../../../gen/parley/v1/rejoin_pb.js'
import { MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { memberOf } from '../../protocol/conversation/chain/state.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { sameKey } from '../../protocol/keys.js'
import { isTime } from '../../protocol/time.js'
import { LineDown } from '../codes/line-error.js'
import { notOpened } from '../codes/unreadable.js'
import { crypto } from '../crypto.js'
import { listedHandle } from '../groups/known-devices.js'
import { isOwn } from '../groups/membership.js'
import { takeRejoin, takeRosterLeave } from '../groups/rejoin.js'
import { can, hasLeft, isIn } from '../groups/state/group.js'
import type { LiveGroup, Sender } from '../groups/state/groups.js'
import {
  type AccountKey,
  type Count,
  clientSequenceOf,
  countOf,
  type DeviceKey,
  type Placed,
} from '../ids.js'
import { wipe } from '../mls/engine.js'
import type { Transaction } from '../vault/records.js'
import { receiveCommit, receiveOwnCommit } from './commits.js'
import type { Received } from './content/content-type.js'
import { inputOf, takeBody, traitsOf } from './content/registry.js'
import { askAgain } from './content/resend-request.js'
import { differs, FORKED_LOG, missPlaces, passEnvelope, resume } from './fork-detection.js'
import { doubtOrder } from './fresh-keys.js'
import { joinByWelcome } from './join.js'
import { compareList } from './lists/compared-lists.js'
import { owedUpTo, skipped, withMissing, withoutMissing } from './missing.js'
import { lostTogether, stateLost } from './rejoin-requests.js'
import { admit } from './requests.js'
import { decodeContent } from './sealing/format.js'
import type { MessageParts } from './sealing/parts.js'
import { isWaiting } from './sealing/unsent.js'
import { noteHeard, takeSuccessor } from './succession.js'
import { appendSystemMessage, appendUnreadable } from './system-message.js'
import { move } from './transition.js'

/** The highest place in an order that the vault has a key for. */
const MAX_SEQUENCE = 2n ** 62n
/** No group gets that far; a server may say any number. */
const MAX_EPOCH = 2n ** 62n
const NO_COUNT = countOf(0n)

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
  if (content.case === 'successor') takeSuccessor(parts, tx, group, content.value)
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

async function takeApplication(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  envelope: Placed<Envelope>,
  ciphertext: Uint8Array,
): Promise<void> {
  const { engine, groups } = parts
  pass(parts, tx, group, { sequence: envelope.sequence, digest: crypto.sha256(ciphertext) })
  const opened = await engine.open(group.state, ciphertext, () => false)
  if (opened.kind !== 'application') {
    appendUnreadable(parts, tx, group, envelope, notOpened(opened))
    if (opened.kind === 'future-epoch') stateLost(parts, tx, group)
    return
  }
  groups.advance(tx, group, opened.state, opened.changed)
  tx.after(() => wipe(opened.spent))
  const content = decodeContent(opened.plaintext)
  const { identity: certificate } = opened.sender
  const { accountKey } = parseVerifiedCertificate(certificate)
  const isBlocked = parts.contacts.isBlocked(accountKey)
  if (!content && isBlocked) return
  if (!content) return appendUnreadable(parts, tx, group, envelope, { code: 'bad-content', from: accountKey })
  const device = opened.sender.signatureKey
  if (!isInUse(parts, group, { accountKey, device }))
    return appendUnreadable(parts, tx, group, envelope, { code: 'not-in-use', from: accountKey })
  noteHeard(parts, tx, group, accountKey)
  if (!isBlocked) parts.contacts.heard(tx, accountKey, Number(envelope.storedAtMs))
  const isOurs = isOwn(parts, { accountKey })
  const handle = listedHandle(parts.lists, accountKey)
  const received = { group, envelope, content, handle, accountKey, device, certificate, isOurs }
  await takeContent(parts, tx, received, { epoch: opened.epoch, isBlocked })
}

/**
 * Whether the device is one of its account's by all that is known here, and the account is of the conversation, where
 * that has gone on in another group: what others say is held back.
 */
function isInUse(
  { groups, lists }: Pick<MessageParts, 'groups' | 'lists'>,
  { held, phase }: LiveGroup,
  { accountKey, device }: { accountKey: AccountKey; device: DeviceKey },
): boolean {
  const used = lists.inUse(accountKey)
  if (used && !used.some(({ deviceKey }) => sameKey(deviceKey, device))) return false
  if (phase.name !== 'ended' || phase.why !== 'succeeded') return true
  const [present] = groups.ofChain(held.state.id).filter(each => isIn(each.phase))
  return !present || memberOf(present.held.state, accountKey) !== undefined
}

/** `isBlocked`: a person wants to hear nothing of them; nothing is shown, and nothing said to them. */
async function takeContent(
  parts: MessageParts,
  tx: Transaction,
  received: Received,
  { epoch, isBlocked }: { epoch: bigint; isBlocked: boolean },
): Promise<void> {
  const { group, envelope, content, accountKey, device, isOurs } = received
  const before = inSeries(group.sender(device), content.joinedEpoch)
  if (content.joinedEpoch < before.joinedEpoch || content.count <= before.received) return
  const isMissing = content.count > before.received + 1n && !isBlocked && mayMiss(group, before)
  const counts = isMissing ? skipped(before.received + 1n, content.count - 1n) : []
  let sender = withMissing(before, counts)
  if (isMissing) await missed(parts, tx, received, before, counts)
  sender = { ...sender, heardEpoch: epoch, heardAtMs: envelope.storedAtMs, received: content.count }
  const isResent = content.resentCount > 0n
  if (isResent && !sender.missing.includes(content.resentCount))
    return parts.groups.saveSender(tx, group, sender)
  if (isResent) sender = withoutMissing(sender, [content.resentCount])
  compareList(parts, received, epoch)
  const { body } = content
  const traits = traitsOf(body.case)
  // Devices of one account owe each other no receipts.
  if (traits?.owesReceipt !== false && !isBlocked && !isOurs)
    sender = { ...sender, owed: owedUpTo(sender, content.count) }
  if (differs(group.record.log, content.logTag)) {
    sender = { ...sender, differedEpoch: epoch, differedAtMs: envelope.storedAtMs }
    tellForked(parts, tx, group, envelope, accountKey)
  }
  if (group.record.log.case === 'gap')
    parts.groups.change(tx, group, { log: resume(group.record.log, content.logTag) })
  parts.groups.saveSender(tx, group, sender)
  if (isOurs) parts.devices.change(tx, device, { lastHeardMs: envelope.storedAtMs })
  const asker = isOurs ? parts.conversations.askedBy(group.record.conversation) : undefined
  // Another device of this account speaks with them.
  if (asker) admit(parts, tx, asker, { isToTell: false })
  if (isBlocked && !traits?.fromBlocked) return
  if (body.case === undefined)
    return appendUnreadable(parts, tx, group, envelope, { code: 'unknown-content', from: accountKey })
  const input = inputOf(received, body)
  if (input) move(parts, tx, group, input, { place: envelope })
  await takeBody(parts, tx, received, body)
}

/** A device that joined again counts from 1 again. */
function inSeries(sender: Sender, joinedEpoch: bigint): Sender {
  if (joinedEpoch <= sender.joinedEpoch) return sender
  return { ...sender, joinedEpoch, received: NO_COUNT, owed: NO_COUNT, receipted: NO_COUNT, missing: [] }
}

/** A message from before this device came is not missing here. */
const mayMiss = ({ record }: LiveGroup, sender: Sender): boolean =>
  sender.received > 0n || sender.joinedEpoch >= record.owedSinceEpoch

/** Something of a device did not arrive: says so, and asks for it. */
async function missed(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'contacts' | 'conversations' | 'engine' | 'groups' | 'lists' | 'outbox'
  >,
  tx: Transaction,
  { group, envelope, content, accountKey, device }: Received,
  before: Sender,
  counts: readonly Count[],
): Promise<void> {
  const count = content.count - before.received - 1n
  appendUnreadable(parts, tx, group, envelope, { code: 'gap', from: accountKey, count })
  await askAgain(parts, tx, group, { deviceId: device, counts })
}

function tellForked(
  parts: Pick<MessageParts, 'contacts' | 'conversations' | 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  envelope: Placed<Envelope>,
  from: AccountKey,
): void {
  appendUnreadable(parts, tx, group, envelope, { code: 'forked', from })
  parts.groups.change(tx, group, { log: FORKED_LOG })
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
  pass(parts, tx, group, { sequence: envelope.sequence, digest })
  if (what.value.message === 0n) return
  const id = { conversation: group.record.conversation, message: what.value.message }
  // It is to be said again in another group.
  if (isWaiting(parts, id)) return
  parts.conversations.update(tx, id, { status: MessageStatus.STORED, sequence: envelope.sequence })
}

/** The server says that this device sent something here, of which it knows nothing: a lie, or a copy of its vault in use. */
function takeUnknownEcho(
  parts: Pick<MessageParts, 'contacts' | 'conversations' | 'engine' | 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  envelope: Placed<Envelope>,
  { ciphertextHash: digest }: OwnEnvelope,
): void {
  if (digest.length > 0) pass(parts, tx, group, { sequence: envelope.sequence, digest })
  // It is known already where a copy was put back: this device asks to be taken in again.
  if (group.phase.name !== 'out-of-sync')
    appendUnreadable(parts, tx, group, envelope, { code: 'unknown-echo' })
}

/** An application envelope stands at this place of the order. */
function pass(
  { groups }: Pick<MessageParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  passed: Placed<{ digest: Uint8Array }>,
): void {
  groups.change(tx, group, { log: passEnvelope(group.record.log, passed) })
}
