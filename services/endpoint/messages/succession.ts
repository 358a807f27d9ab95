// A conversation goes on in another group: what waited in the one before goes out there, and that one is over.

import type { Successor } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { serverOf } from '../../protocol/conversation/held-group.js'
import { type Leaf, leafJudge } from '../../protocol/conversation/leaves.js'
import { MAX_INCARNATION } from '../../protocol/conversation/limits.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { sameKey } from '../../protocol/keys.js'
import { successorMaker } from '../groups/heads.js'
import { intend, removeAccount, withoutKeyPackages } from '../groups/intents.js'
import { isAdmin, isOwn, isRoom } from '../groups/membership.js'
import { hasLeft, isIn } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { Held } from '../groups/state/held.js'
import { goesOnFromGroup, isListed, laterOf, makersBefore, rivalOf } from '../groups/state/lineage.js'
import {
  accountsOut,
  COMES_WITHIN_MS,
  noteBreaker,
  predecessorOfNext,
  succeedTime,
} from '../groups/succession.js'
import { transition } from '../groups/transition.js'
import { isUnheard, type WelcomedGroup } from '../groups/welcome.js'
import { type AccountKey, isKey, NO_KEY } from '../ids.js'
import type { Member } from '../mls/engine.js'
import type { Transaction } from '../vault/records.js'
import { sayAgain } from './content/say-again.js'
import type { MessageParts } from './sealing/parts.js'
import { appendSystemMessage, type PlaceInOrder } from './system-message.js'
import { move } from './transition.js'

/** Milliseconds before another one is made where one was refused. */
const AGAIN_MS = 1_000
/** Groups of one member in one order to which the others change from one that has come further in the chain. */
const MADE_IN_VAIN = 8

/** The newest group that is known here of the conversation of a group that has come. */
export const newestKnown = (
  { groups }: Pick<MessageParts, 'groups'>,
  { state: { id } }: Pick<Held, 'state'>,
): LiveGroup | undefined =>
  groups
    .ofChain(id)
    .filter(group => !isUnheard(group))
    .sort((one, other) => other.record.incarnation - one.record.incarnation)[0]

/** The account has made a commit that no member may take. A direct conversation is made anew, a room goes on. */
export function onBroken(parts: MessageParts, tx: Transaction, group: LiveGroup, by: AccountKey): void {
  noteBreaker(parts, tx, group, by)
  takeNoMore(parts, tx, group, { by })
}

/** The group takes no commit any more: the others have `waitMs` to make the next one before it is anybody's turn. */
export function takeNoMore(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  { by, waitMs = 0 }: { by?: AccountKey; waitMs?: number },
): void {
  if (isRoom(group) && group.held.incarnation < MAX_INCARNATION)
    move(parts, tx, group, { input: 'broken', succeedAtMs: succeedTime(parts, group, { by, waitMs }) })
  else move(parts, tx, group, { input: 'abandoned' })
}

/**
 * The next group that this device has made is not taken by the server: it makes another one then. `last`: another member has
 * made that, which is waited for.
 */
export function putOffSuccessor(
  parts: MessageParts,
  tx: Transaction,
  { held }: LiveGroup,
  { retryAfterMs = 0, last }: { retryAfterMs?: number; last?: Uint8Array | undefined },
): void {
  const before = parts.groups.ofChain(held.state.id).filter(({ phase }) => phase.name === 'broken')
  const waitMs = last ? COMES_WITHIN_MS : Math.max(retryAfterMs, AGAIN_MS)
  for (const group of before) {
    if (last) parts.groups.change(tx, predecessorOfNext(parts, group), { lastSuccessor: last })
    takeNoMore(parts, tx, group, { waitMs })
  }
}

/** The server says that the conversation goes on in another one, which a member has made: its welcome follows. */
export function takeSuccessor(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  { successor, place }: { successor: Successor; place: PlaceInOrder },
): void {
  const { conversationId } = successor
  parts.groups.change(tx, group, { lastSuccessor: conversationId })
  const maker = successorMaker(parts, group, successor)
  // One who has lost the state does not know all members any more: its word ends nothing, but its welcome may come.
  if (!maker && group.phase.name !== 'out-of-sync') return
  const { successors } = group.record
  // A server that says it again keeps nobody from making the next one.
  if (successors.some(each => equalBytes(each.conversationId, conversationId))) return
  const known = parts.groups.ofChain(group.held.state.id)
  const present = known.find(other => isIn(other.phase) && goesOnFromGroup(known, other.record, group))
  const leaf = maker && present && leafOfMaker(present, { group, maker })
  if (present && !leaf) return
  if (leaf && isInVain(present, { before: group, leaf }))
    appendSystemMessage(parts, tx, present, place, { code: 'not-along', who: leaf.accountKey })
  else {
    const by = maker ? parseVerifiedCertificate(maker.identity).accountKey : NO_KEY
    const listed = { conversationId, by, listedAtMs: place.storedAtMs }
    parts.groups.change(tx, group, {
      successors: [...successors, { $typeName: 'parley.vault.v1.Successor', ...listed }],
    })
    const comesAlong = leaf && comesByItself(parts, present, { before: group, leaf, place })
    if (maker && !comesAlong) waitForIt(parts, tx, group, present)
  }
}

