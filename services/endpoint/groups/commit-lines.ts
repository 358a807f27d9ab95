// The meaning of a commit to the people in the group: who came, who went, what the room is called now; as lines of the
// history, for everybody the same.

import { GroupKind, type GroupSettings } from '../../../gen/parley/content/v1/room_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import {
  type AccountKey,
  type DeviceKey,
  includesKey,
  type KeyText,
  keyText,
  sameKey,
} from '../../protocol/keys.js'
import type { Candidate } from '../mls/engine.js'
import type { KnownSystemMessage } from '../vault/said.js'
import type { GroupParts } from './parts.js'
import { adminKeys, type Membership } from './policy.js'
import type { LiveGroup } from './state/groups.js'

/** The changes that a commit made. */
export interface MemberChange {
  committer: Candidate
  added: readonly Candidate[]
  removed: readonly Candidate[]
}

/**
 * The changes that a commit of ours made, from the members before and after it. `again`: devices that it added; one that
 * was there before was removed by it, too.
 */
export function ownChange(
  { account, engine }: Pick<GroupParts, 'account' | 'engine'>,
  group: LiveGroup,
  { before, again }: { before: Membership; again: readonly DeviceKey[] },
): MemberChange {
  const after = engine.members(group.state)
  const isIn = (members: readonly Candidate[], { signatureKey }: Candidate) =>
    members.some(member => sameKey(member.signatureKey, signatureKey))
  const isAgain = (member: Candidate) =>
    includesKey(again, member.signatureKey) && isIn(before.members, member) && isIn(after, member)
  return {
    committer: { identity: account.certificate, signatureKey: account.device.publicKey },
    added: after.filter(member => isAgain(member) || !isIn(before.members, member)),
    removed: before.members.filter(member => isAgain(member) || !isIn(after, member)),
  }
}

/** The change as lines that a person reads. */
export function linesOf(
  parts: Pick<GroupParts, 'account'>,
  before: Membership,
  after: Membership,
  change: MemberChange,
): KnownSystemMessage[] {
  return [
    ...memberLines(parts, before, after, change),
    ...settingsLines(before.settings, after.settings, change),
  ]
}

function memberLines(
  parts: Pick<GroupParts, 'account'>,
  before: Membership,
  after: Membership,
  { committer, added, removed }: MemberChange,
): KnownSystemMessage[] {
  const by = accountOf(committer)
  // That a device lost the state, and is there again, was said when it asked for that.
  const again = removed.map(({ signatureKey }) => signatureKey)
  const newcomers = accountsOf(added.filter(({ signatureKey }) => !includesKey(again, signatureKey)))
  const came = newcomers.filter(account => !holds(before, account))
  const grew = newcomers.filter(account => holds(before, account))
  const went = accountsOf(removed).filter(account => !holds(after, account))
  const lines: KnownSystemMessage[] = []
  if (came.length > 0 && after.settings.kind === GroupKind.ROOM)
    lines.push({ code: 'members-added', by, who: came })
  for (const who of grew)
    if (!sameKey(who, parts.account.account.publicKey)) lines.push({ code: 'device-added', who })
    else if (after.settings.kind === GroupKind.OWN_DEVICES) lines.push({ code: 'own-device-added' })
  const left = went.filter(account => sameKey(account, by) || isLeaving(before, removed, account))
  const thrownOut = went.filter(each => !left.includes(each))
  if (left.length > 0) lines.push({ code: 'members-left', who: left })
  if (thrownOut.length > 0) lines.push({ code: 'members-removed', by, who: thrownOut })
  return lines
}

const accountOf = ({ identity }: Candidate): AccountKey => parseVerifiedCertificate(identity).accountKey

const holds = ({ members }: Membership, account: AccountKey) =>
  members.some(member => sameKey(accountOf(member), account))

function isLeaving({ leaving }: Membership, removed: readonly Candidate[], account: AccountKey): boolean {
  return removed
    .filter(member => sameKey(accountOf(member), account))
    .some(({ signatureKey }) => includesKey(leaving, signatureKey))
}

/** Each account once. */
function accountsOf(candidates: readonly Candidate[]): AccountKey[] {
  const accounts = new Map<KeyText<AccountKey>, AccountKey>()
  for (const account of candidates.map(accountOf)) accounts.set(keyText(account), account)
  return [...accounts.values()]
}

function settingsLines(
  before: GroupSettings,
  after: GroupSettings,
  { committer }: MemberChange,
): KnownSystemMessage[] {
  const by = accountOf(committer)
  const lines: KnownSystemMessage[] = []
  if (before.name !== after.name) lines.push({ code: 'room-named', by, name: after.name })
  if (before.topic !== after.topic) lines.push({ code: 'topic-set', by, topic: after.topic })
  const days = after.history?.days ?? 0
  if ((before.history?.days ?? 0) !== days) lines.push({ code: 'newcomers-decided', by, days })
  const [were, are] = [adminKeys(before), adminKeys(after)]
  for (const one of are) if (!includesKey(were, one)) lines.push({ code: 'admin-made', by, who: [one] })
  for (const one of were) if (!includesKey(are, one)) lines.push({ code: 'admin-unmade', by, who: [one] })
  return lines
}
