// A welcome to a group that somebody else made. It comes from outside and may be hostile, so it is opened in a worker,
// after a note on disk that this was tried: one that takes the process down is not opened again.

import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { goesOnFrom } from '../../protocol/conversation/chain/chain.js'
import { memberOf } from '../../protocol/conversation/chain/state.js'
import { decodeGroupState } from '../../protocol/conversation/group-state.js'
import { takesPlaceOf } from '../../protocol/conversation/successor.js'
import {
  type JoinReason,
  judgeWelcome,
  type OwnGroup,
  type WelcomeRefusal,
} from '../../protocol/conversation/welcome-verdict.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { isFarAhead } from '../../protocol/identity/device-list.js'
import type { AccountKey } from '../../protocol/keys.js'
import type { JoinRefusal } from '../codes/notice.js'
import { crypto } from '../crypto.js'
import type { Placed } from '../ids.js'
import type { GroupState, Member } from '../mls/engine.js'
import { MlsRefused } from '../mls/refused.js'
import { type KeyOf, nextId, type RecordOf, type Transaction } from '../vault/records.js'
import { isOwn, isRoom } from './membership.js'
import type { GroupParts } from './parts.js'
import { isIn } from './state/group.js'
import type { LiveGroup } from './state/groups.js'
import { contextOf, type Held, hasNotBegun } from './state/held.js'
import { isListed, laterOf, type Name, rivalOf } from './state/lineage.js'

/** How often a welcome is opened that is cut short each time: whatever ends this program may not be its doing. */
const ATTEMPTS = 3

/** A welcome leads nowhere. */
export class JoinRefused extends Error {
  override name = 'JoinRefused'
  constructor(readonly why: JoinRefusal) {
    super(why.code)
  }
}

/** A member has gone on with other entries than this device, which keeps its own: the two will not hear each other. */
export class JoinForked extends JoinRefused {
  override name = 'JoinForked'
  constructor(
    readonly present: LiveGroup,
    readonly by: AccountKey,
  ) {
    super({ code: 'not-theirs' })
  }
}

/** A welcome leads to a group that is not used, as it has to be: nobody needs to know. */
export class JoinSkipped extends Error {
  override name = 'JoinSkipped'
}

/**
 * Opens it in the worker. One that took too long is tried again: a machine that slept meanwhile, or is busy, looks the
 * same as a hostile welcome. Throws JoinRefused, MlsRefused.
 */
export async function openWelcome(
  parts: Pick<GroupParts, 'clock' | 'records' | 'welcomes'>,
  tx: Transaction,
  envelope: Placed<Envelope>,
  welcome: Uint8Array,
): Promise<OpenedWelcome> {
  const before = opened.get(welcome)
  if (before) return before
  for (;;) {
    noteAttempt(parts, tx, envelope)
    const packages = parts.records.list('keypackages')
    try {
      const keyPackages = packages.map(({ record }) => record)
      const { usedKeyPackage, ...rest } = await parts.welcomes.open({ welcome, keyPackages })
      const made = { ...rest, used: packages[usedKeyPackage] }
      opened.set(welcome, made)
      return made
    } catch (error) {
      if (!(error instanceof MlsRefused && error.why === 'too-costly')) throw error
    }
  }
}

/** By their bytes as they were delivered: a unit of work that has to wait for the server's directory opens them again. */
const opened = new WeakMap<Uint8Array, OpenedWelcome>()

/** A welcome that was opened, whatever it says. */
export interface OpenedWelcome {
  /** As Engine.save() makes it. */
  state: Uint8Array
  /** The member whose signature is under it. */
  signer: Member
  /** Its words for those who join. */
  joiner?: Uint8Array
  /** The key package that it was for. */
  used: { key: KeyOf<'keypackages'>; record: RecordOf<'keypackages'> } | undefined
}

/** Throws JoinRefused for a welcome that was opened too often. */
function noteAttempt(
  { clock }: Pick<GroupParts, 'clock'>,
  tx: Transaction,
  { conversationId, sequence }: Placed<Envelope>,
): void {
  const attempts = attemptsAt(tx, { conversationId, sequence })
  if (attempts.length >= ATTEMPTS) throw new JoinRefused({ code: 'too-many-attempts', attempts: ATTEMPTS })
  const key = { group: sequence, id: nextId(tx, 'welcomes', sequence) }
  tx.putAhead('welcomes', key, { conversationId, sequence, attemptedAtMs: BigInt(clock.now()) })
}

