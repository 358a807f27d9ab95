// What a commit means to the people in the group: who came, who went, what the room is called now; as lines of the
// history, for everybody the same.

import { GroupKind, type GroupSettings } from '../../../gen/parley/content/v1/room_pb.js'
import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { GroupStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import type { SystemMessage } from '../codes/system-message.js'
import type { Context } from '../context.js'
import { beginEpoch } from '../messages/fork-detection.js'
import { tell } from '../messages/system-message.js'
import { onAdded } from '../messages/transfer-due.js'
import { failWaiting } from '../messages/unsent.js'
import type { Candidate, Member } from '../mls/engine.js'
import type { Batch } from '../vault/records.js'
import type { Known } from '../vault/said.js'
import type { LiveGroup } from './groups.js'
import { forgetRemovals } from './intents.js'
import { settingsOf, standing } from './membership.js'
import { type Group, sameAccount } from './policy.js'
import { addAgain } from './rejoin.js'
import { myTurnMs } from './self-removal.js'

interface Done {
  committer: Candidate
  added: readonly Candidate[]
  removed: readonly Candidate[]
}

/** What a commit of ours did, from the members before and after it. */
export function ownChange({ account, engine }: Context, group: LiveGroup, before: Group): Done {
  const after = engine.members(group.state)
  const isIn = (members: readonly Candidate[], { signatureKey }: Candidate) =>
    members.some(member => Buffer.compare(member.signatureKey, signatureKey) === 0)
  return {
    committer: { identity: account.certificate, signatureKey: account.device.publicKey },
    added: after.filter(member => !isIn(before.members, member)),
    removed: before.members.filter(member => !isIn(after, member)),
  }
}

/** The group has come into a new epoch. */
export function afterCommit(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  { envelope, before, change }: { envelope: Envelope; before: Group; change: Done },
): void {
  beginEpoch(group)
  const gone = change.removed.map(({ signatureKey }) => signatureKey)
  group.record.leavingDeviceIds = group.record.leavingDeviceIds.filter(
    device => !gone.some(other => Buffer.compare(other, device) === 0),
  )
  const came = change.added.map(({ signatureKey }) => signatureKey)
  group.record.rejoiningDeviceIds = group.record.rejoiningDeviceIds.filter(
    device => !came.some(other => Buffer.compare(other, device) === 0),
  )
  const isOurs = Buffer.compare(change.committer.signatureKey, context.account.device.publicKey) === 0
  forgetRemovals(context, batch, group, gone)
  addAgain(context, batch, group, change.removed, isOurs ? 0 : myTurnMs(context, group, gone))
  for (const { handle, accountKey } of change.added.map(({ identity }) => parseVerifiedCertificate(identity)))
    if (handle !== context.account.handle) context.contacts.meet(batch, handle, accountKey)
  onAdded(context, batch, group, { before, added: change.added, isOurs })
  const after = standing(context, group)
  const told = [
    ...membersTold(context, before, after, change),
    ...settingsTold(before.settings, after.settings, change),
  ]
  for (const said of group.record.left ? [] : told) tell(context, batch, group, envelope, said)
  if (after.settings.kind === GroupKind.ROOM && after.settings.name !== before.settings.name)
    context.conversations.rename(batch, group.record.conversation, after.settings.name)
}

/** A commit has taken this device out. */
export function endRemoved(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  committer: Member,
): void {
  const isRoom = settingsOf(context, group).kind === GroupKind.ROOM
  group.record.status = GroupStatus.ENDED
  context.groups.savePending(batch, group, undefined)
  context.intents.dropAll(batch, group)
  if (!isRoom || group.record.left) return
  const { handle } = parseVerifiedCertificate(committer.identity)
  failWaiting(context, batch, group.record.conversation, 'not-in-room')
  tell(context, batch, group, envelope, { code: 'you-were-removed', who: handle })
}

function membersTold(
  context: Context,
  before: Group,
  after: Group,
  { committer, added, removed }: Done,
): Told[] {
  const by = parseVerifiedCertificate(committer.identity)
  const came = handlesOf(added).filter(({ account }) => !holds(before, account))
  const grew = handlesOf(added).filter(({ account }) => holds(before, account))
  const went = handlesOf(removed).filter(({ account }) => !holds(after, account))
  const told: Told[] = []
  if (came.length > 0 && after.settings.kind === GroupKind.ROOM)
    told.push({ code: 'members-added', by: by.handle, who: named(came) })
  for (const { handle } of grew)
    if (handle !== context.account.handle) told.push({ code: 'device-added', who: handle })
    else if (after.settings.kind === GroupKind.OWN_DEVICES) told.push({ code: 'own-device-added' })
  const left = went.filter(
    ({ account }) => sameAccount(account, by) || isLeaving(before, removed, account.handle),
  )
  const thrownOut = went.filter(each => !left.includes(each))
  if (left.length > 0) told.push({ code: 'members-left', who: named(left) })
  if (thrownOut.length > 0) told.push({ code: 'members-removed', by: by.handle, who: named(thrownOut) })
  return told
}

type Account = ReturnType<typeof parseVerifiedCertificate>

type Told = Known<SystemMessage>

const holds = ({ members }: Group, account: Account) =>
  members.some(({ identity }) => sameAccount(parseVerifiedCertificate(identity), account))

function isLeaving({ leaving }: Group, removed: readonly Candidate[], handle: string): boolean {
  return removed
    .filter(({ identity }) => parseVerifiedCertificate(identity).handle === handle)
    .some(({ signatureKey }) => leaving.some(device => Buffer.compare(device, signatureKey) === 0))
}

/** Each account once. */
function handlesOf(candidates: readonly Candidate[]): { handle: string; account: Account }[] {
  const accounts = new Map(
    candidates.map(({ identity }) => parseVerifiedCertificate(identity)).map(each => [each.handle, each]),
  )
  return [...accounts].map(([handle, account]) => ({ handle, account }))
}

const named = (accounts: readonly { handle: string }[]) => accounts.map(({ handle }) => handle)

function settingsTold(before: GroupSettings, after: GroupSettings, { committer }: Done): Told[] {
  const by = parseVerifiedCertificate(committer.identity).handle
  const told: Told[] = []
  if (before.name !== after.name) told.push({ code: 'room-named', by, name: after.name })
  if (before.topic !== after.topic) told.push({ code: 'topic-set', by, topic: after.topic })
  const days = after.history?.days ?? 0
  if ((before.history?.days ?? 0) !== days) told.push({ code: 'newcomers-decided', by, days })
  const [were, are] = [named(before.admins), named(after.admins)]
  for (const name of are) if (!were.includes(name)) told.push({ code: 'admin-made', by, who: [name] })
  for (const name of were) if (!are.includes(name)) told.push({ code: 'admin-unmade', by, who: [name] })
  return told
}
