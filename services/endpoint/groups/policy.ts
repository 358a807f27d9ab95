// The policy of a group: its settings, and who may change what (proto/parley/content/v1/room.proto). Every member
// decides here alike, by what the group itself holds: those that decided otherwise would be out of it for good.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type Admin,
  GroupKind,
  type GroupSettings,
  GroupSettingsSchema,
} from '../../../gen/parley/content/v1/room_pb.js'
import { ROOM_NAME_LENGTH, ROOM_TOPIC_LENGTH } from '../../protocol/content/lengths.js'
import {
  type DeviceIdentity,
  parseVerifiedCertificate,
  readCertificate,
} from '../../protocol/identity/certificate.js'
import { crypto } from '../crypto.js'
import type { Candidate, JudgedChange } from '../mls/engine.js'

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

type AccountIdentity = Pick<DeviceIdentity, 'handle' | 'accountKey'>

export const sameAccount = (a: AccountIdentity, b: AccountIdentity): boolean =>
  a.handle === b.handle && Buffer.compare(a.accountKey, b.accountKey) === 0

export const isAdmin = ({ admins }: GroupSettings, account: AccountIdentity): boolean =>
  admins.some((admin: Admin) => sameAccount(admin, account))

/** The group as it stands before the change. */
export interface Membership {
  settings: GroupSettings
  members: readonly Candidate[]
  /** Device ids that asked to be removed, or whose account has revoked them. */
  leaving: readonly Uint8Array[]
  /** Device ids that asked to be removed and added again. */
  rejoining: readonly Uint8Array[]
  /** The id of this device, where it has just come: who asked to be removed before that is not known to it. */
  justJoined?: Uint8Array | undefined
}

/** Whether a commit may do what it does. Never throws. */
export function mayChange(membership: Membership, change: JudgedChange): boolean {
  try {
    const committer = parseVerifiedCertificate(change.committer.identity)
    if (change.settings !== undefined && !mayChangeSettings(membership, committer, change.settings))
      return false
    return (
      change.added.every(newcomer => mayAdd(membership, committer, newcomer)) &&
      change.removed.every(member => mayRemove(membership, committer, member))
    )
  } catch {
    return false
  }
}

function mayChangeSettings(membership: Membership, committer: AccountIdentity, bytes: Uint8Array): boolean {
  const next = decodeSettings(bytes)
  if (!next || next.kind !== membership.settings.kind || next.kind !== GroupKind.ROOM) return false
  const accounts = membership.members.map(({ identity }) => parseVerifiedCertificate(identity))
  const present = (admin: Admin) => accounts.some(account => sameAccount(account, admin))
  return isAdmin(membership.settings, committer) && next.admins.every(present)
}

function mayAdd(membership: Membership, committer: AccountIdentity, newcomer: Candidate): boolean {
  if (membership.rejoining.some(deviceId => Buffer.compare(deviceId, newcomer.signatureKey) === 0))
    return true
  // The engine asks before it lets a newcomer in: nobody has verified this certificate yet.
  const account = readCertificate(crypto, newcomer.identity)
  const isMember = membership.members.some(({ identity }) =>
    sameAccount(parseVerifiedCertificate(identity), account),
  )
  return isMember || (membership.settings.kind === GroupKind.ROOM && isAdmin(membership.settings, committer))
}

function mayRemove(membership: Membership, committer: AccountIdentity, member: Candidate): boolean {
  if (membership.justJoined && Buffer.compare(membership.justJoined, member.signatureKey) !== 0) return true
  if (membership.leaving.some(deviceId => Buffer.compare(deviceId, member.signatureKey) === 0)) return true
  if (sameAccount(parseVerifiedCertificate(member.identity), committer)) return true
  return membership.settings.kind === GroupKind.ROOM && isAdmin(membership.settings, committer)
}