/** It leads somewhere or nowhere: it is not opened again. */
export function forgetAttempts(tx: Transaction, envelope: Place): void {
  for (const { key } of attemptsAt(tx, envelope)) tx.delete('welcomes', key)
}

/** A sequence is the conversation's own: another one's welcome may have the same. */
type Place = Pick<Placed<Envelope>, 'conversationId' | 'sequence'>

const attemptsAt = (tx: Transaction, { conversationId, sequence }: Place) =>
  tx
    .list('welcomes', { group: sequence })
    .filter(({ record }) => Buffer.compare(record.conversationId, conversationId) === 0)

/** A group as a welcome shows it, which this device joins. */
export interface WelcomedGroup {
  state: GroupState
  held: Held
  reason: JoinReason
  /** The accounts in it besides this one, by the names that their lists have: claims. */
  others: readonly { accountKey: AccountKey; handle: string }[]
  /** The account whose signature is under the welcome. */
  by: AccountKey
  /** The group in use, where nothing here says which of the two the room goes on in (besideOrder). */
  beside: LiveGroup | undefined
}

type WelcomeParts = Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups'>

/** The outcome of an opened welcome. Throws JoinRefused where the server said another, or it is not ours. */
export function readWelcome(
  parts: WelcomeParts,
  envelope: Placed<Envelope>,
  { state: saved, joiner, signer }: OpenedWelcome,
): WelcomedGroup {
  const { account, engine, groups } = parts
  const state = engine.load(saved)
  const context = contextOf(engine, state)
  if (!equalBytes(context.groupId, envelope.conversationId))
    throw new JoinRefused({ code: 'other-conversation' })
  const said = context.groupState && decodeGroupState(context.groupState)
  const name = { conversationId: context.groupId, incarnation: said?.incarnation ?? 0 }
  const same = groups.byId(context.groupId)
  const ofChain = said ? groups.ofChain(said.conversationId) : []
  const known = same && !ofChain.some(({ number }) => number === same.number) ? [same, ...ofChain] : ofChain
  const opened = { ...context, joiner, signer: signer.signatureKey }
  const { publicKey: deviceKey } = account.device
  const beside = besideOrder(known, name)
  const verdict = judgeWelcome(crypto, opened, {
    deviceKey,
    known: beside ? [] : comparedWith(known, name).map(ownGroup),
  })
  if (!verdict.isTaken && verdict.why.code === 'outdated' && isListed(known, name)) throw new JoinSkipped()
  if (!verdict.isTaken) throw new JoinRefused({ code: codeOf(verdict.why) })
  const held: Held = { ...verdict.held, entries: verdict.entries }
  if (beside && !mayTakePlace(beside, held, signer.signatureKey))
    throw new JoinRefused({ code: 'not-theirs' })
  // One who is led into a group that the others are not told of would be heard by nobody in the room.
  if (!beside && isNextRoom(verdict.reason, held, known) && !isListed(known, name))
    throw new JoinRefused({ code: 'not-theirs' })
  const rival = rivalOf(known, { ...name, held })
  if (rival && goesOnFrom(rival.held.state, held.state)) throw new JoinSkipped()
  const by = parseVerifiedCertificate(signer.identity).accountKey
  if (rival && isIn(rival.phase) && memberOf(rival.held.state, by)) throw new JoinForked(rival, by)
  if (rival) throw new JoinRefused({ code: 'not-theirs' })
  // The server keeps such lists out of commits; those in a welcome are sealed.
  const lists = held.ledger.accounts.flatMap(each => each.devices.lists)
  if (lists.some(({ list }) => isFarAhead(list.number, parts.clock.now())))
    throw new JoinRefused({ code: 'not-right' })
  const others = othersIn(parts, held)
  const reason = beside ? 'successor' : verdict.reason
  if (reason === 'first') checkHandles(parts, others)
  return { state, held, reason, others, by, beside }
}

/**
 * The group in use, where this device came into it behind the group that it has taken the place of, and the welcomed one may
 * stand behind it in the order of that: nobody shows this device that order. It uses the welcomed one once it hears an
 * account there that may lead it (noteHeard).
 */
