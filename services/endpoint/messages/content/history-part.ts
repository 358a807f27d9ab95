// Messages from before this device came, as somebody who was there hands them over: a device of the same account, or
// the account that added this one to a room. A part that comes before this device is in the room that it is of waits for
// that.

import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { type HistoryPart, HistoryPartSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import { everMembers } from '../../../protocol/conversation/chain/chain.js'
import { fixedConversationId } from '../../../protocol/conversation/chain/conversation-id.js'
import { memberOf } from '../../../protocol/conversation/chain/state.js'
import { isHandle } from '../../../protocol/identity/handle.js'
import {
  type AccountKey,
  type DeviceKey,
  includesKey,
  sameKey,
  accountKey as toAccountKey,
} from '../../../protocol/keys.js'
import { KEY_BYTES } from '../../../protocol/sizes.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../protocol/time.js'
import { labelOf } from '../../contacts/own-devices.js'
import { crypto } from '../../crypto.js'
import { listedHandle } from '../../groups/known-devices.js'
import { isOwn } from '../../groups/membership.js'
import { isIn } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Held } from '../../groups/state/held.js'
import { type ConversationNumber, NO_KEY, sequenceOf } from '../../ids.js'
import { at, nextId, type Transaction } from '../../vault/records.js'
import { systemRecord } from '../../vault/said.js'
import type { TakenLine } from '../sealing/line-types.js'
import type { MessageParts } from '../sealing/parts.js'
import type { PlaceInOrder } from '../system-message.js'
import type { ContentType } from './content-type.js'

/** Parts that wait for their room at most; of other accounts so many: anybody who is let in can send them. */
const WAITING_PARTS = 512
const OTHERS_WAITING_PARTS = 256
/** The account that adds another one has this long, in ms, to hand over what was said before. */
export const HANDED_WITHIN_MS = 3_600_000

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
    // A device of this account that hands something over to somebody else means them.
    if (kind === 'room' || isOurs !== (kind === 'own-devices')) return
    if (isOurs && !equalBytes(part.toDevice, parts.account.device.publicKey)) return
    const given = { part, giver: { accountKey, device }, place: envelope }
    if (part.peerAccount.length > 0) return isOurs ? fileDirect(parts, tx, given) : undefined
    const groups = parts.groups.ofChain(part.conversationId)
    const room = groups.find(({ phase }) => isIn(phase))
    if (room) fileInRoom(parts, tx, room, given)
    else if (isOurs || (groups.length === 0 && parts.contacts.isAdmitted(accountKey))) keep(parts, tx, given)
  },
}

type FileParts = Pick<
  MessageParts,
  'account' | 'certificates' | 'clock' | 'conversations' | 'devices' | 'lines' | 'lists' | 'records'
>

/** This device has joined a room: what was kept for it. */
export function takeKept(parts: FileParts, tx: Transaction, group: LiveGroup, place: PlaceInOrder): void {
  for (const { key, record } of parts.records.list('historyparts')) {
    const part = fromBinary(HistoryPartSchema, record.part)
    if (!equalBytes(part.conversationId, group.held.state.id)) continue
    const giver = { accountKey: record.giverAccount, device: record.giverDevice }
    fileInRoom(parts, tx, group, { part, giver, place })
    tx.delete('historyparts', key)
  }
}

/** This device has joined a room: the account that added this one by the commit before may hand over what was said. */
export function awaitHistory(
  { account, clock, conversations }: Pick<MessageParts, 'account' | 'clock' | 'conversations'>,
  tx: Transaction,
  { held, record }: Pick<LiveGroup, 'held' | 'record'>,
): void {
  const added = addedBy(held, account.account.publicKey)
  const isNew =
    added !== undefined && added.epoch + 1n === held.epoch && equalBytes(added.groupId, held.groupId)
  if (isNew) conversations.mayBeHanded(tx, record.conversation, clock.now() + HANDED_WITHIN_MS)
}

/** The entry by which this member came into the room. */
export function addedBy(
  { state, entries }: Held,
  accountKey: AccountKey,
): Held['entries'][number] | undefined {
  const added = memberOf(state, accountKey)?.added
  return entries.find(({ number }) => number === added)
}

interface GivenPart {
  part: HistoryPart
  giver: Giver
  /** Of the line that says that it is complete. */
  place: PlaceInOrder
}

function keep(
  parts: Pick<MessageParts, 'account' | 'records'>,
  tx: Transaction,
  { part, giver, place }: GivenPart,
): void {
  const most = isOwn(parts, giver) ? WAITING_PARTS : OTHERS_WAITING_PARTS
  if (parts.records.keys('historyparts').length >= most) return
  tx.put('historyparts', at(nextId(tx, 'historyparts')), {
    part: toBinary(HistoryPartSchema, part),
    giverAccount: giver.accountKey,
    giverDevice: giver.device,
    receivedAtMs: place.storedAtMs,
  })
}

