// A message of a member, opened: whose it is, whether something before it is missing, and what it does. Nothing is dropped
// in silence: a message that cannot be read, and one that is missing, becomes a line of the history.

import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { memberOf } from '../../protocol/conversation/chain/state.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { sameKey } from '../../protocol/keys.js'
import { notOpened } from '../codes/unreadable.js'
import { crypto } from '../crypto.js'
import { listedHandle } from '../groups/known-devices.js'
import { isOwn } from '../groups/membership.js'
import { isIn } from '../groups/state/group.js'
import type { LiveGroup, Sender } from '../groups/state/groups.js'
import { type AccountKey, type Count, countOf, type DeviceKey, type Placed } from '../ids.js'
import { wipe } from '../mls/engine.js'
import type { Transaction } from '../vault/records.js'
import type { Received } from './content/content-type.js'
import { inputOf, takeBody, traitsOf } from './content/registry.js'
import { askAgain } from './content/resend-request.js'
import { differs, FORKED_LOG, passEnvelope, resume } from './fork-detection.js'
import { compareList } from './lists/compared-lists.js'
import { owedUpTo, skipped, withMissing, withoutMissing } from './missing.js'
import { stateLost } from './rejoin-requests.js'
import { admit, showIfRoom } from './requests.js'
import { decodeContent } from './sealing/format.js'
import type { MessageParts } from './sealing/parts.js'
import { noteHeard } from './succession.js'
import { appendUnreadable } from './system-message.js'
import { move } from './transition.js'

const NO_COUNT = countOf(0n)

/** Takes in an application envelope, which stands at its place of the order. */
export async function takeApplication(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  envelope: Placed<Envelope>,
  ciphertext: Uint8Array,
): Promise<void> {
  const { engine, groups } = parts
  passPlace(parts, tx, group, { sequence: envelope.sequence, digest: crypto.sha256(ciphertext) })
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
  const { conversation } = group.record
  if (!isBlocked) showIfRoom(parts, tx, conversation)
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
  // It is asked for when a person has let them in.
  if (!isBlocked && parts.conversations.isFull(conversation)) {
    const unkept = isResent ? content.resentCount : content.count
    return parts.groups.saveSender(tx, group, withMissing(sender, [unkept]))
  }
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
  const asker = isOurs ? parts.conversations.askedBy(conversation) : undefined
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

/** An application envelope, whatever is in it, stands at this place of the order. */
export function passPlace(
  { groups }: Pick<MessageParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  passed: Placed<{ digest: Uint8Array }>,
): void {
  groups.change(tx, group, { log: passEnvelope(group.record.log, passed) })
}