/** A member has made it: its welcome follows, or another one is to be made. */
function waitForIt(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  present: LiveGroup | undefined,
): void {
  // Only the first is waited for: several that lead nowhere would keep everybody waiting.
  const isWaited = group.phase.name === 'broken' && group.record.successors.length > 1
  if (present) takePlaceAnew(parts, tx, present, group)
  else if (group.phase.name !== 'ended' && !isWaited)
    takeNoMore(parts, tx, group, { waitMs: COMES_WITHIN_MS })
}

const isFurther = ({ held }: LiveGroup, before: LiveGroup): boolean =>
  !equalBytes(held.state.head, before.held.state.head)

/**
 * The present group has come further in the chain, and a member has made that many groups beside it: they hold other entries
 * behind those of the one before, perhaps, and none that goes on from here will ever be right for them. Each further one would
 * have both make the next, for good.
 */
function isInVain(present: LiveGroup, { before, leaf }: { before: LiveGroup; leaf: Leaf }): boolean {
  const made = before.record.successors.filter(({ by }) => isKey(by) && sameKey(by, leaf.accountKey))
  return isFurther(present, before) && made.length >= MADE_IN_VAIN
}

/**
 * One who made theirs before the present one could have come to them changes to that, as it has more of the chain; and this
 * device decides about its own where it comes.
 */
function comesByItself(
  { account }: Pick<MessageParts, 'account'>,
  present: LiveGroup,
  { before, leaf, place }: { before: LiveGroup; leaf: Leaf; place: PlaceInOrder },
): boolean {
  const first = before.record.successors[0]?.listedAtMs ?? place.storedAtMs
  const isOwnDevice = sameKey(leaf.deviceKey, account.device.publicKey)
  return isFurther(present, before) && (isOwnDevice || place.storedAtMs < first + BigInt(COMES_WITHIN_MS))
}

/** Not all came into the present group, so the next one takes its place in the order of one that all were in. */
function takePlaceAnew(parts: MessageParts, tx: Transaction, present: LiveGroup, before: LiveGroup): void {
  const { incarnation } = predecessorOfNext(parts, present).record
  if (before.record.incarnation < incarnation)
    parts.groups.change(tx, present, { nextAfter: before.record.conversationId })
  if (present.phase.name !== 'broken') takeNoMore(parts, tx, present, { waitMs: COMES_WITHIN_MS })
}

/**
 * The leaf of a member who has made a further group in place of this one, as it would be right in the present one: that
 * one may not be there, so that the present one does not reach everybody. undefined: the maker is nobody there any more.
 */
function leafOfMaker(
  present: LiveGroup,
  { group, maker }: { group: LiveGroup; maker: Member },
): Leaf | undefined {
  const { state, ledger } = present.held
  const leaf = group.held.leaves.find(({ deviceKey }) => equalBytes(deviceKey, maker.signatureKey))
  const judge = leafJudge({ state, ledger, serverId: serverOf(present.held) })
  return leaf && judge(leaf) === undefined ? leaf : undefined
}

/** A group that this device has made to go on in is there: unless another one keeps its place beside it. */
export function onOwnSuccessor(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
): void {
  parts.groups.change(tx, group, { succeededAtMs: BigInt(parts.clock.now()) })
  const rival = isRoom(group) ? rivalOfOwn(parts, group) : undefined
  if (rival) move(parts, tx, group, { input: 'succeeded' })
  else {
    if (isRoom(group)) tellWentOn(parts, tx, group, place)
    goOn(parts, tx, group)
  }
}

/** A person reads that the room goes on in this group, and who had begun others without this device before. */
export function tellWentOn(
  parts: Pick<MessageParts, 'conversations' | 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
): void {
  const who = makersBefore(parts.groups.ofChain(group.held.state.id), group.record)
  if (who.length > 0) appendSystemMessage(parts, tx, group, place, { code: 'begun-without-you', who })
  appendSystemMessage(parts, tx, group, place, { code: 'went-on' })
}

