// Handing over what was said before: to another device of this account through the group of own devices, to a person
// who was invited to a room through the direct conversation with them. Part by part, as the outbox has room.

import { create, toBinary } from '@bufbuild/protobuf'
import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { type HistoryMessage, HistoryMessageSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import type { Message } from '../../../../gen/parley/vault/v1/records_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import { fixedConversationId } from '../../../protocol/conversation/chain/conversation-id.js'
import { type DeviceKey, sameKey, deviceKey as toDeviceKey } from '../../../protocol/keys.js'
import { KEY_BYTES } from '../../../protocol/sizes.js'
import { crypto } from '../../crypto.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { type ConversationNumber, isKey, messageNumber } from '../../ids.js'
import {
  type KeyOf,
  nextId,
  type RecordInit,
  type RecordOf,
  recordOf,
  type Transaction,
} from '../../vault/records.js'
import { isHolding } from '../sealing/held.js'
import type { MessageParts } from '../sealing/parts.js'
import { ownDeviceGroups, sealBody, sendingGroup } from '../sealing/seal.js'

/** Bytes of the messages of one part, one larger message aside, and what a message takes besides its own. */
const PART_BYTES = 46 * 1024
const MESSAGE_BYTES = 4
/** Messages that are read at once. */
const ROWS = 256
/** Parts that are sealed at once, and the places of the outbox that are left to what a person writes. */
const PARTS_AT_ONCE = 4
const OUTBOX_RESERVED = 16

type HistoryTransfer = RecordOf<'transfers'>
export type TransferInit = Omit<RecordInit<'transfers'>, '$typeName'>

/** Notes that the conversation is to be handed over, from its beginning or from where that had come. */
export function startTransfer(tx: Transaction, conversation: ConversationNumber, to: TransferInit): void {
  const wanted = recordOf('transfers', to)
  if (tx.list('transfers', { group: conversation }).some(({ record }) => isSame(record, wanted))) return
  tx.put('transfers', { group: conversation, id: nextId(tx, 'transfers', conversation) }, wanted)
}

const isSame = (one: HistoryTransfer, other: HistoryTransfer): boolean =>
  equalBytes(one.toAccount, other.toAccount) && equalBytes(one.toDevice, other.toDevice)

/** Seals the next parts of what is to be handed over, where there is a group for it. */
export async function sealTransfers(parts: MessageParts, tx: Transaction): Promise<void> {
  let sealed = 0
  for (const key of parts.records.keys('transfers')) {
    for (;;) {
      if (sealed >= PARTS_AT_ONCE || parts.outbox.room() <= OUTBOX_RESERVED) return
      const transfer = tx.get('transfers', key)
      const group = transfer && groupFor(parts, transfer)
      if (!transfer || !group || isHolding(tx, group)) break
      sealed++
      if (!(await sealPart(parts, tx, { key, transfer, group }))) break
    }
  }
}

function groupFor(
  parts: Pick<
    MessageParts,
    'account' | 'contacts' | 'conversations' | 'devices' | 'engine' | 'groups' | 'lists'
  >,
  { toDevice, toAccount }: HistoryTransfer,
): LiveGroup | undefined {
  if (isKey(toAccount)) {
    const conversation = parts.conversations.withPerson(toAccount)
    return conversation === undefined ? undefined : sendingGroup(parts, conversation)
  }
  // All that are in the group read what is sealed there, so none may be in it that nobody has agreed to.
  const mayRead = (device: DeviceKey) =>
    parts.devices.mayHaveHistory(device) || sameKey(device, parts.account.device.publicKey)
  return ownDeviceGroups(parts).find(({ state }) => {
    const devices = parts.engine.members(state).map(({ signatureKey }) => signatureKey)
    return devices.some(device => equalBytes(device, toDevice)) && devices.every(mayRead)
  })
}

/** The id that a conversation has for all who are in it; undefined for one that has none yet. */
function idOf(
  { account, conversations, groups }: Pick<MessageParts, 'account' | 'conversations' | 'groups'>,
  conversation: ConversationNumber,
): Uint8Array | undefined {
  const peer = conversations.with(conversation)
  if (!peer) return groups.of(conversation)[0]?.record.chainId
  if (!('accountKey' in peer)) return undefined
  return fixedConversationId(crypto, ConversationKind.DIRECT, [account.account.publicKey, peer.accountKey])
}

/** The other side of a direct conversation, as a part of its history names it. */
function peerOf(
  { contacts, conversations }: Pick<MessageParts, 'contacts' | 'conversations'>,
  conversation: ConversationNumber,
): { peerAccount: Uint8Array; peerHandle: string } | undefined {
  const peer = conversations.with(conversation)
  if (!peer || !('accountKey' in peer)) return undefined
  return { peerAccount: peer.accountKey, peerHandle: contacts.get(peer.accountKey)?.handle ?? '' }
}

/** True: there is more. */
async function sealPart(
  parts: MessageParts,
  tx: Transaction,
  { key, transfer, group }: { key: KeyOf<'transfers'>; transfer: HistoryTransfer; group: LiveGroup },
): Promise<boolean> {
  const conversation = key.group
  const conversationId = idOf(parts, conversation)
  if (!conversationId) {
    tx.delete('transfers', key)
    return false
  }
  const { messages, next, more } = nextMessages(parts, conversation, transfer)
  if (messages.length > 0 || transfer.begun) {
    const { toDevice } = transfer
    const value = {
      ...{ conversationId, toDevice, messages },
      ...(isKey(toDevice) ? peerOf(parts, conversation) : {}),
      last: !more,
    }
    await sealBody(parts, tx, group, { case: 'historyPart', value })
  }
  if (more) tx.put('transfers', key, { ...transfer, nextMessage: next, begun: true })
  else tx.delete('transfers', key)
  return more
}

function nextMessages(
  {
    account,
    certificates,
    lines,
    records,
  }: Pick<MessageParts, 'account' | 'certificates' | 'lines' | 'records'>,
  conversation: ConversationNumber,
  { nextMessage, sinceMs }: HistoryTransfer,
) {
  const messages: HistoryMessage[] = []
  let bytes = 0
  let next = nextMessage
  const rows = records.list('messages', {
    group: conversation,
    after: messageNumber(nextMessage - 1n),
    limit: ROWS,
  })
  for (const { key, record } of rows) {
    const { fromDevice } = record
    const isThis = equalBytes(fromDevice, account.device.publicKey)
    const kept = fromDevice.length === KEY_BYTES ? certificates.get(toDeviceKey(fromDevice)) : undefined
    const certificate = isThis ? account.certificate : kept
    const body = isDue(record, sinceMs) ? lines.given(record, certificate) : undefined
    if (body) {
      const message = create(HistoryMessageSchema, { body })
      bytes += toBinary(HistoryMessageSchema, message).length + MESSAGE_BYTES
      if (messages.length > 0 && bytes > PART_BYTES) return { messages, next, more: true }
      messages.push(message)
    }
    next = messageNumber(key.id + 1n)
  }
  return { messages, next, more: rows.length === ROWS }
}

/** It is in the server's order, and of then: what is not yet comes to everybody by itself. */
const isDue = ({ sequence, sentAtMs }: Pick<Message, 'sequence' | 'sentAtMs'>, sinceMs: bigint): boolean =>
  sequence > 0n && sentAtMs >= sinceMs
