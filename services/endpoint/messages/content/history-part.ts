// Messages from before this device came, as somebody who was there hands them over: a device of the same account, or
// whoever invited to a room. A part that comes before this device is in the room that it is of waits for that.

import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { type HistoryPart, HistoryPartSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { GroupKind } from '../../../../gen/parley/content/v1/room_pb.js'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { isHandle } from '../../../protocol/identity/handle.js'
import { type AccountKey, type DeviceKey, accountKey as toAccountKey } from '../../../protocol/keys.js'
import { KEY_BYTES } from '../../../protocol/sizes.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../protocol/time.js'
import { labelOf } from '../../contacts/own-devices.js'
import { accountsIn, isOwn, settingsOf } from '../../groups/membership.js'
import { sameAccount } from '../../groups/policy.js'
import { isIn } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { type ConversationNumber, sequenceOf } from '../../ids.js'
import { at, nextId, type Transaction } from '../../vault/records.js'
import { systemRecord } from '../../vault/said.js'
import type { MessageParts } from '../sealing/parts.js'
import type { PlaceInOrder } from '../system-message.js'
import type { ContentType } from './content-type.js'

/** Parts that wait for their room at most; more are dropped, since anybody can send them. */
const WAITING_PARTS = 512

/** The device that hands it over. */
interface Giver {
  accountKey: AccountKey
  device: DeviceKey
}

/** Takes a part in that came in a group. It ignores what is not this giver's to hand over. */
export const historyPart: ContentType<'historyPart'> = {
  owesReceipt: true,
  fromBlocked: false,
  take(parts, tx, { group, envelope, accountKey, device, isOurs }, part) {
    const kind = parts.conversations.kind(group.record.conversation)
    if (kind === 'room') return
    const given = { part, giver: { accountKey, device }, place: envelope }
    const room = parts.groups.byId(part.conversationId)
    if (isOurs && kind === 'own-devices' && part.peerAccount.length > 0) fileDirect(parts, tx, given)
    else if (room && isIn(room.phase)) fileInRoom(parts, tx, room, given)
    else if (!room || (isOurs && kind === 'own-devices')) keep(parts, tx, given)
  },
}

/** This device has joined a room: what was kept for it. */
export function takeKept(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'lines' | 'records'
  >,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
): void {
  for (const { key, record } of parts.records.list('historyparts')) {
    const part = fromBinary(HistoryPartSchema, record.part)
    if (Buffer.compare(part.conversationId, group.record.conversationId) !== 0) continue
    const giver = { accountKey: record.giverAccount, device: record.giverDevice }
    fileInRoom(parts, tx, group, { part, giver, place })
    tx.delete('historyparts', key)
  }
}

/** Somebody else's bytes as an account's key; undefined for what is none. */
const keyIn = (bytes: Uint8Array): AccountKey | undefined =>
  bytes.length === KEY_BYTES ? toAccountKey(bytes) : undefined

interface GivenPart {
  part: HistoryPart
  giver: Giver
  /** Of the line that says that it is complete. */
  place: PlaceInOrder
}

function keep(
  { records }: Pick<MessageParts, 'records'>,
  tx: Transaction,
  { part, giver, place }: GivenPart,
): void {
  if (records.keys('historyparts').length >= WAITING_PARTS) return
  tx.put('historyparts', at(nextId(tx, 'historyparts')), {
    part: toBinary(HistoryPartSchema, part),
    giverAccount: giver.accountKey,
    giverDevice: giver.device,
    receivedAtMs: place.storedAtMs,
  })
}

function fileDirect(
  parts: Pick<MessageParts, 'account' | 'contacts' | 'conversations' | 'devices' | 'lines'>,
  tx: Transaction,
  given: GivenPart,
): void {
  const { peerHandle: handle, peerAccount } = given.part
  const accountKey = keyIn(peerAccount)
  if (!isHandle(handle) || !accountKey || isOwn(parts, { accountKey })) return
  parts.contacts.see(tx, { handle, accountKey })
  parts.contacts.admit(tx, accountKey, false)
  file(parts, tx, parts.conversations.openForHistory(tx, accountKey), given)
}

/** A member of the room may hand over what the room lets new members see; a device of this account everything. */
function fileInRoom(
  parts: Pick<MessageParts, 'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'lines'>,
  tx: Transaction,
  room: LiveGroup,
  given: GivenPart,
): void {
  const { part, giver } = given
  const since = isOwn(parts, giver) ? 0n : handedSince(parts, room, giver)
  if (since === undefined) return
  const messages = part.messages.filter(({ sentAtMs }) => sentAtMs >= since)
  file(parts, tx, room.record.conversation, { ...given, part: { ...part, messages } })
}

/** From when on this member may hand over what was said, in ms since 1970; undefined: nothing. */
function handedSince(
  parts: Pick<MessageParts, 'clock' | 'engine'>,
  room: LiveGroup,
  giver: Giver,
): bigint | undefined {
  const settings = settingsOf(parts, room)
  const days = settings.history?.days ?? 0
  const isMember = accountsIn(parts, room).some(account => sameAccount(account, giver))
  if (settings.kind !== GroupKind.ROOM || days === 0 || !isMember) return undefined
  return BigInt(parts.clock.now() - days * DAY_MS - CLOCK_SLACK_MS)
}

function file(
  parts: Pick<MessageParts, 'account' | 'conversations' | 'devices' | 'lines'>,
  tx: Transaction,
  conversation: ConversationNumber,
  { part, giver, place }: GivenPart,
): void {
  const { conversations, lines: types } = parts
  const isOurs = isOwn(parts, giver)
  let filed = 0
  for (const { fromHandle, fromAccount: from, fromDevice, sentAtMs, sequence, body } of part.messages) {
    const line = types.taken(body)
    const fromAccount = keyIn(from)
    if (!line || !fromAccount || !isHandle(fromHandle) || sequence === 0n) continue
    // Only this account's own devices can say what it said.
    const own = isOurs && isOwn(parts, { accountKey: fromAccount })
    const isNew = conversations.file(tx, conversation, {
      ...line,
      ...{ fromAccount, fromHandle, fromDevice, own, sentAtMs, sequence: sequenceOf(sequence) },
      status: own ? MessageStatus.STORED : MessageStatus.RECEIVED,
    })
    if (isNew) filed++
  }
  const lines = conversations.countHanded(tx, conversation, filed, part.last)
  if (!part.last || lines === 0) return
  const device = parts.devices.get(giver.device) ?? { name: '', deviceId: giver.device }
  conversations.append(tx, conversation, {
    kind: MessageKind.EVENT,
    system: systemRecord(
      isOurs
        ? { code: 'history-from-device', lines, device: labelOf(device) }
        : { code: 'history-from-member', lines, from: giver.accountKey },
    ),
    sentAtMs: place.storedAtMs,
    status: MessageStatus.RECEIVED,
    sequence: place.sequence,
  })
}
