// Changes of groups that this device is to commit. An intent stays in the vault until it is done or pointless: when
// another commit wins, it is made again on what that commit left, from what the stream brought.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { CommitBundleSchema } from '../../../gen/parley/v1/chat_pb.js'
import { type AccountKey, type DeviceKey, keyText } from '../../protocol/keys.js'
import type { SignedHead } from '../../protocol/log/bundle-head.js'
import { type IntentNumber, NO_KEY } from '../ids.js'
import type { Commit } from '../mls/engine.js'
import { type MlsCause, MlsRefused } from '../mls/refused.js'
import type { Transaction } from '../vault/records.js'
import { signed } from './heads.js'
import type { Intent, KnownIntent } from './intent-list.js'
import { type GroupAccount, membershipOf } from './membership.js'
import type { GroupParts } from './parts.js'
import { giveUp, type Impossible, type Plan, planOf } from './plan.js'
import { mayChange } from './policy.js'
import { rejoinBasis } from './rejoin-basis.js'
import { can } from './state/group.js'
import type { LiveGroup } from './state/groups.js'
import { beginCommit } from './transition.js'

export type IntentChange = Intent['change']
type ChangeOf<Case extends IntentChange['case']> = Extract<IntentChange, { case: Case }>

export const removeDevices = (deviceIds: readonly DeviceKey[]): ChangeOf<'removeDevices'> => ({
  case: 'removeDevices',
  value: { $typeName: 'parley.vault.v1.RemoveDevices', deviceIds },
})

/** `accountKey`: unless given, of whoever the handle will be pinned to. */
export const addAccount = (
  { handle, accountKey }: { handle: string; accountKey?: AccountKey | undefined },
  keyPackages: readonly Uint8Array[] = [],
): ChangeOf<'addAccount'> => ({
  case: 'addAccount',
  value: {
    $typeName: 'parley.vault.v1.AddAccount',
    ...{ handle, accountKey: accountKey ?? NO_KEY, keyPackages },
  },
})

type SettingsChange = Partial<Omit<ChangeOf<'changeSettings'>['value'], '$typeName'>>

export const changeSettings = (change: SettingsChange): ChangeOf<'changeSettings'> => ({
  case: 'changeSettings',
  value: {
    $typeName: 'parley.vault.v1.ChangeSettings',
    makeAdmin: NO_KEY,
    unmakeAdmin: NO_KEY,
    ...change,
  },
})

/** Their key packages are claimed later. */
export const addDevices = (
  { handle, accountKey }: Pick<GroupAccount, 'handle' | 'accountKey'>,
  deviceIds: readonly DeviceKey[],
): ChangeOf<'addDevices'> => ({
  case: 'addDevices',
  value: { $typeName: 'parley.vault.v1.AddDevices', handle, accountKey, deviceIds, keyPackages: [] },
})

/** Notes a change to be committed, at the earliest after `delayMs`; not in a group in which nothing is to be changed. */
export function intend(
  parts: Pick<GroupParts, 'clock' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  change: IntentChange,
  delayMs = 0,
): void {
  if (!can(group.phase, 'intend')) return
  const notBeforeMs = BigInt(delayMs > 0 ? parts.clock.now() + delayMs : 0)
  parts.intents.add(tx, group, { change, notBeforeMs })
}

/** A commit that was made, for the outbox. `intents`: the ids of what it carries out. */
export interface MadeCommit {
  bundle: MessageInitShape<typeof CommitBundleSchema> & SignedHead
  intents: readonly IntentNumber[]
}

/**
 * Makes the commit of what is due in this group, if nothing of ours is under way there. `impossible`: what was given
 * up on the way.
 */
export async function commitIntents(
  parts: Pick<GroupParts, 'account' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  now: number,
): Promise<{ made: MadeCommit | undefined; impossible: readonly Impossible[] }> {
  const impossible: Impossible[] = []
  if (!can(group.phase, 'commit')) return { made: undefined, impossible }
  const first = await firstPossible(parts, tx, group, { now, impossible })
  if (!first) return { made: undefined, impossible }
  const { plan, commit, welcome, pending, refused } = first
  const addedDeviceIds = await devicesOf(parts, plan.add, refused)
  const bundle = signed(parts, group.record.conversationId, {
    epoch: parts.engine.epoch(group.state),
    commit,
    welcomes: welcome ? [{ deviceIds: addedDeviceIds, welcome }] : [],
    rosterChange: { addedDeviceIds, removedDeviceIds: membersAt(parts, group, plan.remove) },
  })
  beginCommit(parts, tx, group, pending)
  return { made: { bundle, intents: plan.ids }, impossible }
}

