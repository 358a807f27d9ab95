// Changes of groups that this device is to commit. An intent stays in the vault until it is done or pointless: when
// another commit wins, it is made again on what that commit left, from what the stream brought.

import { type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  type SignedLeaveStatement,
  SignedLeaveStatementSchema,
} from '../../../gen/parley/content/v1/chain_pb.js'
import type { CommitBundleSchema } from '../../../gen/parley/v1/chat_pb.js'
import { type AccountKey, type DeviceKey, includesKey } from '../../protocol/keys.js'
import type { SignedHead } from '../../protocol/log/bundle-head.js'
import { type IntentNumber, NO_KEY } from '../ids.js'
import { type MlsCause, MlsRefused } from '../mls/refused.js'
import type { Transaction } from '../vault/records.js'
import { signed } from './heads.js'
import type { Intent, KnownIntent } from './intent-list.js'
import type { GroupAccount } from './membership.js'
import type { GroupParts } from './parts.js'
import { giveUp, type Impossible, type Plan, planOf, planUpdate } from './plan.js'
import { can } from './state/group.js'
import type { LiveGroup } from './state/groups.js'
import { keptBytes } from './state/held.js'
import { beginCommit } from './transition.js'

export type IntentChange = Intent['change']
type ChangeOf<Case extends IntentChange['case']> = Extract<IntentChange, { case: Case }>

/** The account is taken out of the room. */
export const removeAccount = (accountKey: AccountKey): ChangeOf<'removeAccount'> => ({
  case: 'removeAccount',
  value: { $typeName: 'parley.vault.v1.RemoveAccount', accountKey },
})

/** The account has left the room. */
export const commitLeave = (statement: SignedLeaveStatement): ChangeOf<'leave'> => ({
  case: 'leave',
  value: {
    $typeName: 'parley.vault.v1.CommitLeave',
    statement: toBinary(SignedLeaveStatementSchema, statement),
  },
})

/** The group is told what is known here of the account's devices, and those that are not in use go. */
export const refresh = (accountKey: AccountKey): ChangeOf<'refresh'> => ({
  case: 'refresh',
  value: { $typeName: 'parley.vault.v1.RefreshAccount', accountKey },
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

/** Key packages are claimed anew: one of those at hand may be used up, or of a device that is gone. */
export function withoutKeyPackages(change: IntentChange): IntentChange {
  if (change.case === 'addAccount') return { ...change, value: { ...change.value, keyPackages: [] } }
  return change.case === 'addDevices' ? { ...change, value: { ...change.value, keyPackages: [] } } : change
}

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

type CommitParts = Pick<GroupParts, 'account' | 'engine' | 'groups' | 'intents' | 'lists'>

/**
 * Makes the commit of what is due in this group, if nothing of ours is under way there. `impossible`: what was given
 * up on the way.
 */
export async function commitIntents(
  parts: CommitParts,
  tx: Transaction,
  group: LiveGroup,
  now: number,
): Promise<{ made: MadeCommit | undefined; impossible: readonly Impossible[] }> {
  const impossible: Impossible[] = []
  if (!can(group.phase, 'commit')) return { made: undefined, impossible }
  return { made: await firstPossible(parts, tx, group, { now, impossible }), impossible }
}

/** Makes a commit of nothing but fresh keys. */
export async function commitUpdate(
  parts: Omit<CommitParts, 'intents'> & Pick<GroupParts, 'intents'>,
  tx: Transaction,
  group: LiveGroup,
): Promise<MadeCommit> {
  const made = await makeCommit(parts, tx, group, planUpdate(parts, group))
  if (typeof made === 'string') throw new MlsRefused(made)
  return made
}

/** These devices were removed, or have come back: nobody comes back by what was intended before. */
export function forgetDevices(
  parts: Pick<GroupParts, 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  removed: readonly DeviceKey[],
): void {
  for (const { id, intent } of parts.intents.of(group)) {
    const { change } = intent
    if (change.case !== 'addDevices') continue
    const left = change.value.deviceIds.filter(device => !includesKey(removed, device))
    // Key packages are claimed anew: one of those at hand may be of a device that is left out.
    const value = { ...change.value, deviceIds: left, keyPackages: [] }
    if (left.length === 0) parts.intents.drop(tx, group, id)
    else if (left.length < change.value.deviceIds.length)
      parts.intents.save(tx, group, { id, intent: { ...intent, change: { ...change, value } } })
  }
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
  parts: CommitParts,
  tx: Transaction,
  group: LiveGroup,
  { now, impossible }: { now: number; impossible: Impossible[] },
): Promise<MadeCommit | undefined> {
  for (;;) {
    const due = parts.intents.of(group).filter(({ intent }) => Number(intent.notBeforeMs) <= now)
    const planned = await planOf(parts, tx, group, { due, impossible })
    if (!planned) return undefined
    const made = 'why' in planned ? planned.why : await makeCommit(parts, tx, group, planned)
    if (typeof made !== 'string') return made
    const [known, ...more] = due.filter(({ id }) => planned.ids.includes(id))
    if (!known) return undefined
    if (more.length === 0 || known.intent.alone)
      impossible.push(giveUp(parts, tx, group, { id: known.id, why: made }))
    else for (const each of [known, ...more]) tryAlone(parts, tx, group, each)
  }
}

/** Or why it cannot be made. */
async function makeCommit(
  parts: Pick<GroupParts, 'account' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  plan: Plan,
): Promise<MadeCommit | MlsCause> {
  const { held, state } = group
  const { groupState, after } = plan
  const entries = plan.entries.length > 0 ? [...held.entries, ...plan.entries] : held.entries
  const leaves = parts.engine
    .members(state)
    .filter(({ signatureKey }) => includesKey(plan.remove, signatureKey))
  try {
    const made = await parts.engine.commit(state, {
      add: plan.add.map(({ keyPackage }) => keyPackage),
      remove: leaves.map(({ leaf }) => leaf),
      ...(groupState && { settings: groupState }),
      authenticatedData: plan.basis,
      ...(plan.add.length > 0 && { joiner: keptBytes({ ...after, entries }) }),
    })
    const [refused] = made.refused
    if (refused) return refused.cause
    const addedDeviceIds = plan.add.map(({ leaf }) => leaf.deviceKey)
    const { commit, welcome, pending } = made
    const bundle = signed(parts, state, {
      epoch: held.epoch,
      commit,
      welcomes: welcome ? [{ deviceIds: addedDeviceIds, welcome }] : [],
      ...((addedDeviceIds.length > 0 || plan.remove.length > 0) && {
        rosterChange: { addedDeviceIds, removedDeviceIds: [...plan.remove] },
      }),
    })
    beginCommit(parts, tx, group, { state: pending, held: groupState && { ...after, entries } })
    return { bundle, intents: plan.ids }
  } catch (error) {
    if (error instanceof MlsRefused) return error.why
    throw error
  }
}
