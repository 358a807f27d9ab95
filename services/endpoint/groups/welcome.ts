// Joining a group that somebody else made. A welcome comes from outside and may be hostile, so it is opened in a
// worker, after a note on disk that this was tried: one that takes the process down is not opened again.

import { GroupKind, type GroupSettings } from '../../../gen/parley/content/v1/room_pb.js'
import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { GroupStatus, type KeyPackage } from '../../../gen/parley/vault/v1/records_pb.js'
import { type DeviceIdentity, parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import type { JoinRefusal } from '../codes/notice.js'
import type { Context } from '../context.js'
import { takeKept } from '../messages/content/history-part.js'
import { tell } from '../messages/system-message.js'
import { onJoinedOwnDevices } from '../messages/transfer-due.js'
import type { GroupState } from '../mls/engine.js'
import { MlsRefused } from '../mls/refused.js'
import type { Batch } from '../vault/records.js'
import type { Key } from '../vault/vault.js'
import { decodeSettings, isAdmin } from './policy.js'

/** How often a welcome is opened that is cut short each time: whatever ends this program may not be its doing. */
const ATTEMPTS = 3

/** A welcome leads nowhere. */
class JoinRefused extends Error {
  override name = 'JoinRefused'
  constructor(readonly why: JoinRefusal) {
    super(why.code)
  }
}

/** Whoever invites is blocked: nobody needs to know. */
class JoinBlocked extends Error {
  override name = 'JoinBlocked'
}

/** Takes a welcome in: a new group and, where there is none yet, its conversation. Never throws for what it says. */
export async function joinByWelcome(
  context: Context,
  batch: Batch,
  envelope: Envelope,
  welcome: Uint8Array,
): Promise<void> {
  const known = context.groups.byId(envelope.conversationId)
  const isOld = known && envelope.sequence <= known.record.lastSequence
  if (isOld || (known && known.record.status !== GroupStatus.ENDED && !known.record.lost)) return
  try {
    const opened = await openWelcome(context, batch, envelope, welcome)
    await join(context, batch, envelope, opened)
  } catch (error) {
    if (error instanceof JoinRefused || error instanceof MlsRefused)
      batch.tell({
        type: 'notice',
        level: 'warning',
        notice: { code: 'invitation-refused', why: whyRefused(error) },
      })
    else if (!(error instanceof JoinBlocked)) throw error
  }
  batch.deleteGroup('welcomes', envelope.sequence)
}

const whyRefused = (error: JoinRefused | MlsRefused): JoinRefusal =>
  error instanceof JoinRefused ? error.why : { code: 'mls', cause: error.why }

/**
 * Opens it in the worker. One that took too long is tried again: a machine that slept meanwhile, or is busy, looks the
 * same as a hostile welcome. Throws JoinRefused, MlsRefused.
 */
async function openWelcome(
  context: Context,
  batch: Batch,
  envelope: Envelope,
  welcome: Uint8Array,
): Promise<OpenedByUs> {
  for (;;) {
    noteAttempt(context, batch, envelope)
    const packages = context.records.list('keypackages')
    try {
      const keyPackages = packages.map(({ record }) => record)
      const { state, usedKeyPackage } = await context.welcomes.open({ welcome, keyPackages })
      return { state, used: packages[usedKeyPackage] }
    } catch (error) {
      if (!(error instanceof MlsRefused && error.why === 'too-costly')) throw error
    }
  }
}

interface OpenedByUs {
  /** As Engine.save() makes it. */
  state: Uint8Array
  /** The key package that it was for. */
  used: { key: Key; record: KeyPackage } | undefined
}

/** Throws JoinRefused for a welcome that was opened too often. */
function noteAttempt({ clock }: Context, batch: Batch, { conversationId, sequence }: Envelope): void {
  const attempts = batch.keys('welcomes', { group: sequence }).length
  if (attempts >= ATTEMPTS) throw new JoinRefused({ code: 'too-many-attempts', attempts: ATTEMPTS })
  const key = { group: sequence, id: BigInt(attempts) }
  batch.putAhead('welcomes', key, { conversationId, sequence, attemptedAtMs: BigInt(clock.now()) })
}

async function join(context: Context, batch: Batch, envelope: Envelope, opened: OpenedByUs): Promise<void> {
  const { engine, groups, conversations, contacts } = context
  const state = engine.load(opened.state)
  if (Buffer.compare(engine.groupId(state), envelope.conversationId) !== 0)
    throw new JoinRefused({ code: 'other-conversation' })
  const settings = decodeSettings(engine.settings(state))
  if (!settings) throw new JoinRefused({ code: 'bad-settings' })
  const others = otherAccounts(context, state)
  refuseBlocked(context, settings)
  const known = groups.byId(envelope.conversationId)
  if (known?.record.brokenBy) throw new JoinRefused({ code: 'against-rules', from: known.record.brokenBy })
  const conversation = known?.record.conversation ?? conversationFor(context, batch, settings, others)
  for (const { handle, accountKey } of others) contacts.meet(batch, handle, accountKey)
  const { used } = opened
  if (used && !used.record.lastResort) batch.delete('keypackages', used.key)
  const { conversationId } = envelope
  const before = known && decodeSettings(engine.settings(known.state))
  const group = known
    ? groups.restart(batch, known, state)
    : groups.add(batch, { conversationId, conversation, status: GroupStatus.ACTIVE }, state)
  group.record.lastSequence = envelope.sequence
  group.record.joinedAtMs = envelope.storedAtMs
  groups.save(batch, group)
  // Only to say that this account has left (leaving.ts); a new invitation that comes before that is taken for it.
  if (group.record.left) return
  if (settings.kind === GroupKind.OWN_DEVICES) return onJoinedOwnDevices(context, batch, group)
  const peer = conversations.peer(conversation)
  if (!contacts.isBlocked(peer)) batch.tell({ type: 'conversation', peer, conversation, state: 'ready' })
  if (settings.kind !== GroupKind.ROOM) return
  tell(context, batch, group, envelope, {
    code: 'joined',
    others: others.map(({ handle }) => handle),
    topic: settings.topic,
    historyDays: settings.history?.days ?? 0,
  })
  const promoted = before ? newAdmins(before, settings) : []
  if (promoted.length > 0)
    tell(context, batch, group, envelope, { code: 'admins-made-meanwhile', who: promoted })
  takeKept(context, batch, group, envelope)
}

/** Only an admin adds people. Throws JoinBlocked where all of them are blocked. */
function refuseBlocked({ contacts }: Context, { admins }: GroupSettings): void {
  if (admins.length > 0 && admins.every(({ handle }) => contacts.isBlocked(handle))) throw new JoinBlocked()
}

/** Whoever takes a device in again tells it what the rules are by now. */
const newAdmins = (before: GroupSettings, after: GroupSettings): string[] =>
  after.admins.filter(admin => !isAdmin(before, admin)).map(({ handle }) => handle)

/** Which conversation a group carries: the one with the other person, or a room's own. Throws JoinRefused. */
function conversationFor(
  { conversations }: Context,
  batch: Batch,
  settings: GroupSettings,
  others: readonly DeviceIdentity[],
): bigint {
  if (settings.kind === GroupKind.ROOM) return conversations.openRoom(batch, settings.name)
  const [other, ...rest] = others
  if (settings.kind === GroupKind.OWN_DEVICES) {
    if (other) throw new JoinRefused({ code: 'foreign-account' })
    return conversations.openOwnDevices(batch)
  }
  if (settings.kind !== GroupKind.DIRECT || !other || rest.length > 0)
    throw new JoinRefused({ code: 'not-two-people' })
  return conversations.open(batch, other.handle)
}

/** The accounts in it besides ours, each once. Throws JoinRefused where somebody goes by our handle. */
function otherAccounts({ account, engine }: Context, state: GroupState): DeviceIdentity[] {
  const others = new Map<string, DeviceIdentity>()
  for (const { identity } of engine.members(state)) {
    const member = parseVerifiedCertificate(identity)
    const own = Buffer.compare(member.accountKey, account.account.publicKey) === 0
    if (member.handle === account.handle && !own) throw new JoinRefused({ code: 'own-handle' })
    if (!own) others.set(member.handle, member)
  }
  return [...others.values()]
}