/**
 * These devices were removed, and those of them who are not out were added again: nothing is left to do of their removal
 * if they are out, and nobody comes back by what was intended before.
 */
export function forgetDevices(
  parts: Pick<GroupParts, 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { removed, out }: { removed: readonly DeviceKey[]; out: readonly DeviceKey[] },
): void {
  const gone = { addDevices: new Set(removed.map(keyText)), removeDevices: new Set(out.map(keyText)) }
  for (const { id, intent } of parts.intents.of(group)) {
    const { change } = intent
    if (change.case !== 'removeDevices' && change.case !== 'addDevices') continue
    const left = change.value.deviceIds.filter(device => !gone[change.case].has(keyText(device)))
    if (left.length === 0) parts.intents.drop(tx, group, id)
    else if (left.length < change.value.deviceIds.length)
      parts.intents.save(tx, group, { id, intent: { ...intent, change: forThese(change, left) } })
  }
}

/** Key packages are claimed anew: one of those at hand may be of a device that is left out. */
function forThese(change: ChangeOf<'addDevices' | 'removeDevices'>, deviceIds: DeviceKey[]): IntentChange {
  if (change.case === 'removeDevices') return removeDevices(deviceIds)
  return { ...change, value: { ...change.value, deviceIds, keyPackages: [] } }
}

/** It may be another one of the same commit that is not possible: from here on each is committed by itself. */
export function tryAlone(
  { intents }: Pick<GroupParts, 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  known: KnownIntent,
): void {
  const { id, intent } = known
  intents.save(tx, group, { id, intent: { ...intent, alone: true } })
}

/** The commit of the first plan that can be carried out; those that cannot are given up. */
async function firstPossible(
  parts: Pick<GroupParts, 'account' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { now, impossible }: { now: number; impossible: Impossible[] },
): Promise<(Commit & { plan: Plan }) | undefined> {
  for (;;) {
    const due = parts.intents.of(group).filter(({ intent }) => Number(intent.notBeforeMs) <= now)
    const plan = planOf(parts, tx, group, { due, impossible })
    if (!plan) return undefined
    const made = await makeCommit(parts, group, plan)
    if (typeof made !== 'string') return { ...made, plan }
    const [known, ...more] = due.filter(({ id }) => plan.ids.includes(id))
    // It was for those alone who have asked to be removed: nothing is intended that could be given up.
    if (!known) return undefined
    if (more.length === 0) impossible.push(giveUp(parts, tx, group, { id: known.id, why: made }))
    else for (const each of [known, ...more]) tryAlone(parts, tx, group, each)
  }
}

/** Or why it cannot be made. */
async function makeCommit(
  parts: Pick<GroupParts, 'account' | 'engine'>,
  group: LiveGroup,
  plan: Plan,
): Promise<Commit | MlsCause> {
  try {
    const made = await parts.engine.commit(group.state, {
      add: plan.add,
      remove: plan.remove,
      ...(plan.settings ? { settings: plan.settings } : {}),
      authenticatedData: rejoinBasis(plan.requests ?? []),
    })
    // Nothing is committed that the other members would refuse.
    return mayChange(membershipOf(parts, group), made.change) ? made : 'policy'
  } catch (error) {
    if (error instanceof MlsRefused) return error.why
    throw error
  }
}

async function devicesOf(
  { engine }: Pick<GroupParts, 'engine'>,
  keyPackages: readonly Uint8Array[],
  refused: readonly { index: number }[],
): Promise<DeviceKey[]> {
  const taken = keyPackages.filter((_, index) => !refused.some(other => other.index === index))
  return await Promise.all(taken.map(async bytes => (await engine.inspectKeyPackage(bytes)).signatureKey))
}

function membersAt(
  { engine }: Pick<GroupParts, 'engine'>,
  group: LiveGroup,
  leaves: readonly number[],
): DeviceKey[] {
  return engine
    .members(group.state)
    .filter(({ leaf }) => leaves.includes(leaf))
    .map(({ signatureKey }) => signatureKey)
}
