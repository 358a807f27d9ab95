// The accounts of a group, and their devices in it.

import { ConversationKind } from '../../../gen/parley/content/v1/chain_pb.js'
import { type ConversationState, type Member, memberOf } from '../../protocol/conversation/chain/state.js'
import { heldOf } from '../../protocol/conversation/ledger.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type AccountKey, type DeviceKey, type KeyText, keyText, sameKey } from '../../protocol/keys.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'

/** An account in a group, with its devices there. */
export interface GroupAccount {
  /** As its device list in the group says; '' where the group has none: a claim. */
  handle: string
  accountKey: AccountKey
  /** None: the account is of the conversation, and none of its devices could be added yet. */
  devices: DeviceKey[]
}

/** Every account of the group's conversation once: those who came first stand first, and in a direct one the lower key. */
export function accountsIn({ engine }: Pick<GroupParts, 'engine'>, group: LiveGroup): GroupAccount[] {
  const accounts = new Map<KeyText<AccountKey>, GroupAccount>(
    group.held.state.members.map(({ accountKey }) => [
      keyText(accountKey),
      { handle: listedHandle(group, accountKey), accountKey, devices: [] },
    ]),
  )
  for (const { identity } of engine.members(group.state)) {
    const { accountKey, deviceKey } = parseVerifiedCertificate(identity)
    accounts.get(keyText(accountKey))?.devices.push(deviceKey)
  }
  return [...accounts.values()]
}

/** '' where the group has no device list of the account. */
const listedHandle = ({ held: { ledger } }: LiveGroup, accountKey: AccountKey): string =>
  heldOf(ledger, accountKey)?.devices.lists[0].list.handle ?? ''

/** undefined: the account is not of the group's conversation. */
export const accountIn = (
  parts: Pick<GroupParts, 'engine'>,
  group: LiveGroup,
  accountKey: AccountKey,
): GroupAccount | undefined => accountsIn(parts, group).find(each => sameKey(each.accountKey, accountKey))

/** Whether it is this account. */
export const isOwn = (
  { account }: Pick<GroupParts, 'account'>,
  { accountKey }: Pick<GroupAccount, 'accountKey'>,
): boolean => sameKey(accountKey, account.account.publicKey)

export const isRoom = ({ held }: Pick<LiveGroup, 'held'>): boolean =>
  held.state.kind === ConversationKind.ROOM

export const isOwnDevicesGroup = ({ held }: Pick<LiveGroup, 'held'>): boolean =>
  held.state.kind === ConversationKind.OWN_DEVICES

export const isAdmin = (state: ConversationState, { accountKey }: Pick<Member, 'accountKey'>): boolean =>
  memberOf(state, accountKey)?.isAdmin === true

export const adminKeys = ({ members }: Pick<ConversationState, 'members'>): AccountKey[] =>
  members.flatMap(({ accountKey, isAdmin }) => (isAdmin ? [accountKey] : []))
