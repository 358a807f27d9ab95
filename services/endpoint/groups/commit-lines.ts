// The meaning of a commit to the people in the group: who came, who went, what the room is called now; as lines of the
// history, for everybody the same.

import type { ChainEntry } from '../../protocol/conversation/chain/entry.js'
import type { Leaf } from '../../protocol/conversation/leaves.js'
import {
  type AccountKey,
  type DeviceKey,
  includesKey,
  type KeyText,
  keyText,
  sameKey,
} from '../../protocol/keys.js'
import type { KnownSystemMessage } from '../vault/said.js'
import { adminKeys, isOwnDevicesGroup } from './membership.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'
import type { Held } from './state/held.js'

/** The changes that a commit made. */
export interface MemberChange {
  committer: DeviceKey
  /** The committer's account. */
  by: AccountKey
  /** Devices; one that is in both lists was removed and added again. */
  added: readonly DeviceKey[]
  removed: readonly DeviceKey[]
  entries: readonly ChainEntry[]
}

/**
 * The devices that a commit of ours added and removed, from the leaves before and after it. `again`: devices that it was
 * to add; one that was there before was removed by it, too.
 */
export function ownChange(
  { account }: Pick<GroupParts, 'account'>,
  { held }: LiveGroup,
  { before, again }: { before: readonly Leaf[]; again: readonly DeviceKey[] },
): Omit<MemberChange, 'entries'> {
  const [were, are] = [before, held.leaves].map(leaves => leaves.map(({ deviceKey }) => deviceKey))
  const isAgain = (device: DeviceKey) =>
    includesKey(again, device) && includesKey(were!, device) && includesKey(are!, device)
  return {
    committer: account.device.publicKey,
    by: account.account.publicKey,
    added: are!.filter(device => isAgain(device) || !includesKey(were!, device)),
    removed: were!.filter(device => isAgain(device) || !includesKey(are!, device)),
  }
}

/** The change as lines that a person reads. */
export function linesOf(
  parts: Pick<GroupParts, 'account'>,
  before: Held,
  after: Held,
  change: MemberChange,
): KnownSystemMessage[] {
  return [
    ...memberLines(change),
    ...deviceLines(parts, before, after, change),
    ...settingsLines(before, after, change),
  ]
}

function memberLines({ by, entries }: MemberChange): KnownSystemMessage[] {
  const of = (kind: 'add' | 'remove') =>
    entries.flatMap(({ change }) => (change.kind === kind ? [change.accountKey] : []))
  const [came, out] = [of('add'), of('remove')]
  const left = entries.flatMap(({ change }) => (change.kind === 'leave' ? [change.leave.accountKey] : []))
  const lines: KnownSystemMessage[] = []
  if (came.length > 0) lines.push({ code: 'members-added', by, who: came })
  if (left.length > 0) lines.push({ code: 'members-left', who: left })
  if (out.length > 0) lines.push({ code: 'members-removed', by, who: out })
  return lines
}

/** Further devices of those who were there. That a device lost the state, and is there again, was said when it asked for that. */
function deviceLines(
  { account }: Pick<GroupParts, 'account'>,
  before: Held,
  after: Held,
  { added, removed }: MemberChange,
): KnownSystemMessage[] {
  const isNew = ({ deviceKey }: Leaf) => includesKey(added, deviceKey) && !includesKey(removed, deviceKey)
  const grew = accountsOf(after.leaves.filter(isNew)).filter(account =>
    before.leaves.some(({ accountKey }) => sameKey(accountKey, account)),
  )
  return grew.flatMap((who): KnownSystemMessage[] => {
    if (!sameKey(who, account.account.publicKey)) return [{ code: 'device-added', who }]
    return isOwnDevicesGroup({ held: after }) ? [{ code: 'own-device-added' }] : []
  })
}

/** Each account once. */
function accountsOf(leaves: readonly Leaf[]): AccountKey[] {
  const accounts = new Map<KeyText<AccountKey>, AccountKey>()
  for (const { accountKey } of leaves) accounts.set(keyText(accountKey), accountKey)
  return [...accounts.values()]
}

function settingsLines(before: Held, after: Held, { by, entries }: MemberChange): KnownSystemMessage[] {
  const [was, is] = [before.state.settings, after.state.settings]
  if (!was || !is) return []
  const lines: KnownSystemMessage[] = []
  if (was.name !== is.name) lines.push({ code: 'room-named', by, name: is.name })
  if (was.topic !== is.topic) lines.push({ code: 'topic-set', by, topic: is.topic })
  if (was.historyDays !== is.historyDays) lines.push({ code: 'newcomers-decided', by, days: is.historyDays })
  const [were, are] = [adminKeys(before.state), adminKeys(after.state)]
  // Nobody has made an admin of the one who follows the last one: the rules have.
  const hasLeft = ({ change }: ChainEntry) =>
    change.kind === 'leave' && includesKey(were, change.leave.accountKey)
  const isMade = (one: AccountKey) =>
    !entries.some(hasLeft) ||
    entries.some(({ change }) => change.kind === 'make-admin' && sameKey(change.accountKey, one))
  for (const one of are)
    if (!includesKey(were, one))
      lines.push(
        isMade(one) ? { code: 'admin-made', by, who: [one] } : { code: 'admin-followed', who: [one] },
      )
  const isGone = (one: AccountKey) => !after.state.members.some(({ accountKey }) => sameKey(accountKey, one))
  for (const one of were)
    if (!includesKey(are, one) && !isGone(one)) lines.push({ code: 'admin-unmade', by, who: [one] })
  return lines
}
