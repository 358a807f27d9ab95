// Changes of groups that this device is to commit. An intent stays in the vault until it is done or pointless: when
// another commit wins, it is made again on what that commit left, from what the stream brought.

import { create, toBinary } from '@bufbuild/protobuf'
import {
  GroupKind,
  GroupSettingsSchema,
  HistoryPolicySchema,
} from '../../../gen/parley/content/v1/room_pb.js'
import { CommitBundleSchema } from '../../../gen/parley/v1/chat_pb.js'
import {
  type ChangeSettings,
  GroupStatus,
  type Intent,
  OutboxCommitSchema,
} from '../../../gen/parley/vault/v1/records_pb.js'
import type { Context } from '../context.js'
import type { Change, Commit } from '../mls/engine.js'
import { type MlsCause, MlsRefused } from '../mls/refused.js'
import type { Batch } from '../records.js'
import type { LiveGroup } from './groups.js'
import type { KnownIntent } from './intent-list.js'
import type { Outbox } from './outbox.js'
import { mayChange, sameAccount } from './settings.js'
import { accountsIn, settingsOf, standing } from './standing.js'

export type IntentChange = Intent['change']

/** What one commit carries out: adds, or removals, or settings, never two of them (ts-mls cannot). */
interface Plan {
  ids: bigint[]
  add: Uint8Array[]
  remove: number[]
  settings?: Uint8Array
  /** Nothing else goes with it. */
  alone?: boolean
}

/** Notes a change to be committed, at the earliest after `delayMs`. */
export function intend(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  change: IntentChange,
  delayMs = 0,
): void {
  const notBeforeMs = BigInt(delayMs > 0 ? Date.now() + delayMs : 0)
  context.intents.add(batch, group, { change, notBeforeMs })
}

/** When the next intent that has to wait is due, in ms since 1970. */
export function nextIntentDue({ intents, groups }: Context, now: number): number | undefined {
  const times = intents
    .all()
    .filter(({ group }) => groups.get(group)?.record.status === GroupStatus.ACTIVE)
    .map(({ intent }) => Number(intent.notBeforeMs))
    .filter(time => time > now)
  return times.length > 0 ? Math.min(...times) : undefined
}

/** Commits what is due in this group, if nothing of ours is under way there. True: a commit was queued. */
export async function commitIntents(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
  now: number,
): Promise<boolean> {
  if (group.record.status !== GroupStatus.ACTIVE || group.record.left || group.record.lost || group.pending)
    return false
  const made = await firstPossible(context, batch, group, now)
  if (!made) return false
  const { plan } = made
  const epoch = context.engine.epoch(group.state)
  const addedDeviceIds = await devicesOf(context, plan.add, made.refused)
  const removedDeviceIds = membersAt(context, group, plan.remove)
  const commitBundle = toBinary(
    CommitBundleSchema,
    create(CommitBundleSchema, {
      epoch,
      commit: made.commit,
      welcomes: made.welcome ? [{ deviceIds: addedDeviceIds, welcome: made.welcome }] : [],
      rosterChange: { addedDeviceIds, removedDeviceIds },
    }),
  )
  context.groups.savePending(batch, group, made.pending)
  const value = create(OutboxCommitSchema, { commitBundle, intents: plan.ids })
  outbox.add(batch, group.number, { case: 'commit', value })
  return true
}

/** These devices are out: nothing is left to do of their removal, whatever becomes of them later. */
export function forgetRemovals(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  removed: readonly Uint8Array[],
): void {
  const gone = new Set(removed.map(nameOf))
  for (const { id, intent } of context.intents.of(group)) {
    if (intent.change.case !== 'removeDevices') continue
    const left = intent.change.value.deviceIds.filter(device => !gone.has(nameOf(device)))
    if (left.length === 0) context.intents.drop(batch, group, id)
    else if (left.length < intent.change.value.deviceIds.length) {
      intent.change.value.deviceIds = left
      context.intents.save(batch, group, { id, intent })
    }
  }
}

/** Whether the other members will take it: what they would refuse is never committed. */
async function isAllowed(context: Context, group: LiveGroup, plan: Plan): Promise<boolean> {
  const added = await Promise.all(
    plan.add.map(bytes => context.engine.inspectKeyPackage(bytes).catch(() => undefined)),
  )
  return mayCommit(context, group, {
    added: added.filter(candidate => candidate !== undefined),
    remove: plan.remove,
    ...(plan.settings ? { settings: plan.settings } : {}),
  })
}

