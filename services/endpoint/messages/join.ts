// Joining a group by a welcome: its conversation, the people in it, and what was kept for it.

import { ConversationKind } from '../../../gen/parley/content/v1/chain_pb.js'
import type { DeliveredWelcome, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { includesKey } from '../../protocol/keys.js'
import type { JoinRefusal } from '../codes/notice.js'
import { linesOf } from '../groups/commit-lines.js'
import { demandMember, welcomeSigner } from '../groups/heads.js'
import { adminKeys, isOwn, isOwnDevicesGroup } from '../groups/membership.js'
import { can, joined } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import {
  forgetAttempts,
  isUnheard,
  JoinForked,
  JoinRefused,
  JoinSkipped,
  type OpenedWelcome,
  openWelcome,
  readWelcome,
  type WelcomedGroup,
} from '../groups/welcome.js'
import type { AccountKey, ConversationNumber, Placed } from '../ids.js'
import { MlsRefused } from '../mls/refused.js'
import type { Transaction } from '../vault/records.js'
import { addedBy, awaitHistory, takeKept } from './content/history-part.js'
import { beginEpoch } from './fork-detection.js'
import { learnLists } from './lists/learned-lists.js'
import { areAdminsBlocked, isRequest, isWaiting, placeFor, showSetAside } from './requests.js'
import type { MessageParts } from './sealing/parts.js'
import { goOn, newestKnown, noteBeside, noteHeard, noteLed, tellWentOn } from './succession.js'
import { appendSystemMessage, isBlocked } from './system-message.js'
import { onJoinedOwnDevices } from './transfer/due.js'

/** Groups that one request may have gone on through: a person who waits so long is asked anew. */
const GROUPS_OF_REQUEST = 64

/** There is no room for it, or everybody who can invite is blocked: nobody needs to know. */
class JoinBlocked extends Error {
  override name = 'JoinBlocked'
}

/** Takes a welcome in: a new group and, where there is none yet, its conversation. Never throws for what it says. */
export async function joinByWelcome(
  parts: MessageParts,
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
    if (error instanceof JoinForked)
      appendSystemMessage(parts, tx, error.present, envelope, { code: 'not-along', who: error.by })
    else if (error instanceof JoinRefused || error instanceof MlsRefused)
      tx.tell({
        type: 'notice',
        level: 'warning',
        notice: { code: 'invitation-refused', why: whyRefused(error) },
      })
    else if (!(error instanceof JoinBlocked || error instanceof JoinSkipped)) throw error
  }
  forgetAttempts(tx, envelope)
}

const whyRefused = (error: JoinRefused | MlsRefused): JoinRefusal =>
  error instanceof JoinRefused ? error.why : { code: 'mls', cause: error.why }

function join(
  parts: MessageParts,
  tx: Transaction,
  envelope: Placed<Envelope>,
  { opened, signer }: { opened: OpenedWelcome; signer: Uint8Array },
): void {
  const { engine, groups, contacts } = parts
  const welcomed = readWelcome(parts, envelope, opened)
  const { state, held, others } = welcomed
  demandMember(parts, state, signer)
  const same = groups.byId(envelope.conversationId)
  const before = same ?? newestKnown(parts, held)
  // Nothing of what is dropped is kept, also not who they are.
  const asker = askerIn(parts, tx, { before, welcomed })
  for (const other of others) contacts.see(tx, other)
  learnLists(parts, tx, held)
  const isTold = asker !== undefined && isWaiting(parts, before?.record.conversation, asker.by)
  const conversation = conversationFor(parts, tx, { before, welcomed, asker })
  const { used } = opened
  if (used && !used.record.lastResort) tx.delete('keypackages', used.key)
  const knew = before?.held
  if (same) groups.restart(tx, same, { state, held })
  const group = same ?? groups.add(tx, { conversation, phase: joined() }, { state, held })
  if (asker) groups.move(tx, group, { input: 'held' })
  if (!same && before) noteLed(parts, tx, group, { before, welcomed })
  if (welcomed.beside) noteBeside(parts, tx, group, welcomed)
  const { sequence } = envelope
  const log = beginEpoch(group.record.log, { sequence, authenticator: engine.epochAuthenticator(state) })
  groups.change(tx, group, { lastSequence: sequence, log })
  goOn(parts, tx, group)
  noteHeard(parts, tx, group, welcomed.by, { isTold: true })
  if (welcomed.beside && isUnheard(group)) return
  // Only to say that this account has left (content/leave.ts); a new invitation that comes before that is taken for it.
  if (group.phase.name === 'leaving') return
  if (isOwnDevicesGroup(group)) onJoinedOwnDevices(parts, tx, group)
  else tellJoined(parts, tx, envelope, { group, welcomed, knew, isTold })
  showSetAside(parts, tx)
}

