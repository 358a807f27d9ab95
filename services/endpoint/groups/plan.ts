// Which of the changes that this device is to commit go into its next commit (intents.ts).

import { create, toBinary } from '@bufbuild/protobuf'
import {
  GroupKind,
  GroupSettingsSchema,
  HistoryPolicySchema,
} from '../../../gen/parley/content/v1/room_pb.js'
import { type AccountKey, type DeviceKey, includesKey, type KeyText, keyText } from '../../protocol/keys.js'
import { type IntentNumber, isKey, type NoKey } from '../ids.js'
import type { MlsCause } from '../mls/refused.js'
import type { Transaction } from '../vault/records.js'
import type { Intent, KnownIntent } from './intent-list.js'
import { accountsIn, type GroupAccount, membershipOf, settingsOf } from './membership.js'
import type { GroupParts } from './parts.js'
import { mayChange, sameAccount } from './policy.js'
import { requestOf } from './rejoin-basis.js'
import type { LiveGroup } from './state/groups.js'

/** The content of one commit: removals, or settings, or adds, with the removals of those who are added again. */
export interface Plan {
  ids: IntentNumber[]
  add: Uint8Array[]
  remove: number[]
  /** Encoded RejoinRequests that it rests on. */
  requests?: Uint8Array[]
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
      else if (!mayRemove(parts, group, others))
        impossible.push(giveUp(parts, tx, group, { id, why: 'policy' }))
      else collect(removals, { id, intent }, { remove: others })
    } else if (change.case === 'addAccount' || change.case === 'addDevices') {
      if (isDone(parts, group, change)) parts.intents.drop(tx, group, id)
      else if (change.value.keyPackages.length > 0)
        collect(adds, { id, intent }, { add: change.value.keyPackages, ...addedAgain(parts, group, change) })
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

/**
 * Whether those who are to be added are there, and have not asked to be added again; or the account whose further devices
 * they are is not.
 */
function isDone(parts: Pick<GroupParts, 'engine'>, group: LiveGroup, change: Addition): boolean {
  const account = accountsIn(parts, group).find(each => isSame(each, change.value.accountKey))
  if (change.case === 'addAccount') return account !== undefined
  if (!account) return true
  const isThere = (device: DeviceKey) =>
    includesKey(account.devices, device) && requestOf(parts, group, device) === undefined
  return change.value.deviceIds.every(isThere)
}

/** The devices that are removed by the commit that adds them, and the requests by which they have asked for that. */
function addedAgain(
  parts: Pick<GroupParts, 'engine'>,
  group: LiveGroup,
  change: Addition,
): { remove: number[]; requests: Uint8Array[] } {
  const devices = change.case === 'addDevices' ? change.value.deviceIds : []
  const again = parts.engine.members(group.state).flatMap(({ leaf, signatureKey }) => {
    const request = includesKey(devices, signatureKey) && requestOf(parts, group, signatureKey)
    return request ? [{ leaf, request }] : []
  })
  return { remove: again.map(({ leaf }) => leaf), requests: again.map(({ request }) => request) }
}

function collect(
  plan: Plan,
  { id, intent }: KnownIntent,
  {
    add = [],
    remove = [],
    requests = [],
  }: { add?: readonly Uint8Array[]; remove?: readonly number[]; requests?: readonly Uint8Array[] },
): void {
  if (plan.alone || (intent.alone && plan.ids.length > 0)) return
  plan.alone = intent.alone
  plan.ids.push(id)
  plan.add.push(...add)
  plan.remove.push(...remove.filter(leaf => !plan.remove.includes(leaf)))
  if (requests.length > 0) plan.requests = [...(plan.requests ?? []), ...requests]
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

/** Whether the other members would take it that this device removes these leaves. */
export function mayRemove(
  parts: Pick<GroupParts, 'account' | 'engine'>,
  group: LiveGroup,
  leaves: readonly number[],
): boolean {
  const { account, engine } = parts
  const leaf = engine.ownLeaf(group.state)
  return mayChange(membershipOf(parts, group), {
    committer: { leaf, identity: account.certificate, signatureKey: account.device.publicKey },
    added: [],
    removed: engine.members(group.state).filter(member => leaves.includes(member.leaf)),
    authenticatedData: new Uint8Array(),
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