function besideOrder(known: readonly LiveGroup[], welcomed: Name): LiveGroup | undefined {
  if (isListed(known, welcomed) || known.some(each => isSame(each, welcomed))) return undefined
  return known.find(
    each =>
      isRoom(each) &&
      isIn(each.phase) &&
      !isUnheard(each) &&
      !isListed(known, each.record) &&
      each.record.incarnation > 1 &&
      each.record.incarnation >= welcomed.incarnation &&
      !known.some(({ record }) => record.incarnation < each.record.incarnation),
  )
}

const isSame = ({ record }: LiveGroup, { conversationId }: Name) =>
  equalBytes(record.conversationId, conversationId)

/** It has the whole chain of the group in use, and a member of that has made it. */
const mayTakePlace = ({ held }: LiveGroup, coming: Held, signer: Uint8Array): boolean =>
  held.leaves.some(({ deviceKey }) => equalBytes(deviceKey, signer)) &&
  takesPlaceOf(held, coming, { isLater: true })

/**
 * The known groups that the welcomed one has to go on from: none that was never there for anybody else, in which nobody
 * else was heard, that parts from it (rivalOf), or that another one of these has taken the place of.
 */
function comparedWith(known: readonly LiveGroup[], welcomed: Name): LiveGroup[] {
  const left = known.filter(
    group =>
      !(hasNotBegun(group) && (isRoom(group) || group.phase.name === 'ended')) &&
      !laterOf<Name>(known, group.record, welcomed) &&
      !isUnheard(group),
  )
  const isOver = ({ phase }: LiveGroup) => phase.name === 'ended' && phase.why === 'succeeded'
  const isReplaced = ({ record }: LiveGroup) =>
    left.some(other => {
      const ahead = other.record.incarnation - record.incarnation
      return ahead > 0 || (ahead === 0 && !isOver(other)) || isIn(other.phase)
    })
  return left.filter(group => !isOver(group) || !isReplaced(group))
}

/**
 * This device was let in there past groups that it knows nothing of (Group.led_from in its vault), and has heard nobody but
 * the one who let it in.
 */
export const isUnheard = ({ record }: Pick<LiveGroup, 'record'>): boolean => record.ledFrom.length > 0

/** A group that is known here, as far as a welcome is compared with it. */
function ownGroup({ held, phase, record }: LiveGroup): OwnGroup {
  const isEnded = phase.name === 'ended'
  const isOut = isEnded && phase.why !== 'succeeded' && phase.why !== 'replaced'
  // A request is over with its group: it must not lead past what a successor has to be.
  return { ...held, isOut, askedAt: isEnded ? undefined : record.rejoinEpoch }
}

/**
 * Whether a room goes on in the group behind one that is known here. One who has lost the state and was left behind by
 * several knows nothing of the order of those.
 */
const isNextRoom = (reason: JoinReason, held: Held, known: readonly LiveGroup[]): boolean =>
  isRoom({ held }) &&
  (reason === 'successor' ||
    (reason === 'rejoin' &&
      Math.max(...known.map(({ record }) => record.incarnation)) + 1 === held.incarnation))

/** The words for a person: of a group that is right by itself, and not the one that is known here, that it is not theirs. */
function codeOf({ code }: WelcomeRefusal): 'not-theirs' | 'not-right' {
  return NOT_RIGHT.has(code) ? 'not-right' : 'not-theirs'
}

const NOT_RIGHT: ReadonlySet<WelcomeRefusal['code']> = new Set([
  'malformed',
  'chain',
  'bad-ledger',
  'other-server',
  'group-state',
  'too-many-leaves',
  'wrong-leaf',
  'no-such-leaf',
])

/** Throws JoinRefused for a new group in which one handle stands for two accounts: nobody could tell who is who. */
function checkHandles({ account }: Pick<GroupParts, 'account'>, others: WelcomedGroup['others']): void {
  const handles = others.map(({ handle }) => handle)
  if (handles.includes(account.handle)) throw new JoinRefused({ code: 'own-handle' })
  const twice = handles.find((handle, index) => handles.indexOf(handle) !== index)
  if (twice !== undefined) throw new JoinRefused({ code: 'handle-twice', handle: twice })
}

/** Those of which the group has a device list. */
function othersIn({ account }: Pick<GroupParts, 'account'>, { ledger }: Held): WelcomedGroup['others'] {
  return ledger.accounts
    .map(({ devices }) => devices.lists[0].list)
    .filter(({ accountKey }) => !isOwn({ account }, { accountKey }))
    .map(({ accountKey, handle }) => ({ accountKey, handle }))
}