function mayCommit(
  context: Context,
  group: LiveGroup,
  { remove, ...change }: Pick<Change, 'added' | 'settings'> & { remove: readonly number[] },
): boolean {
  const { account, engine } = context
  const leaf = engine.ownLeaf(group.state)
  return mayChange(standing(context, group), {
    ...change,
    committer: { leaf, identity: account.certificate, signatureKey: account.device.publicKey },
    removed: engine.members(group.state).filter(member => remove.includes(member.leaf)),
  })
}

const IMPOSSIBLE: Partial<Record<MlsCause, string>> = {
  policy: 'its members would refuse it',
  'too-many-members': 'it has as many devices as there can be',
  'already-member': 'a device is in it already',
  'no-usable-key-package': 'none of their devices can be added',
}

/** It cannot be carried out at all: it is dropped, and the person is told. */
function giveUp(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  { id, why }: { id: bigint; why: MlsCause },
): void {
  const change = context.intents.get(group, id)?.change
  context.intents.drop(batch, group, id)
  const peer = context.conversations.peer(group.record.conversation)
  const what =
    change?.case === 'addAccount'
      ? `${change.value.handle} was not added to ${peer}`
      : `a change of ${peer} is not possible`
  batch.tell({ type: 'notice', level: 'warning', text: `${what}: ${IMPOSSIBLE[why] ?? why}` })
}

/** It may be another one of the same commit that is not possible: from here on each is committed by itself. */
export function tryAlone({ intents }: Context, batch: Batch, group: LiveGroup, known: KnownIntent): void {
  known.intent.alone = true
  intents.save(batch, group, known)
}

/** The commit of the first plan that can be carried out; those that cannot are given up. */
async function firstPossible(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  now: number,
): Promise<(Commit & { plan: Plan }) | undefined> {
  for (;;) {
    const due = context.intents.of(group).filter(({ intent }) => Number(intent.notBeforeMs) <= now)
    const plan = planOf(context, batch, group, due)
    if (!plan) return undefined
    const made = await makeCommit(context, group, plan)
    if (typeof made !== 'string') return { ...made, plan }
    const inPlan = due.filter(({ id }) => plan.ids.includes(id))
    if (inPlan.length > 1) for (const known of inPlan) tryAlone(context, batch, group, known)
    else for (const { id } of inPlan) giveUp(context, batch, group, { id, why: made })
    // Only those who have asked to be removed: nothing is intended that could be given up.
    if (inPlan.length === 0) return undefined
  }
}

/** Or why it cannot be made. */
async function makeCommit(context: Context, group: LiveGroup, plan: Plan): Promise<Commit | MlsCause> {
  try {
    if (!(await isAllowed(context, group, plan))) return 'policy'
    return await context.engine.commit(group.state, {
      ...(plan.add.length > 0 ? { add: plan.add } : {}),
      ...(plan.remove.length > 0 ? { remove: plan.remove } : {}),
      ...(plan.settings ? { settings: plan.settings } : {}),
    })
  } catch (error) {
    if (error instanceof MlsRefused) return error.why
    throw error
  }
}

/** What to commit first; what has become pointless is dropped on the way. */
function planOf(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  due: readonly KnownIntent[],
): Plan | undefined {
  const adds: Plan = { ids: [], add: [], remove: [] }
  const removals: Plan = { ids: [], add: [], remove: [] }
  const present = new Map(
    context.engine.members(group.state).map(({ signatureKey, leaf }) => [nameOf(signatureKey), leaf]),
  )
  for (const { id, intent } of due) {
    const { change } = intent
    if (change.case === 'changeSettings') {
      const settings = changed(context, group, change.value)
      if (settings) return { ids: [id], add: [], remove: [], settings }
      context.intents.drop(batch, group, id)
    } else if (change.case === 'removeDevices') {
      const leaves = change.value.deviceIds.flatMap(device => present.get(nameOf(device)) ?? [])
      const others = leaves.filter(leaf => leaf !== context.engine.ownLeaf(group.state))
      if (others.length === 0) context.intents.drop(batch, group, id)
      // One that the others would refuse must not keep back those of the same commit.
      else if (!mayCommit(context, group, { added: [], remove: others }))
        giveUp(context, batch, group, { id, why: 'policy' })
      else collect(removals, { id, intent }, { remove: others })
    } else if (change.case === 'addAccount' || change.case === 'addDevices') {
      if (isDone(context, group, change)) context.intents.drop(batch, group, id)
      else if (change.value.keyPackages.length > 0)
        collect(adds, { id, intent }, { add: change.value.keyPackages })
    }
  }
  if (adds.ids.length > 0) removals.remove.push(...leavingAt(context, group, present, removals))
  // Who goes, goes first: those who come would not know why.
  if (removals.remove.length > 0) return removals
  return adds.ids.length > 0 ? adds : undefined
}