/** One that was not listed came too late: the conversation has come further in another group. */
function rivalOfOwn({ groups }: Pick<MessageParts, 'groups'>, group: LiveGroup): LiveGroup | undefined {
  const { held, record } = group
  const known = groups.ofChain(held.state.id)
  if (isListed(known, record)) return rivalOf(known, { ...record, held })
  const isUsed = ({ phase }: LiveGroup) => isIn(phase) && phase.name !== 'broken'
  return known.find(other => other.number !== group.number && isUsed(other))
}

/**
 * This device is in a group of a conversation, new or again: those that it takes the place of are over. `left`: it is one of
 * these, though no order says so.
 */
export function goOn(parts: MessageParts, tx: Transaction, group: LiveGroup, left?: LiveGroup): void {
  const { held, record } = group
  const known = parts.groups.ofChain(held.state.id)
  const others = known.filter(({ number }) => number !== group.number)
  // This device still takes what it has asked for there, for as long as it hears nobody else here.
  const isKept = (other: LiveGroup) => equalBytes(record.ledFrom, other.record.conversationId)
  const isParted = (other: LiveGroup) =>
    other.number === left?.number || (isRoom(group) && laterOf(known, record, other.record) !== undefined)
  const isSibling = (other: LiveGroup) => isRoom(group) && other.record.incarnation === record.incarnation
  const isBefore = (other: LiveGroup) =>
    other.record.incarnation < record.incarnation || isParted(other) || isSibling(other)
  for (const other of others.filter(each => isUnheard(each) || (isBefore(each) && !isKept(each)))) {
    // One that is on its way stands behind this one, and takes its place then.
    if (isRoom(group) && isOnItsWay(parts, other)) continue
    // Also where it was said: the group that goes on has this account as a member, so nobody has committed that.
    const hasToLeave = other.phase.name !== 'ended' && hasLeft(other.phase)
    if ((isParted(other) || isUnheard(other)) && !hasToLeave) sayAgain(parts, tx, other)
    const intents = parts.intents.of(other)
    move(parts, tx, other, { input: 'succeeded' })
    parts.intents.dropAll(tx, other)
    for (const { intent } of intents) intend(parts, tx, group, withoutKeyPackages(intent.change))
    // Another one has made this group, perhaps the very one who has broken that.
    for (const by of accountsOut(parts, { record: other.record, held: group.held }))
      intend(parts, tx, group, removeAccount(by))
    // A person has read that before.
    if (hasToLeave) transition(parts, tx, group, { input: 'leave', alone: false })
  }
}

/** This device has made it, and the server may have it already. */
const isOnItsWay = ({ outbox }: Pick<MessageParts, 'outbox'>, { number, phase }: LiveGroup): boolean =>
  phase.name === 'creating' && outbox.items().some(({ item, sent }) => sent && item.group === number)

/**
 * This device has asked to be taken in again, and was let in elsewhere, past groups that it knows nothing of: others may be
 * there, or nobody but the one who let it in. The answer to what it has asked is still taken, until somebody else is heard.
 */
export function noteLed(
  { groups }: Pick<MessageParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  { before, welcomed }: { before: LiveGroup; welcomed: Pick<WelcomedGroup, 'by' | 'reason'> },
): void {
  const isFurther = group.record.incarnation > before.record.incarnation + 1
  if (welcomed.reason !== 'rejoin' || !isFurther || !isRoom(group)) return
  groups.change(tx, group, { ledFrom: before.record.conversationId, ledBy: welcomed.by })
}

/** This device was let in beside the group that it uses: the others may have gone on there, or nobody. */
export function noteBeside(
  { groups }: Pick<MessageParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  { beside, by }: Pick<WelcomedGroup, 'beside' | 'by'>,
): void {
  if (beside) groups.change(tx, group, { ledFrom: beside.record.conversationId, ledBy: by })
}

/**
 * This account is heard in the group: it is not there alone with the one who has let this device in. Where the one that is
 * used is to be left for it, that takes the word of another device of this account, or of an admin. `isTold`: a person is told
 * elsewhere that the room goes on.
 */
export function noteHeard(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  account: AccountKey,
  { isTold = false }: { isTold?: boolean } = {},
): void {
  const { ledBy, ledFrom, incarnation, lastSequence: sequence } = group.record
  if (!isKey(ledBy)) return
  const from = parts.groups.byId(ledFrom)
  const left = from && from.record.incarnation >= incarnation ? from : undefined
  const isOfOwn = isOwn(parts, { accountKey: account })
  const mayLead = left && (isOfOwn || isAdmin(left.held.state, { accountKey: account }))
  if (left ? !mayLead : isOfOwn || sameKey(ledBy, account)) return
  parts.groups.change(tx, group, { ledFrom: new Uint8Array(), ledBy: NO_KEY })
  goOn(parts, tx, group, left)
  if (left && !isTold) tellWentOn(parts, tx, group, { sequence, storedAtMs: BigInt(parts.clock.now()) })
}
