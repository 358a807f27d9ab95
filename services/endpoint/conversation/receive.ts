// From a Deliver frame to history: every envelope in its order, and all that a frame does in one write. Nothing
// is dropped in silence: what cannot be opened, and what is missing, becomes a line of the history.

import type { Content, Receipt } from '../../../gen/parley/content/v1/content_pb.js'
import type { DeliveredCommit, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import {
  GroupStatus,
  MessageKind,
  MessageStatus,
  type Sender,
} from '../../../gen/parley/vault/v1/records_pb.js'
import { RpcError } from '../../rpc/error.js'
import type { Context } from '../context.js'
import { readCertificate } from '../identity/certificate.js'
import { type Change, wipe } from '../mls/engine.js'
import type { Batch } from '../records.js'
import { decodeContent } from './content.js'
import type { LiveGroup } from './groups.js'
import { joinByWelcome } from './join.js'
import type { Outbox } from './outbox.js'
import { type Unreadable, unreadable } from './unreadable.js'

/** The highest place in an order that the vault has a key for. */
const MAX_SEQUENCE = 2n ** 62n

/** Takes one envelope in; everything it changes goes into the batch. Throws RpcError for a number that no server gives. */
export async function takeIn(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  envelope: Envelope,
): Promise<void> {
  if (envelope.sequence > MAX_SEQUENCE) throw new RpcError('INTERNAL', 'the server numbers envelopes wrongly')
  const group = context.groups.byId(envelope.conversationId)
  const content = envelope.envelope
  if (content.case === 'welcome') return await joinByWelcome(context, batch, envelope, content.value.welcome)
  if (!group && content.case === 'missed') return tellMissed(batch, content.value.count)
  // Of a conversation that this device is not in: its welcome could not be opened, which was told.
  if (!group || envelope.sequence <= group.record.lastSequence) return
  group.record.lastSequence = envelope.sequence
  if (content.case === 'application')
    await takeApplication(context, batch, group, envelope, content.value.ciphertext)
  else if (content.case === 'commit') await takeCommit(context, batch, group, envelope, content.value)
  else if (content.case === 'own')
    await takeEcho(context, outbox, batch, group, envelope, content.value.clientSequence)
  else if (content.case === 'missed')
    show(context, batch, group, envelope, unreadable({ kind: 'expired', count: content.value.count }))
  context.groups.save(batch, group)
}

/** Of a conversation that nothing is here of: its welcome is among what is gone. */
function tellMissed(batch: Batch, count: bigint): void {
  const { cause } = unreadable({ kind: 'expired', count })
  batch.tell({
    type: 'notice',
    level: 'warning',
    text: `of a conversation that somebody opened with you: ${cause}. Ask whom you expect to hear from`,
  })
}

async function takeApplication(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  ciphertext: Uint8Array,
): Promise<void> {
  const opened = await context.engine.open(group.state, ciphertext, () => false)
  if (opened.kind !== 'application') return show(context, batch, group, envelope, unreadable(opened))
  group.state = opened.state
  context.groups.saveRatchet(batch, group, opened.changed)
  batch.after(() => wipe(opened.spent))
  const content = decodeContent(opened.plaintext)
  const { handle } = readCertificate(opened.sender.identity)
  if (!content)
    return show(context, batch, group, envelope, unreadable({ kind: 'bad-content', from: handle }))
  context.contacts.heard(batch, handle, Number(envelope.storedAtMs))
  takeContent(context, batch, group, envelope, { content, handle, device: opened.sender.signatureKey })
}

interface Received {
  content: Content
  handle: string
  device: Uint8Array
}

function takeContent(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  received: Received,
): void {
  const { content, handle, device } = received
  const sender = senderOf(group, device)
  if (content.count <= sender.received) return
  const missing = content.count - sender.received - 1n
  if (missing > 0n && (group.record.fromStart || sender.received > 0n))
    show(context, batch, group, envelope, unreadable({ kind: 'gap', from: handle, count: missing }))
  sender.received = content.count
  const { body } = content
  if (body.case === 'receipt' && handle !== context.account.handle)
    takeReceipt(context, batch, group, body.value)
  if (body.case !== 'receipt') sender.owed = content.count
  if (body.case === undefined)
    show(context, batch, group, envelope, unreadable({ kind: 'unknown-content', from: handle }))
  if (body.case !== 'text') return
  context.conversations.append(batch, group.record.conversation, {
    kind: MessageKind.TEXT,
    fromHandle: handle,
    fromDevice: device,
    text: body.value.text,
    sentAtMs: content.sentAtMs,
    status: MessageStatus.RECEIVED,
    sequence: envelope.sequence,
  })
}

function senderOf({ record }: LiveGroup, deviceId: Uint8Array): Sender {
  const known = record.senders.find(sender => Buffer.compare(sender.deviceId, deviceId) === 0)
  if (known) return known
  const made: Sender = {
    $typeName: 'parley.vault.v1.Sender',
    deviceId,
    received: 0n,
    owed: 0n,
    receipted: 0n,
  }
  record.senders.push(made)
  return made
}

/** Somebody's devices have what ours sent. */
function takeReceipt(context: Context, batch: Batch, group: LiveGroup, receipt: Receipt): void {
  const own = context.account.device.publicKey
  for (const { deviceId, count } of receipt.delivered) {
    if (Buffer.compare(deviceId, own) !== 0) continue
    // A receipt for more than was sent cannot mark what is sent later.
    const before = (count < group.record.nextCount ? count : group.record.nextCount - 1n) + 1n
    for (const { key, record } of context.records.list('undelivered', { group: group.number, before })) {
      context.conversations.update(batch, record, { status: MessageStatus.DELIVERED })
      batch.delete('undelivered', key)
    }
  }
}

async function takeCommit(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  { commit, rosterChange }: DeliveredCommit,
): Promise<void> {
  const opened = await context.engine.open(group.state, commit, mayChange)
  if (opened.kind === 'removed') return end(context, batch, group)
  if (opened.kind !== 'commit') return show(context, batch, group, envelope, unreadable(opened))
  group.state = opened.state
  context.groups.saveEpoch(batch, group)
  batch.after(() => wipe(opened.spent))
  // Ours lost, if there was one; the rejection follows, and what it was for comes up again.
  context.groups.savePending(batch, group, undefined)
  const added = opened.added.map(({ signatureKey }) => signatureKey)
  const removed = opened.removed.map(({ signatureKey }) => signatureKey)
  const claimed = rosterChange ?? { addedDeviceIds: [], removedDeviceIds: [] }
  if (!sameDevices(added, claimed.addedDeviceIds) || !sameDevices(removed, claimed.removedDeviceIds))
    batch.tell({
      type: 'notice',
      level: 'warning',
      text: `the server delivers the conversation with ${context.conversations.peer(group.record.conversation)} to other devices than its members agreed to`,
    })
}

/** A direct conversation stays between two accounts: only a member may change its own account's devices. */
function mayChange(change: Change): boolean {
  try {
    const committer = readCertificate(change.committer.identity)
    return [...change.added, ...change.removed].every(member => {
      const { handle, accountKey } = readCertificate(member.identity)
      return handle === committer.handle && Buffer.compare(accountKey, committer.accountKey) === 0
    })
  } catch {
    return false
  }
}

function sameDevices(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  const names = (devices: readonly Uint8Array[]) =>
    devices
      .map(device => Buffer.from(device).toString('hex'))
      .sort()
      .join()
  return names(a) === names(b)
}

function end(context: Context, batch: Batch, group: LiveGroup): void {
  group.record.status = GroupStatus.ENDED
  context.groups.savePending(batch, group, undefined)
}

/** What this device sent stands at this place of the order; a commit takes effect here. */
async function takeEcho(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  clientSequence: bigint,
): Promise<void> {
  outbox.accepted(clientSequence)
  const done = outbox.echoed(batch, clientSequence)
  if (!done) return
  const { what } = done.item
  if (what.case === 'commit') return adopt(context, batch, group)
  if (what.case !== 'content' || what.value.message === 0n) return
  const id = { conversation: group.record.conversation, message: what.value.message }
  context.conversations.update(batch, id, { status: MessageStatus.STORED, sequence: envelope.sequence })
}

function adopt(context: Context, batch: Batch, group: LiveGroup): void {
  if (!group.pending) return
  group.state = context.engine.adopt(group.state, group.pending)
  context.groups.savePending(batch, group, undefined)
  context.groups.saveEpoch(batch, group)
  const { record } = group
  record.committedAtMs = BigInt(Date.now())
  record.sealedSinceCommit = 0n
  if (record.status !== GroupStatus.CREATING) return
  record.status = GroupStatus.ACTIVE
  const { conversation } = record
  batch.tell({
    type: 'conversation',
    peer: context.conversations.peer(conversation),
    conversation,
    state: 'ready',
  })
}

function show(context: Context, batch: Batch, group: LiveGroup, envelope: Envelope, why: Unreadable): void {
  context.conversations.append(batch, group.record.conversation, {
    kind: why.missing ? MessageKind.GAP : MessageKind.UNREADABLE,
    fromHandle: why.from ?? '',
    failure: why.cause,
    remedy: why.remedy,
    sentAtMs: envelope.storedAtMs,
    status: MessageStatus.RECEIVED,
    sequence: envelope.sequence,
  })
}
