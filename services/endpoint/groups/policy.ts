// The policy of a group: its settings, and who may change what (proto/parley/content/v1/room.proto). Every member
// decides here alike, by what the group itself holds: those that decided otherwise would be out of it for good.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type Admin,
  GroupKind,
  type GroupSettings,
  GroupSettingsSchema,
} from '../../../gen/parley/content/v1/room_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { ROOM_NAME_LENGTH, ROOM_TOPIC_LENGTH } from '../../protocol/content/lengths.js'
import {
  type DeviceIdentity,
  parseVerifiedCertificate,
  readCertificate,
} from '../../protocol/identity/certificate.js'
import { type AccountKey, type DeviceKey, includesKey, sameKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import type { Candidate, JudgedChange } from '../mls/engine.js'
import { devicesAsking } from './rejoin-basis.js'

/** A group without settings is between two people. */
const DIRECT = create(GroupSettingsSchema, { kind: GroupKind.DIRECT })

export function encodeSettings(settings: GroupSettings): Uint8Array {
  return toBinary(GroupSettingsSchema, settings)
}

/** undefined for what no client of ours writes. */
export function decodeSettings(bytes: Uint8Array | undefined): GroupSettings | undefined {
  if (bytes === undefined) return DIRECT
  try {
    const settings = fromBinary(GroupSettingsSchema, bytes)
    return isSound(settings) ? settings : undefined
  } catch {
    return undefined
  }
}

function isSound({ kind, name, topic, admins }: GroupSettings): boolean {
  if (kind !== GroupKind.ROOM) return kind === GroupKind.DIRECT || kind === GroupKind.OWN_DEVICES
  return (
    name.length > 0 &&
    name.length <= ROOM_NAME_LENGTH &&
    topic.length <= ROOM_TOPIC_LENGTH &&
    admins.length > 0
  )
}

type AccountIdentity = Pick<DeviceIdentity, 'accountKey'>

/** Those of the settings are as somebody wrote them: their keys are bytes that may be none. */
type AccountNamed = AccountIdentity | Pick<Admin, 'accountKey'>

export const sameAccount = (a: AccountNamed, b: AccountNamed): boolean =>
  equalBytes(a.accountKey, b.accountKey)

export const isAdmin = ({ admins }: GroupSettings, account: AccountNamed): boolean =>
  admins.some(admin => sameAccount(admin, account))

/** As somebody wrote them: those that are of members are accounts' keys. */
export const adminKeys = ({ admins }: Pick<GroupSettings, 'admins'>): AccountKey[] =>
  admins.map(({ accountKey }) => accountKey as AccountKey)

/** The group as it stands before the change. */
export interface Membership {
  settings: GroupSettings
  members: readonly Candidate[]
  /** Devices that asked to be removed, or whose account has revoked them. */
  leaving: readonly DeviceKey[]
  conversationId: Uint8Array
  epoch: bigint
}

/** The rule that a commit breaks, by what it does. */
export type Breach =
  /** It removes somebody, which may have had a reason that not everybody has heard of. */
  | 'removal'
  /** It adds somebody, or changes the settings, or its committer is nobody. */
  | 'powers'

/** Whether a commit may do what it does. Never throws. */
export const mayChange = (membership: Membership, change: JudgedChange): boolean =>
  breachOf(membership, change) === undefined

/** undefined for a commit that may do what it does. Never throws. */
export function breachOf(membership: Membership, change: JudgedChange): Breach | undefined {
  try {
    const committer = parseVerifiedCertificate(change.committer.identity)
    const asking = askingAgain(membership, change)
    if (change.settings !== undefined && !mayChangeSettings(membership, committer, change.settings))
      return 'powers'
    if (!change.added.every(newcomer => mayAdd(membership, committer, { newcomer, change, asking })))
      return 'powers'
    const isAllowed = (member: Candidate) => mayRemove(membership, committer, { member, asking })
    return change.removed.every(isAllowed) ? undefined : 'removal'
  } catch {
    return 'powers'
  }
}

/** The devices that are removed and added again by this commit, for the same account, and have asked for that. */
function askingAgain(
  membership: Membership,
  { added, removed, authenticatedData }: JudgedChange,
): DeviceKey[] {
  return devicesAsking(membership, authenticatedData).filter(device => {
    const [before, after] = [removed, added].map(devices =>
      devices.find(({ signatureKey }) => sameKey(signatureKey, device)),
    )
    if (!before || !after) return false
    const account = readCertificate(crypto, after.identity)
    return sameAccount(parseVerifiedCertificate(before.identity), account)
  })
}

function mayChangeSettings(membership: Membership, committer: AccountIdentity, bytes: Uint8Array): boolean {
  const next = decodeSettings(bytes)
  if (!next || next.kind !== membership.settings.kind || next.kind !== GroupKind.ROOM) return false
  const accounts = membership.members.map(({ identity }) => parseVerifiedCertificate(identity))
  const present = (admin: Admin) => accounts.some(account => sameAccount(account, admin))
  return isAdmin(membership.settings, committer) && next.admins.every(present)
}

function mayAdd(
  membership: Membership,
  committer: AccountIdentity,
  {
    newcomer,
    change: { removed },
    asking,
  }: { newcomer: Candidate; change: JudgedChange; asking: readonly DeviceKey[] },
): boolean {
  // The engine asks before it lets a newcomer in: nobody has verified this certificate yet.
  const account = readCertificate(crypto, newcomer.identity)
  if (includesKey(asking, newcomer.signatureKey)) return true
  const gone = removed.map(({ signatureKey }) => signatureKey)
  const stays = membership.members.some(
    ({ identity, signatureKey }) =>
      !includesKey(gone, signatureKey) && sameAccount(parseVerifiedCertificate(identity), account),
  )
  return stays || (membership.settings.kind === GroupKind.ROOM && isAdmin(membership.settings, committer))
}

function mayRemove(
  membership: Membership,
  committer: AccountIdentity,
  { member, asking }: { member: Candidate; asking: readonly DeviceKey[] },
): boolean {
  if (includesKey(membership.leaving, member.signatureKey)) return true
  if (includesKey(asking, member.signatureKey)) return true
  if (sameAccount(parseVerifiedCertificate(member.identity), committer)) return true
  return membership.settings.kind === GroupKind.ROOM && isAdmin(membership.settings, committer)
}
