// Which of the changes that this device is to commit go into its next commit (intents.ts).

import { create, toBinary } from '@bufbuild/protobuf'
import {
  GroupKind,
  GroupSettingsSchema,
  HistoryPolicySchema,
} from '../../../gen/parley/content/v1/room_pb.js'
import { type AccountKey, type DeviceKey, type KeyText, keyText } from '../../protocol/keys.js'
import { type IntentNumber, isKey, type NoKey } from '../ids.js'
import type { JudgedChange } from '../mls/engine.js'
import type { MlsCause } from '../mls/refused.js'
import type { Transaction } from '../vault/records.js'
import type { Intent, KnownIntent } from './intent-list.js'
import { accountsIn, type GroupAccount, membershipOf, settingsOf } from './membership.js'
import type { GroupParts } from './parts.js'
import { mayChange, sameAccount } from './policy.js'
import type { LiveGroup } from './state/groups.js'

/** The content of one commit: adds, or removals, or settings, never two of them (ts-mls cannot). */
export interface Plan {
  ids: IntentNumber[]
  add: Uint8Array[]
  remove: number[]
  settings?: Uint8Array
  /** Nothing else goes with it. */
  alone?: boolean
}

type Addition = Extract<Intent['change'], { case: 'addAccount' | 'addDevices' }>

/** Finds what to commit first; drops what is pointless by now, and adds what is impossible to `impossible`. */
export function planOf(
  parts: Pick<GroupParts, 'account' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { due, impossible }: { due: readonly KnownIntent[]; impossible: Impossible[] },
): Plan | undefined {
  const adds: Plan = { ids: [], add: [], remove: [] }
  const removals: Plan = { ids: [], add: [], remove: [] }
  const present = new Map(
    parts.engine.members(group.state).map(({ signatureKey, leaf }) => [keyText(signatureKey), leaf]),
  )
  for (const { id, intent } of due) {
    const { change } = intent
    if (change.case === 'changeSettings') {
      const settings = changed(parts, group, change.value)
      if (settings) return { ids: [id], add: [], remove: [], settings }
      parts.intents.drop(tx, group, id)
    } else if (change.case === 'removeDevices') {
      const leaves = change.value.deviceIds.flatMap(device => present.get(keyText(device)) ?? [])
      const others = leaves.filter(leaf => leaf !== parts.engine.ownLeaf(group.state))
      if (others.length === 0) parts.intents.drop(tx, group, id)
      // One that the others would refuse must not keep back those of the same commit.
      else if (!mayCommit(parts, group, { added: [], remove: others }))
        impossible.push(giveUp(parts, tx, group, { id, why: 'policy' }))
      else collect(removals, { id, intent }, { remove: others })
    } else if (change.case === 'addAccount' || change.case === 'addDevices') {
      if (isDone(parts, group, change)) parts.intents.drop(tx, group, id)
      else if (change.value.keyPackages.length > 0)
        collect(adds, { id, intent }, { add: change.value.keyPackages })
    }
  }
  if (adds.ids.length > 0) removals.remove.push(...leavingAt(parts, group, present, removals))
  // Those who go, go first: those who come would not know why.
  if (removals.remove.length > 0) return removals
  return adds.ids.length > 0 ? adds : undefined
}

/** The leaves of those who have asked to be removed, as far as they are there and not in the plan. */
function leavingAt(
  { engine }: Pick<GroupParts, 'engine'>,
  { record, state }: LiveGroup,
  present: ReadonlyMap<KeyText<DeviceKey>, number>,
  plan: Plan,
): number[] {
  const leaves = record.leavingDeviceIds.flatMap(device => present.get(keyText(device)) ?? [])
  return [...new Set(leaves)].filter(leaf => leaf !== engine.ownLeaf(state) && !plan.remove.includes(leaf))
}

/** Whether those who are to be added are there. */
function isDone(parts: Pick<GroupParts, 'engine'>, group: LiveGroup, change: Addition): boolean {
  const accounts = accountsIn(parts, group)
  if (change.case === 'addAccount') return accounts.some(account => isSame(account, change.value.accountKey))
  const present = new Set(accounts.flatMap(({ devices }) => devices.map(keyText)))
  return change.value.deviceIds.every(device => present.has(keyText(device)))
}

function collect(
  plan: Plan,
  { id, intent }: KnownIntent,
  { add = [], remove = [] }: { add?: readonly Uint8Array[]; remove?: readonly number[] },
): void {
  if (plan.alone || (intent.alone && plan.ids.length > 0)) return
  plan.alone = intent.alone
  plan.ids.push(id)
  plan.add.push(...add)
  plan.remove.push(...remove.filter(leaf => !plan.remove.includes(leaf)))
}

/** The settings after the change; undefined where they say that already, or it is not for us to change them. */
function changed(
  parts: Pick<GroupParts, 'engine'>,
  group: LiveGroup,
  change: Extract<Intent['change'], { case: 'changeSettings' }>['value'],
): Uint8Array | undefined {
  const before = settingsOf(parts, group)
  if (before.kind !== GroupKind.ROOM) return undefined
  const next = create(GroupSettingsSchema, {
    ...before,
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.topic === undefined ? {} : { topic: change.topic }),
    ...(change.historyDays === undefined
      ? {}
      : { history: create(HistoryPolicySchema, { days: change.historyDays }) }),
  })
  const accounts = accountsIn(parts, group)
  const promoted = accounts.find(account => isSame(account, change.makeAdmin))
  if (promoted && !next.admins.some(admin => sameAccount(admin, promoted)))
    next.admins = [...next.admins, admin(promoted)]
  next.admins = next.admins.filter(
    admin => !isSame(admin, change.unmakeAdmin) && accounts.some(account => sameAccount(account, admin)),
  )
  const bytes = toBinary(GroupSettingsSchema, next)
  return Buffer.compare(bytes, toBinary(GroupSettingsSchema, before)) === 0 ? undefined : bytes
}

/** An account that nobody named is none. */
const isSame = (account: { accountKey: Uint8Array }, named: AccountKey | NoKey): boolean =>
  isKey(named) && sameAccount(account, { accountKey: named })

const admin = ({ handle, accountKey }: GroupAccount) =>
  ({ $typeName: 'parley.content.v1.Admin', handle, accountKey }) as const

/** Whether the other members would take it. */
export function mayCommit(
  parts: Pick<GroupParts, 'account' | 'engine'>,
  group: LiveGroup,
  { remove, ...change }: Pick<JudgedChange, 'added' | 'settings'> & { remove: readonly number[] },
): boolean {
  const { account, engine } = parts
  const leaf = engine.ownLeaf(group.state)
  return mayChange(membershipOf(parts, group), {
    ...change,
    committer: { leaf, identity: account.certificate, signatureKey: account.device.publicKey },
    removed: engine.members(group.state).filter(member => remove.includes(member.leaf)),
  })
}

/** An intent that cannot be carried out at all. `handle`: of the account that it would have added. */
export interface Impossible {
  handle: string | undefined
  cause: MlsCause
}

/** Drops an intent that cannot be carried out, and says what it was, for the person to be told. */
export function giveUp(
  parts: Pick<GroupParts, 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { id, why: cause }: { id: IntentNumber; why: MlsCause },
): Impossible {
  const change = parts.intents.get(group, id)?.change
  parts.intents.drop(tx, group, id)
  return { handle: change?.case === 'addAccount' ? change.value.handle : undefined, cause }
}
