// Strangers ask first. Somebody whom nobody has let in, and nobody has written to first, may open a conversation with this
// account or take it into a room: it is a request until a person decides. Nothing goes out to them before, so they do not
// learn whether anybody is there. Nor do they learn that there was no room for their request, or that they are blocked: it is
// set aside then, and comes up when there is room, or they are unblocked, with what was said in it meanwhile.

import { create, toBinary } from '@bufbuild/protobuf'
import { RosterLeaveSchema } from '../../../gen/parley/v1/chat_pb.js'
import { OutboxLeaveSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { sameKey } from '../../protocol/keys.js'
import { makeLeave } from '../../protocol/log/roster-leave.js'
import { Refusal } from '../codes/refusal.js'
import { crypto } from '../crypto.js'
import type { HistoryEntry } from '../events.js'
import { adminKeys } from '../groups/membership.js'
import { isIn } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { transition } from '../groups/transition.js'
import type { KnownConversation } from '../history/conversations.js'
import type { AccountKey, ConversationNumber } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { encodeContent } from './sealing/format.js'
import { hold } from './sealing/held.js'
import type { MessageParts } from './sealing/parts.js'
import { appendUnreadable } from './system-message.js'

/** Requests that are shown at most of people of whom nothing is known here, and as many again of others. */
export const REQUESTS = 32
/** The same of those that are set aside; further ones are dropped. */
export const SET_ASIDE = 128
/** Those of one account. */
export const SET_ASIDE_OF_ONE = 4

/** They wait for a person, or are let in at once. */
export type RequestPolicy = 'accept' | 'hold'

/** A request, for a person to see. */
export interface RequestView {
  /** As the conversation would be called. */
  peer: string
  /** As whoever asks is shown. */
  from: string
  conversation: ConversationNumber
  /** All that they have said in it so far. */
  lines: HistoryEntry[]
}

type PlaceParts = Pick<MessageParts, 'contacts' | 'conversations' | 'groups'>
type RequestParts = Pick<MessageParts, 'contacts' | 'conversations'>

export function viewRequests({ contacts, conversations }: RequestParts): RequestView[] {
  return conversations.requests().flatMap(({ number, peer }) => {
    const by = conversations.askedBy(number)
    if (!by) return []
    return [{ peer, from: contacts.nameOf(by), conversation: number, lines: conversations.history(number) }]
  })
}

/** Whether what this account opens is a request. One whom nobody asks for is let in here, where a person wants it so. */
export function isRequest(
  parts: Pick<MessageParts, 'contacts' | 'requests'>,
  tx: Transaction,
  by: AccountKey,
): boolean {
  if (parts.contacts.isAdmitted(by)) return false
  if (parts.requests === 'hold') return true
  parts.contacts.admit(tx, by)
  return false
}

/** Where a new request goes; undefined: nothing of it is kept. `isShut`: who asks is to be heard by nobody now. */
export function placeFor(
  parts: PlaceParts,
  tx: Transaction,
  by: AccountKey,
  { isShut = false }: { isShut?: boolean } = {},
): 'shown' | 'set-aside' | undefined {
  if (!isShut && mayAsk(parts, tx, by)) return 'shown'
  return hasRoomAside(parts, by) ? 'set-aside' : undefined
}

/** False: too many wait, or they have asked too often. */
const mayAsk = (parts: PlaceParts, tx: Transaction, by: AccountKey): boolean =>
  among(parts, parts.conversations.requests(), by).length < REQUESTS && parts.contacts.ask(tx, by)

function hasRoomAside(parts: PlaceParts, by: AccountKey): boolean {
  const { contacts, conversations } = parts
  const aside = conversations.setAside().map(number => ({ number }))
  const isOfThem = ({ number }: Waiting) => isAskedBy(parts, number, by)
  if (aside.filter(isOfThem).length >= SET_ASIDE_OF_ONE) return false
  // Those whom a person has blocked take no place of others, nor do others take theirs.
  if (contacts.isBlocked(by)) return true
  return among(parts, aside, by).length < SET_ASIDE
}

type Waiting = Pick<KnownConversation, 'number'>

/** Those of these requests that are by accounts like this one: strangers take no place of somebody who is none. */
function among(parts: PlaceParts, requests: readonly Waiting[], by: AccountKey): Waiting[] {
  const isOne = isKnown(parts, by)
  return requests.filter(({ number }) => {
    const asker = parts.conversations.askedBy(number)
    return asker && !parts.contacts.isBlocked(asker) && isKnown(parts, asker) === isOne
  })
}

/** A person has compared their key, or is in a room with them. */
const isKnown = ({ contacts, groups }: PlaceParts, by: AccountKey): boolean =>
  contacts.isVerified(by) ||
  groups.with(by, 'all').some(number => {
    const group = groups.get(number)
    return group !== undefined && isIn(group.phase)
  })

/** Whether nobody who could let this account into the room is to be heard. */
export function areAdminsBlocked(
  { contacts }: Pick<MessageParts, 'contacts'>,
  { held }: Pick<LiveGroup, 'held'>,
): boolean {
  const admins = adminKeys(held.state)
  return admins.length > 0 && admins.every(key => contacts.isBlocked(key))
}

/** There may be room by now, or somebody is not blocked any more: what was set aside comes up, in its order. */
export function showSetAside(parts: MessageParts, tx: Transaction): void {
  for (const number of parts.conversations.setAside()) showIfRoom(parts, tx, number)
}

/** The same of one conversation; of one that is not set aside nothing. */
export function showIfRoom(parts: MessageParts, tx: Transaction, number: ConversationNumber): void {
  const { contacts, conversations, groups } = parts
  const by = conversations.isSetAside(number) ? conversations.askedBy(number) : undefined
  if (!by || contacts.isBlocked(by)) return
  if (groups.of(number).some(group => group.phase.name === 'requested' && areAdminsBlocked(parts, group)))
    return
  if (!isRequest(parts, tx, by)) admit(parts, tx, by)
  else if (mayAsk(parts, tx, by)) {
    conversations.request(tx, by, { number })
    for (const group of groups.of(number)) tellMissing(parts, tx, group)
    tx.tell({ type: 'request', peer: conversations.peer(number), from: contacts.nameOf(by) })
  }
}

/** More was said than is kept of what is set aside: it is asked for when they are let in. */
function tellMissing(parts: MessageParts, tx: Transaction, group: LiveGroup): void {
  const place = { sequence: group.record.lastSequence, storedAtMs: BigInt(parts.clock.now()) }
  for (const { deviceId, missing } of group.senders()) {
    const leaf = group.held.leaves.find(({ deviceKey }) => sameKey(deviceKey, deviceId))
    if (!leaf || missing.length === 0) continue
    const what = { code: 'gap', from: leaf.accountKey, count: BigInt(missing.length) } as const
    appendUnreadable(parts, tx, group, place, what)
  }
}

/** A person wants to hear nothing of them: what they have asked for waits until a person does. */
export function setAside(parts: MessageParts, tx: Transaction, accountKey: AccountKey): void {
  for (const { number } of askedFor(parts, accountKey))
    parts.conversations.request(tx, accountKey, { number, setAside: true })
  showSetAside(parts, tx)
}

/** A person lets them in: all that they have asked for is there, and they hear of this account. */
export function admit(
  parts: MessageParts,
  tx: Transaction,
  accountKey: AccountKey,
  { isToTell = true }: { isToTell?: boolean } = {},
): void {
  parts.contacts.admit(tx, accountKey, isToTell)
  for (const { number } of askedFor(parts, accountKey)) {
    parts.conversations.admit(tx, number)
    for (const group of parts.groups.of(number)) enter(parts, tx, group)
    const peer = parts.conversations.peer(number)
    tx.tell({ type: 'conversation', peer, conversation: number, state: 'ready' })
  }
  showSetAside(parts, tx)
}

/** This account is in the group from here on, and asks for what is missing of before as soon as it can seal that. */
function enter(parts: MessageParts, tx: Transaction, group: LiveGroup): void {
  const wasRequested = group.phase.name === 'requested'
  transition(parts, tx, group, { input: 'admitted' })
  if (!wasRequested) return
  const sentAtMs = BigInt(parts.clock.now())
  for (const { deviceId, missing: counts } of group.senders()) {
    if (counts.length === 0) continue
    const body = { case: 'resendRequest' as const, value: { deviceId, counts: [...counts] } }
    hold(tx, group, encodeContent({ sentAtMs, body }))
  }
}

/** Nothing of what they have asked for is kept, and this device leaves the roster of all of it. */
export function decline(parts: MessageParts, tx: Transaction, accountKey: AccountKey): void {
  for (const { number } of askedFor(parts, accountKey)) {
    parts.conversations.decline(tx, number)
    for (const group of parts.groups.of(number)) leaveRoster(parts, tx, group)
  }
  showSetAside(parts, tx)
}

/** Whether this account's request waits under this number already, shown or set aside. */
export const isWaiting = (
  parts: Pick<MessageParts, 'conversations'>,
  number: ConversationNumber | undefined,
  by: AccountKey,
): boolean => askedFor(parts, by).some(each => each.number === number)

const askedFor = (parts: Pick<MessageParts, 'conversations'>, accountKey: AccountKey): Waiting[] =>
  [...parts.conversations.requests(), ...parts.conversations.setAside().map(number => ({ number }))].filter(
    ({ number }) => isAskedBy(parts, number, accountKey),
  )

function isAskedBy(
  { conversations }: Pick<MessageParts, 'conversations'>,
  number: ConversationNumber,
  accountKey: AccountKey,
): boolean {
  const by = conversations.askedBy(number)
  return by !== undefined && sameKey(by, accountKey)
}

function leaveRoster(parts: MessageParts, tx: Transaction, group: LiveGroup): void {
  if (group.phase.name !== 'requested') return
  transition(parts, tx, group, { input: 'declined' })
  const { conversationId, joinedEpoch: epoch } = group.record
  const leave = makeLeave(crypto, { conversationId, epoch, device: parts.account.device })
  const value = create(OutboxLeaveSchema, { leave: toBinary(RosterLeaveSchema, leave) })
  parts.outbox.add(tx, group.number, { case: 'leave', value })
}

/** The account whose request goes by this name: its own, or the conversation's. Throws Refusal. */
export function askerOf(parts: RequestParts, name: string): AccountKey {
  const request = viewRequests(parts).find(({ from, peer }) => from === name || peer === name)
  const by = request && parts.conversations.askedBy(request.conversation)
  if (!by) throw new Refusal({ code: 'no-request', handle: name })
  return by
}