function fileDirect(
  parts: FileParts & Pick<MessageParts, 'contacts'>,
  tx: Transaction,
  given: GivenPart,
): void {
  const { peerHandle: handle, peerAccount, conversationId } = given.part
  if (!isHandle(handle) || peerAccount.length !== KEY_BYTES) return
  const accountKey = toAccountKey(peerAccount)
  const own = parts.account.account.publicKey
  if (sameKey(accountKey, own)) return
  const pair = [own, accountKey]
  if (!equalBytes(conversationId, fixedConversationId(crypto, ConversationKind.DIRECT, pair))) return
  parts.contacts.see(tx, { handle, accountKey })
  parts.contacts.admit(tx, accountKey, false)
  const conversation = parts.conversations.openForHistory(tx, accountKey)
  file(parts, tx, { conversation, members: pair, sinceMs: 0n }, given)
}

/**
 * The account that added this one hands over what the room lets new members see, until it is complete or its time is
 * over; a device of this account everything.
 */
function fileInRoom(parts: FileParts, tx: Transaction, room: LiveGroup, given: GivenPart): void {
  const { part, giver } = given
  const isOurs = isOwn(parts, giver)
  const sinceMs = isOurs ? 0n : handedSince(parts, room, giver)
  if (sinceMs === undefined) return
  const { conversation } = room.record
  file(parts, tx, { conversation, members: everMembers(room.held.entries), sinceMs }, given)
  if (!isOurs && part.last) parts.conversations.mayBeHanded(tx, conversation, 0)
}

/** From when on this member may hand over what was said, in ms since 1970; undefined: nothing. */
function handedSince(
  { account, clock, conversations }: Pick<MessageParts, 'account' | 'clock' | 'conversations'>,
  { held, record }: LiveGroup,
  giver: Giver,
): bigint | undefined {
  const leftMs = conversations.handedUntil(record.conversation) - clock.now()
  // A clock that was put back gives nobody more time.
  if (leftMs <= 0 || leftMs > HANDED_WITHIN_MS) return undefined
  const days = held.state.settings?.historyDays ?? 0
  const added = addedBy(held, account.account.publicKey)
  if (days === 0 || !added || !sameKey(added.author.accountKey, giver.accountKey)) return undefined
  return BigInt(clock.now() - days * DAY_MS - CLOCK_SLACK_MS)
}

interface Place {
  conversation: ConversationNumber
  /** Accounts that are in it or were. */
  members: readonly AccountKey[]
  sinceMs: bigint
}

function file(
  parts: Pick<MessageParts, 'account' | 'certificates' | 'conversations' | 'devices' | 'lines' | 'lists'>,
  tx: Transaction,
  { conversation, members, sinceMs }: Place,
  { part, giver, place }: GivenPart,
): void {
  let filed = 0
  for (const { body } of part.messages) {
    const line = parts.lines.taken(body, part.conversationId)
    if (!line || line.sequence === 0n || line.sentAtMs < sinceMs) continue
    if (includesKey(members, line.writer.accountKey) && fileLine(parts, tx, conversation, { line, giver }))
      filed++
  }
  const lines = parts.conversations.countHanded(tx, conversation, filed, part.last)
  if (!part.last || lines === 0) return
  const device = parts.devices.get(giver.device) ?? { name: '', deviceId: giver.device }
  parts.conversations.append(tx, conversation, {
    kind: MessageKind.EVENT,
    system: systemRecord(
      isOwn(parts, giver)
        ? { code: 'history-from-device', lines, device: labelOf(device) }
        : { code: 'history-from-member', lines, from: giver.accountKey },
    ),
    sentAtMs: place.storedAtMs,
    status: MessageStatus.RECEIVED,
    sequence: place.sequence,
  })
}

/** False: it is here already. This account's own are what its devices have signed, whoever hands it over. */
function fileLine(
  {
    account,
    certificates,
    conversations,
    lists,
  }: Pick<MessageParts, 'account' | 'certificates' | 'conversations' | 'lists'>,
  tx: Transaction,
  conversation: ConversationNumber,
  { line, giver }: { line: TakenLine; giver: Giver },
): boolean {
  const { kind, writer, certificate, sentAtMs, sequence, fields } = line
  const own = certificate !== undefined && isOwn({ account }, writer)
  // Another account's word on who has told it to them is its own.
  const teller = (isOwn({ account }, giver) && line.toldBy) || giver.accountKey
  if (certificate) certificates.keep(tx, writer.deviceKey, certificate)
  return conversations.file(tx, conversation, {
    ...{ kind, own, sentAtMs, sequence: sequenceOf(sequence) },
    ...{ fromAccount: writer.accountKey, fromDevice: writer.deviceKey },
    fromHandle: writer.handle ?? listedHandle(lists, writer.accountKey),
    ...{ statement: NO_KEY, ...fields },
    toldBy: certificate ? NO_KEY : teller,
    status: own ? MessageStatus.STORED : MessageStatus.RECEIVED,
  })
}
