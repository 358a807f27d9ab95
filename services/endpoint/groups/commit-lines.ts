// The meaning of a commit to the people in the group: who came, who went, what the room is called now; as lines of the
// history, for everybody the same.

import { GroupKind, type GroupSettings } from '../../../gen/parley/content/v1/room_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { includesKey, sameKey } from '../../protocol/keys.js'
import type { SystemMessage } from '../codes/system-message.js'
import type { Candidate } from '../mls/engine.js'
import type { Known } from '../vault/said.js'
import type { GroupParts } from './parts.js'
import { type Membership, sameAccount } from './policy.js'
import type { LiveGroup } from './state/groups.js'

/** The changes that a commit made. */
export interface MemberChange {
  committer: Candidate
  added: readonly Candidate[]
  removed: readonly Candidate[]
}

/** The changes that a commit of ours made, from the members before and after it. */
export function ownChange(
  { account, engine }: Pick<GroupParts, 'account' | 'engine'>,
  group: LiveGroup,
  before: Membership,
): MemberChange {
  const after = engine.members(group.state)
  const isIn = (members: readonly Candidate[], { signatureKey }: Candidate) =>
    members.some(member => sameKey(member.signatureKey, signatureKey))
  return {
    committer: { identity: account.certificate, signatureKey: account.device.publicKey },
    added: after.filter(member => !isIn(before.members, member)),
    removed: before.members.filter(member => !isIn(after, member)),
  }
}

/** The change as lines that a person reads. */
export function linesOf(
  parts: Pick<GroupParts, 'account'>,
  before: Membership,
  after: Membership,
  change: MemberChange,
): SystemLine[] {
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
): SystemLine[] {
  const by = parseVerifiedCertificate(committer.identity)
  const came = handlesOf(added).filter(({ account }) => !holds(before, account))
  const grew = handlesOf(added).filter(({ account }) => holds(before, account))
  const went = handlesOf(removed).filter(({ account }) => !holds(after, account))
  const lines: SystemLine[] = []
  if (came.length > 0 && after.settings.kind === GroupKind.ROOM)
    lines.push({ code: 'members-added', by: by.handle, who: named(came) })
  for (const { handle } of grew)
    if (handle !== parts.account.handle) lines.push({ code: 'device-added', who: handle })
    else if (after.settings.kind === GroupKind.OWN_DEVICES) lines.push({ code: 'own-device-added' })
  const left = went.filter(
    ({ account }) => sameAccount(account, by) || isLeaving(before, removed, account.handle),
  )
  const thrownOut = went.filter(each => !left.includes(each))
  if (left.length > 0) lines.push({ code: 'members-left', who: named(left) })
  if (thrownOut.length > 0) lines.push({ code: 'members-removed', by: by.handle, who: named(thrownOut) })
  return lines
}

type AccountIdentity = ReturnType<typeof parseVerifiedCertificate>

export type SystemLine = Known<SystemMessage>

const holds = ({ members }: Membership, account: AccountIdentity) =>
  members.some(({ identity }) => sameAccount(parseVerifiedCertificate(identity), account))

function isLeaving({ leaving }: Membership, removed: readonly Candidate[], handle: string): boolean {
  return removed
    .filter(({ identity }) => parseVerifiedCertificate(identity).handle === handle)
    .some(({ signatureKey }) => includesKey(leaving, signatureKey))
}

/** Each account once. */
function handlesOf(candidates: readonly Candidate[]): { handle: string; account: AccountIdentity }[] {
  const accounts = new Map(
    candidates.map(({ identity }) => parseVerifiedCertificate(identity)).map(each => [each.handle, each]),
  )
  return [...accounts].map(([handle, account]) => ({ handle, account }))
}

const named = (accounts: readonly { handle: string }[]) => accounts.map(({ handle }) => handle)

function settingsLines(
  before: GroupSettings,
  after: GroupSettings,
  { committer }: MemberChange,
): SystemLine[] {
  const by = parseVerifiedCertificate(committer.identity).handle
  const lines: SystemLine[] = []
  if (before.name !== after.name) lines.push({ code: 'room-named', by, name: after.name })
  if (before.topic !== after.topic) lines.push({ code: 'topic-set', by, topic: after.topic })
  const days = after.history?.days ?? 0
  if ((before.history?.days ?? 0) !== days) lines.push({ code: 'newcomers-decided', by, days })
  const [were, are] = [named(before.admins), named(after.admins)]
  for (const name of are) if (!were.includes(name)) lines.push({ code: 'admin-made', by, who: [name] })
  for (const name of were) if (!are.includes(name)) lines.push({ code: 'admin-unmade', by, who: [name] })
  return lines
}
