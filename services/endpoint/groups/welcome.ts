// A welcome to a group that somebody else made. It comes from outside and may be hostile, so it is opened in a worker,
// after a note on disk that this was tried: one that takes the process down is not opened again.

import { GroupKind, type GroupSettings } from '../../../gen/parley/content/v1/room_pb.js'
import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { type DeviceIdentity, parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type AccountKey, type KeyText, keyText } from '../../protocol/keys.js'
import type { JoinRefusal } from '../codes/notice.js'
import { isKey, type Placed } from '../ids.js'
import type { GroupState, Member } from '../mls/engine.js'
import { MlsRefused } from '../mls/refused.js'
import { type KeyOf, nextId, type RecordOf, type Transaction } from '../vault/records.js'
import { isOwn } from './membership.js'
import type { GroupParts } from './parts.js'
import { decodeSettings } from './policy.js'

/** How often a welcome is opened that is cut short each time: whatever ends this program may not be its doing. */
const ATTEMPTS = 3

/** A welcome leads nowhere. */
export class JoinRefused extends Error {
  override name = 'JoinRefused'
  constructor(readonly why: JoinRefusal<AccountKey>) {
    super(why.code)
  }
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
      const { state, usedKeyPackage, signer } = await parts.welcomes.open({ welcome, keyPackages })
      const made = { state, signer, used: packages[usedKeyPackage] }
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

/** A group as a welcome shows it. */
export interface WelcomedGroup {
  state: GroupState
  settings: GroupSettings
  /** The accounts in it besides this one, each once. */
  others: readonly DeviceIdentity[]
  /** The member whose signature is under the welcome. */
  signer: Member
}

/** The outcome of an opened welcome. Throws JoinRefused where the server said another, or it is not ours. */
export function readWelcome(
  parts: Pick<GroupParts, 'account' | 'engine' | 'groups'>,
  envelope: Placed<Envelope>,
  opened: OpenedWelcome,
): WelcomedGroup {
  const { engine, groups } = parts
  const state = engine.load(opened.state)
  if (Buffer.compare(engine.groupId(state), envelope.conversationId) !== 0)
    throw new JoinRefused({ code: 'other-conversation' })
  const settings = decodeSettings(engine.settings(state))
  if (!settings) throw new JoinRefused({ code: 'bad-settings' })
  const others = otherAccounts(parts, state)
  const known = groups.byId(envelope.conversationId)
  if (!known) checkHandles(parts, others)
  else if (isKey(known.record.brokenBy))
    throw new JoinRefused({ code: 'against-rules', from: known.record.brokenBy })
  checkKind(settings, others)
  return { state, settings, others, signer: opened.signer }
}

/** Throws JoinRefused for members that a group of this kind cannot have. */
function checkKind({ kind }: GroupSettings, others: readonly DeviceIdentity[]): void {
  if (kind === GroupKind.OWN_DEVICES && others.length > 0) throw new JoinRefused({ code: 'foreign-account' })
  if (kind === GroupKind.DIRECT && others.length !== 1) throw new JoinRefused({ code: 'not-two-people' })
}

/** Throws JoinRefused for a new group in which one handle stands for two accounts: nobody could tell who is who. */
function checkHandles({ account }: Pick<GroupParts, 'account'>, others: readonly DeviceIdentity[]): void {
  const handles = others.map(({ handle }) => handle)
  if (handles.includes(account.handle)) throw new JoinRefused({ code: 'own-handle' })
  const twice = handles.find((handle, index) => handles.indexOf(handle) !== index)
  if (twice !== undefined) throw new JoinRefused({ code: 'handle-twice', handle: twice })
}

/** The accounts in it besides ours, each once. */
function otherAccounts(
  { account, engine }: Pick<GroupParts, 'account' | 'engine'>,
  state: GroupState,
): DeviceIdentity[] {
  const others = new Map<KeyText<AccountKey>, DeviceIdentity>()
  for (const { identity } of engine.members(state)) {
    const member = parseVerifiedCertificate(identity)
    if (!isOwn({ account }, member)) others.set(keyText(member.accountKey), member)
  }
  return [...others.values()]
}