/** The leaves of those who have asked to be removed, as far as they are there and not in the plan. */
function leavingAt(
  { engine }: Context,
  { record, state }: LiveGroup,
  present: ReadonlyMap<string, number>,
  plan: Plan,
): number[] {
  const leaves = record.leavingDeviceIds.flatMap(device => present.get(nameOf(device)) ?? [])
  return [...new Set(leaves)].filter(leaf => leaf !== engine.ownLeaf(state) && !plan.remove.includes(leaf))
}

/** Whether those who are to be added are there. */
function isDone(context: Context, group: LiveGroup, change: IntentChange): boolean {
  const accounts = accountsIn(context, group)
  if (change.case === 'addAccount') return accounts.some(({ handle }) => handle === change.value.handle)
  if (change.case !== 'addDevices') return false
  const present = new Set(accounts.flatMap(({ devices }) => devices.map(nameOf)))
  return change.value.deviceIds.every(device => present.has(nameOf(device)))
}

function collect(plan: Plan, { id, intent }: KnownIntent, { add = [], remove = [] }: Partial<Plan>): void {
  if (plan.alone || (intent.alone && plan.ids.length > 0)) return
  plan.alone = intent.alone
  plan.ids.push(id)
  plan.add.push(...add)
  plan.remove.push(...remove.filter(leaf => !plan.remove.includes(leaf)))
}

/** The settings after the change; undefined where they say that already, or it is not for us to change them. */
function changed(context: Context, group: LiveGroup, change: ChangeSettings): Uint8Array | undefined {
  const before = settingsOf(context, group)
  if (before.kind !== GroupKind.ROOM) return undefined
  const next = create(GroupSettingsSchema, {
    ...before,
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.topic === undefined ? {} : { topic: change.topic }),
    ...(change.historyDays === undefined
      ? {}
      : { history: create(HistoryPolicySchema, { days: change.historyDays }) }),
  })
  const accounts = accountsIn(context, group)
  const promoted = accounts.find(({ handle }) => handle === change.makeAdmin)
  if (promoted && !next.admins.some(admin => sameAccount(admin, promoted)))
    next.admins = [...next.admins, admin(promoted)]
  next.admins = next.admins.filter(
    ({ handle, accountKey }) =>
      handle !== change.unmakeAdmin && accounts.some(account => sameAccount(account, { handle, accountKey })),
  )
  const bytes = toBinary(GroupSettingsSchema, next)
  return Buffer.compare(bytes, toBinary(GroupSettingsSchema, before)) === 0 ? undefined : bytes
}

const admin = ({ handle, accountKey }: { handle: string; accountKey: Uint8Array }) =>
  ({ $typeName: 'parley.content.v1.Admin', handle, accountKey }) as const

async function devicesOf(
  { engine }: Context,
  keyPackages: readonly Uint8Array[],
  refused: readonly { index: number }[],
): Promise<Uint8Array[]> {
  const taken = keyPackages.filter((_, index) => !refused.some(other => other.index === index))
  return await Promise.all(taken.map(async bytes => (await engine.inspectKeyPackage(bytes)).signatureKey))
}

function membersAt({ engine }: Context, group: LiveGroup, leaves: readonly number[]): Uint8Array[] {
  return engine
    .members(group.state)
    .filter(({ leaf }) => leaves.includes(leaf))
    .map(({ signatureKey }) => signatureKey)
}

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
