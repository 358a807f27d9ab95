// Joining a group by a welcome: its conversation, the people in it, and what was kept for it.

import { GroupKind, type GroupSettings } from '../../../gen/parley/content/v1/room_pb.js'
import type { DeliveredWelcome, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import type { JoinRefusal } from '../codes/notice.js'
import { demandMember, welcomeSigner } from '../groups/heads.js'
import { checkGoesOn } from '../groups/known-group.js'
import { adminKeys, decodeSettings, isAdmin } from '../groups/policy.js'
import { can, joined } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import {
  forgetAttempts,
  JoinRefused,
  type OpenedWelcome,
  openWelcome,
  readWelcome,
  type WelcomedGroup,
} from '../groups/welcome.js'
import type { AccountKey, ConversationNumber, Placed } from '../ids.js'
import { MlsRefused } from '../mls/refused.js'
import type { Transaction } from '../vault/records.js'
import { takeKept } from './content/history-part.js'
import { beginEpoch } from './fork-detection.js'
import { isRequest, mayAsk } from './requests.js'
import type { MessageParts } from './sealing/parts.js'
import { appendSystemMessage, isBlocked } from './system-message.js'
import { onJoinedOwnDevices } from './transfer/due.js'

/** Everybody who can invite is blocked: nobody needs to know. */
class JoinBlocked extends Error {
  override name = 'JoinBlocked'
}

/** Takes a welcome in: a new group and, where there is none yet, its conversation. Never throws for what it says. */
export async function joinByWelcome(
  parts: Pick<
    MessageParts,
    | 'account'
    | 'clock'
    | 'contacts'
    | 'conversations'
    | 'devices'
    | 'engine'
    | 'groups'
    | 'lines'
    | 'records'
    | 'requests'
    | 'welcomes'
  >,
  tx: Transaction,
  envelope: Placed<Envelope>,
  welcome: DeliveredWelcome,
): Promise<void> {
  const known = parts.groups.byId(envelope.conversationId)
  const isOld = known && envelope.sequence <= known.record.lastSequence
  if (isOld || (known && !can(known.phase, 'join'))) return
  try {
    const signer = welcomeSigner(envelope, welcome)
    const opened = await openWelcome(parts, tx, envelope, welcome.welcome)
    join(parts, tx, envelope, { opened, signer })
  } catch (error) {
    if (error instanceof JoinRefused || error instanceof MlsRefused)
      tx.tell({
        type: 'notice',
        level: 'warning',
        notice: { code: 'invitation-refused', why: parts.contacts.named(whyRefused(error)) },
      })
    else if (!(error instanceof JoinBlocked)) throw error
  }
  forgetAttempts(tx, envelope)
}

const whyRefused = (error: JoinRefused | MlsRefused): JoinRefusal<AccountKey> =>
  error instanceof JoinRefused ? error.why : { code: 'mls', cause: error.why }

function join(
  parts: Pick<
    MessageParts,
    | 'account'
    | 'clock'
    | 'contacts'
    | 'conversations'
    | 'devices'
    | 'engine'
    | 'groups'
    | 'lines'
    | 'records'
    | 'requests'
  >,
  tx: Transaction,
  envelope: Placed<Envelope>,
  { opened, signer }: { opened: OpenedWelcome; signer: Uint8Array },
): void {
  const { engine, groups, contacts } = parts
  const welcomed = readWelcome(parts, envelope, opened)
  const { state, settings, others } = welcomed
  demandMember(parts, state, signer)
  refuseBlocked(parts, settings)
  const known = groups.byId(envelope.conversationId)
  if (known) checkGoesOn(parts, known, welcomed)
  for (const other of others) contacts.see(tx, other)
  const asker = askerIn(parts, tx, { known, settings, signer: opened.signer })
  const conversation = conversationFor(parts, tx, { known, settings, others, asker })
  const { used } = opened
  if (used && !used.record.lastResort) tx.delete('keypackages', used.key)
  const { conversationId } = envelope
  const before = known && decodeSettings(engine.settings(known.state))
  if (known) groups.restart(tx, known, state)
  const group = known ?? groups.add(tx, { conversationId, conversation, phase: joined() }, state)
  if (asker) groups.move(tx, group, { input: 'held' })
  const { sequence } = envelope
  const log = beginEpoch(group.record.log, { sequence, authenticator: engine.epochAuthenticator(state) })
  groups.change(tx, group, { lastSequence: sequence, log })
  // Only to say that this account has left (content/leave.ts); a new invitation that comes before that is taken for it.
  if (group.phase.name === 'leaving') return
  if (settings.kind === GroupKind.OWN_DEVICES) onJoinedOwnDevices(parts, tx, group)
  else tellJoined(parts, tx, envelope, { group, settings, others, before })
}

/** A person reads that they are in it; and what was kept for a room comes into its history. */
function tellJoined(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'contacts' | 'conversations' | 'devices' | 'engine' | 'lines' | 'records'
  >,
  tx: Transaction,
  envelope: Placed<Envelope>,
  {
    group,
    settings,
    others,
    before,
  }: Pick<WelcomedGroup, 'settings' | 'others'> & { group: LiveGroup; before: GroupSettings | undefined },
): void {
  const { conversations } = parts
  const { conversation } = group.record
  const peer = conversations.peer(conversation)
  const asker = conversations.askedBy(conversation)
  if (asker) tx.tell({ type: 'request', peer, from: parts.contacts.nameOf(asker) })
  else if (!isBlocked(parts, conversation))
    tx.tell({ type: 'conversation', peer, conversation, state: 'ready' })
  if (settings.kind !== GroupKind.ROOM) return
  appendSystemMessage(parts, tx, group, envelope, {
    code: 'joined',
    others: others.map(({ accountKey }) => accountKey),
    topic: settings.topic,
    historyDays: settings.history?.days ?? 0,
  })
  const promoted = before ? newAdmins(before, settings) : []
  if (promoted.length > 0)
    appendSystemMessage(parts, tx, group, envelope, { code: 'admins-made-meanwhile', who: promoted })
  takeKept(parts, tx, group, envelope)
}

/** Only an admin adds people. Throws JoinBlocked where all of them are blocked. */
function refuseBlocked({ contacts }: Pick<MessageParts, 'contacts'>, { admins }: GroupSettings): void {
  if (admins.length > 0 && adminKeys({ admins }).every(key => contacts.isBlocked(key)))
    throw new JoinBlocked()
}

/** A member that takes a device in again tells it what the rules are by now. */
const newAdmins = (before: GroupSettings, after: GroupSettings): AccountKey[] =>
  adminKeys(after).filter(accountKey => !isAdmin(before, { accountKey }))

/** The account that asks to be let in; undefined where nobody has to. Throws JoinBlocked for one that may not ask. */
function askerIn(
  parts: Pick<MessageParts, 'contacts' | 'conversations' | 'requests'>,
  tx: Transaction,
  {
    known,
    settings,
    signer,
  }: Pick<WelcomedGroup, 'settings'> & Pick<OpenedWelcome, 'signer'> & { known: LiveGroup | undefined },
): AccountKey | undefined {
  const { conversations } = parts
  const { accountKey } = parseVerifiedCertificate(signer.identity)
  const direct = settings.kind === GroupKind.DIRECT ? conversations.withPerson(accountKey) : undefined
  const number = known?.record.conversation ?? direct
  // A person has it among theirs already.
  if (number !== undefined && !conversations.askedBy(number)) return undefined
  if (parts.contacts.isBlocked(accountKey) || !isRequest(parts, tx, accountKey)) return undefined
  if (!mayAsk(parts, tx, accountKey)) throw new JoinBlocked()
  return accountKey
}

/** Which conversation a group carries: the one with the other person, or a room's own. */
function conversationFor(
  { conversations }: Pick<MessageParts, 'conversations'>,
  tx: Transaction,
  {
    known,
    settings,
    others,
    asker,
  }: Pick<WelcomedGroup, 'settings' | 'others'> & {
    known: LiveGroup | undefined
    asker: AccountKey | undefined
  },
): ConversationNumber {
  const number = known?.record.conversation
  if (asker) {
    const isRoom = settings.kind === GroupKind.ROOM
    return conversations.request(tx, asker, { number, ...(isRoom && { roomName: settings.name }) })
  }
  if (number !== undefined) return number
  if (settings.kind === GroupKind.ROOM) return conversations.openRoom(tx, settings.name)
  const [other] = others
  if (settings.kind === GroupKind.OWN_DEVICES || !other) return conversations.openOwnDevices(tx)
  return conversations.open(tx, other.accountKey)
}