/** A person reads that they are in it; and what was kept for a room comes into its history. */
function tellJoined(
  parts: MessageParts,
  tx: Transaction,
  envelope: Placed<Envelope>,
  {
    group,
    welcomed,
    knew,
    isTold,
  }: {
    group: LiveGroup
    welcomed: WelcomedGroup
    knew: LiveGroup['held'] | undefined
    /** That somebody asks for it was told before. */
    isTold: boolean
  },
): void {
  const { held, others, reason } = welcomed
  const { conversations } = parts
  const { conversation } = group.record
  const peer = conversations.peer(conversation)
  const asker = conversations.askedBy(conversation)
  if (asker && !isTold && !conversations.isSetAside(conversation))
    tx.tell({ type: 'request', peer, from: parts.contacts.nameOf(asker) })
  else if (!asker && !isBlocked(parts, conversation))
    tx.tell({ type: 'conversation', peer, conversation, state: 'ready' })
  const { settings } = held.state
  if (!settings) return
  if (knew && reason === 'successor') tellChanges(parts, tx, envelope, { group, welcomed, knew })
  else
    appendSystemMessage(parts, tx, group, envelope, {
      code: 'joined',
      others: others.map(({ accountKey }) => accountKey),
      topic: settings.topic,
      historyDays: settings.historyDays,
    })
  awaitHistory(parts, tx, group)
  takeKept(parts, tx, group, envelope)
  if (!knew || reason === 'successor') return
  const were = adminKeys(knew.state)
  const promoted = adminKeys(held.state).filter(key => !includesKey(were, key))
  if (promoted.length > 0)
    appendSystemMessage(parts, tx, group, envelope, { code: 'admins-made-meanwhile', who: promoted })
}

/** The room goes on in this group, with the changes that it begins with. */
function tellChanges(
  parts: Pick<MessageParts, 'account' | 'conversations' | 'groups'>,
  tx: Transaction,
  envelope: Placed<Envelope>,
  { group, welcomed: { by }, knew }: { group: LiveGroup; welcomed: WelcomedGroup; knew: LiveGroup['held'] },
): void {
  const { held } = group
  const entries = held.entries.slice(knew.entries.length)
  const change = { committer: parts.account.device.publicKey, by, added: [], removed: [], entries }
  tellWentOn(parts, tx, group, envelope)
  for (const each of linesOf(parts, knew, held, change)) appendSystemMessage(parts, tx, group, envelope, each)
}

interface Joining {
  /** The same group, or one of its conversation. */
  before: LiveGroup | undefined
  welcomed: WelcomedGroup
}

/** Somebody asks to be let in. `setAside`: a person does not see that yet. */
interface Asker {
  by: AccountKey
  setAside: boolean
}

/**
 * The account that asks to be let in; undefined where nobody has to. In a room that is whoever has added this account:
 * any member may sign a welcome to it. Throws JoinBlocked where it can be heard neither now nor later.
 */
function askerIn(
  parts: Pick<MessageParts, 'account' | 'contacts' | 'conversations' | 'groups' | 'requests'>,
  tx: Transaction,
  { before, welcomed }: Joining,
): Asker | undefined {
  const { account, contacts, conversations, groups } = parts
  const { held, by: signer } = welcomed
  const isDirect = held.state.kind === ConversationKind.DIRECT
  const by = addedBy(held, account.account.publicKey)?.author.accountKey ?? signer
  const direct = isDirect ? conversations.withPerson(by) : undefined
  const number = before?.record.conversation ?? direct
  // Only an admin adds people.
  const areBlocked = areAdminsBlocked(parts, welcomed)
  const areOwn = [by, signer].some(accountKey => isOwn(parts, { accountKey }))
  // A person has it among theirs already.
  const isTheirs = number !== undefined && !conversations.askedBy(number)
  if (areOwn || isTheirs) {
    if (areBlocked) throw new JoinBlocked()
    return undefined
  }
  const isShut = areBlocked || (contacts.isBlocked(by) && parts.requests === 'hold')
  if (!isShut && (contacts.isBlocked(by) || !isRequest(parts, tx, by))) return undefined
  if (number !== undefined && groups.of(number).length >= GROUPS_OF_REQUEST) throw new JoinBlocked()
  if (number !== undefined && isWaiting(parts, number, by))
    return { by, setAside: conversations.isSetAside(number) }
  const place = placeFor(parts, tx, by, { isShut })
  if (!place) throw new JoinBlocked()
  return { by, setAside: place === 'set-aside' }
}

/** Which conversation a group carries: the one with the other person, or a room's own. */
function conversationFor(
  { conversations }: Pick<MessageParts, 'conversations'>,
  tx: Transaction,
  { before, welcomed, asker }: Joining & { asker: Asker | undefined },
): ConversationNumber {
  const number = before?.record.conversation
  const { kind, settings } = welcomed.held.state
  if (asker) {
    const { by, setAside } = asker
    return conversations.request(tx, by, { number, setAside, ...(settings && { roomName: settings.name }) })
  }
  // Also one that was declined before: whoever asks now was let in since.
  if (number !== undefined) conversations.admit(tx, number)
  if (number !== undefined) return number
  if (settings) return conversations.openRoom(tx, settings.name)
  const [other] = welcomed.others
  if (kind === ConversationKind.OWN_DEVICES || !other) return conversations.openOwnDevices(tx)
  return conversations.open(tx, other.accountKey)
}
