// A group as it stands: its settings and members, and what is known of those who want to go.

import { create } from '@bufbuild/protobuf'
import { GroupKind, type GroupSettings, GroupSettingsSchema } from '../../../gen/parley/content/v1/room_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type AccountKey, type DeviceKey, type KeyText, keyText, sameKey } from '../../protocol/keys.js'
import type { GroupParts } from './parts.js'
import { decodeSettings, type Membership } from './policy.js'
import type { LiveGroup } from './state/groups.js'

/** The group as it is now, for the policy. */
export function membershipOf(parts: Pick<GroupParts, 'engine'>, group: LiveGroup): Membership {
  return {
    settings: settingsOf(parts, group),
    members: parts.engine.members(group.state),
    leaving: group.record.leavingDeviceIds,
    conversationId: group.record.conversationId,
    epoch: parts.engine.epoch(group.state),
  }
}

/** The settings that the group's members agree on. A group that a faulty client made counts as one between two. */
export function settingsOf({ engine }: Pick<GroupParts, 'engine'>, group: LiveGroup): GroupSettings {
  return (
    decodeSettings(engine.settings(group.state)) ?? create(GroupSettingsSchema, { kind: GroupKind.DIRECT })
  )
}

/** An account in a group, with its devices there. */
export interface GroupAccount {
  /** As the certificate of its first leaf says: a claim. */
  handle: string
  accountKey: AccountKey
  devices: DeviceKey[]
}

/** Every account in the group once, in the order of their first leaves. */
export function accountsIn({ engine }: Pick<GroupParts, 'engine'>, group: LiveGroup): GroupAccount[] {
  const accounts = new Map<KeyText<AccountKey>, GroupAccount>()
  for (const { identity } of engine.members(group.state)) {
    const { handle, accountKey, deviceKey } = parseVerifiedCertificate(identity)
    const name = keyText(accountKey)
    const known = accounts.get(name) ?? { handle, accountKey, devices: [] }
    known.devices.push(deviceKey)
    accounts.set(name, known)
  }
  return [...accounts.values()]
}

/** Whether it is this account. */
export const isOwn = (
  { account }: Pick<GroupParts, 'account'>,
  { accountKey }: Pick<GroupAccount, 'accountKey'>,
): boolean => sameKey(accountKey, account.account.publicKey)

export const isOwnDevicesGroup = (parts: Pick<GroupParts, 'engine'>, group: LiveGroup): boolean =>
  settingsOf(parts, group).kind === GroupKind.OWN_DEVICES
