// The next commit of this device: which of the changes that it is to commit (intents.ts) go into it, and all that it then
// has to carry, so that the other members take it.

import { create, fromBinary } from '@bufbuild/protobuf'
import {
  type SignedChainEntry,
  type SignedLeaveStatement,
  SignedLeaveStatementSchema,
} from '../../../gen/parley/content/v1/chain_pb.js'
import { continueChain } from '../../protocol/conversation/chain/chain.js'
import type { Change, RoomSettings } from '../../protocol/conversation/chain/change.js'
import { makeEntry } from '../../protocol/conversation/chain/entry.js'
import { ChainError } from '../../protocol/conversation/chain/error.js'
import { type Leave, readLeave } from '../../protocol/conversation/chain/leave-statement.js'
import { type ConversationState, memberOf } from '../../protocol/conversation/chain/state.js'
import { leavesToRemove } from '../../protocol/conversation/commit-outcome.js'
import { type CommitRefusal, CommitRefused } from '../../protocol/conversation/commit-refusal.js'
import { type PlannedCommit, planCommit } from '../../protocol/conversation/commit-verdict.js'
import { serverOf } from '../../protocol/conversation/held-group.js'
import { type Leaf, leafJudge } from '../../protocol/conversation/leaves.js'
import { IdentityError } from '../../protocol/error.js'
import { type DeviceKey, includesKey, sameKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import { type AccountKey, type IntentNumber, isKey } from '../ids.js'
import { type MlsCause, MlsRefused } from '../mls/refused.js'
import type { Transaction } from '../vault/records.js'
import type { Intent, KnownIntent } from './intent-list.js'
import { learnedLedger } from './known-devices.js'
import { requestOf } from './open-requests.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'
import { newLeafOf } from './state/held.js'

type IntentChange = Intent['change']
type ChangeOf<Case extends IntentChange['case']> = Extract<IntentChange, { case: Case }>['value']

/** A device that is added, by its key package. */
interface Newcomer {
  leaf: Leaf
  keyPackage: Uint8Array
}

/** The content of one commit. */
export interface Plan extends PlannedCommit {
  /** The intents that it carries out. */
  ids: IntentNumber[]
  add: readonly Newcomer[]
  remove: readonly DeviceKey[]
}

/** One intent, as a part of a commit. */
interface Wish {
  changes: Change[]
  add: Newcomer[]
  /** Encoded SignedRejoinStatements of devices among those, which are removed first, and these. */
  again: { device: DeviceKey; request: Uint8Array }[]
  /** The group is to be told all that is known here of its account's devices. */
  tells: boolean
}

const NOTHING: Wish = { changes: [], add: [], again: [], tells: false }

type PlanParts = Pick<GroupParts, 'account' | 'engine' | 'intents' | 'lists'>

/** Changes of which no commit can be made that the other members would take. */
interface Unplanned {
  ids: IntentNumber[]
  why: MlsCause
}

/** Finds what to commit first; drops what is pointless by now, and adds what is impossible to `impossible`. */
export async function planOf(
  parts: PlanParts,
  tx: Transaction,
  group: LiveGroup,
  { due, impossible }: { due: readonly KnownIntent[]; impossible: Impossible[] },
): Promise<Plan | Unplanned | undefined> {
  const draft = new Draft(parts, group)
  for (const { id, intent } of due) {
    if (draft.isFull || (intent.alone && draft.ids.length > 0)) continue
    const wish = await wishOf(parts, group, { state: draft.state, change: intent.change })
    if (wish === 'waits') continue
    if (wish === 'done') parts.intents.drop(tx, group, id)
    else {
      const why = typeof wish === 'string' ? wish : draft.take(id, wish)
      if (why !== undefined) impossible.push(giveUp(parts, tx, group, { id, why }))
      else if (intent.alone) draft.isFull = true
    }
  }
  if (draft.ids.length === 0) return undefined
  try {
    const plan = draft.plan()
    if (plan) return plan
  } catch (error) {
    if (error instanceof CommitRefused) return { ids: draft.ids, why: causeOf(error.why) }
    throw error
  }
  for (const id of draft.ids) parts.intents.drop(tx, group, id)
  return undefined
}

const causeOf = ({ code }: CommitRefusal): MlsCause =>
  code === 'too-many-leaves' ? 'too-many-members' : 'policy'

/** A commit of nothing but fresh keys of this device. */
export const planUpdate = (parts: Omit<PlanParts, 'intents'>, group: LiveGroup): Plan => ({
  ids: [],
  add: [],
  remove: [],
  ...planCommit(crypto, group.held, { committer: parts.account.device.publicKey }),
})

/** A commit as it grows by one intent after the other. */
class Draft {
  readonly ids: IntentNumber[] = []
  isFull = false
  state: ConversationState
  readonly #entries: SignedChainEntry[] = []
  readonly #wishes: Wish[] = []

  constructor(
    private readonly parts: Omit<PlanParts, 'intents'>,
    private readonly group: LiveGroup,
  ) {
    this.state = group.held.state
  }

  /** Why it cannot be taken. */
  take(id: IntentNumber, wish: Wish): MlsCause | undefined {
    const { device, certificate } = this.parts.account
    const { groupId, epoch } = this.group.held
    const entries: SignedChainEntry[] = []
    let state = this.state
    try {
      for (const change of wish.changes) {
        const entry = makeEntry(crypto, { before: state, groupId, epoch }, { device, certificate, change })
        state = continueChain(crypto, state, [entry]).state
        entries.push(entry)
      }
    } catch (error) {
      if (error instanceof ChainError) return error.reason === 'too-many-members' ? error.reason : 'policy'
      throw error
    }
    this.state = state
    this.#entries.push(...entries)
    this.#wishes.push(wish)
    this.ids.push(id)
    return undefined
  }

  /** undefined: it would change nothing. Throws CommitRefused for what the other members would refuse. */
  plan(): Plan | undefined {
    const { held } = this.group
    const committer = this.parts.account.device.publicKey
    const accounts = [...held.state.members, ...this.state.members].map(({ accountKey }) => accountKey)
    const { lists, removals } = learnedLedger(this.parts.lists, held.ledger, accounts)
    const again = this.#wishes.flatMap(wish => wish.again)
    const basis = { lists, removals, rejoins: again.map(({ request }) => request) }
    const add = this.#wishes.flatMap(wish => wish.add)
    const wrong = leavesToRemove(crypto, held, { committer, entries: this.#entries, basis })
    const remove = [...wrong, ...again.map(({ device }) => device)]
    const isEmpty = [this.#entries, lists, removals, add, remove].every(({ length }) => length === 0)
    if (isEmpty) return undefined
    const added = add.map(({ leaf }) => leaf)
    const planned = planCommit(crypto, held, {
      ...{ committer, entries: this.#entries, basis, added, removed: remove },
    })
    return { ...planned, ids: this.ids, add, remove }
  }
}

/** Or that it is pointless, or cannot be done yet, or why never. */
async function wishOf(
  parts: PlanParts,
  group: LiveGroup,
  { state, change }: { state: ConversationState; change: IntentChange },
): Promise<Wish | 'done' | 'waits' | MlsCause> {
  switch (change.case) {
    case 'changeSettings': {
      const changes = settingsChanges(state, change.value)
      return changes.length > 0 ? { ...NOTHING, changes } : 'done'
    }
    case 'removeAccount': {
      const { accountKey } = change.value
      if (!isKey(accountKey) || !memberOf(state, accountKey)) return 'done'
      return { ...NOTHING, changes: [{ kind: 'remove', accountKey }] }
    }
    case 'leave': {
      const leave = readStatement(change.value.statement)
      const isOpen = leave && memberOf(state, leave.accountKey)?.added === leave.added
      return isOpen ? { ...NOTHING, changes: [{ kind: 'leave', leave }] } : 'done'
    }
    case 'refresh':
      return { ...NOTHING, tells: true }
    case 'addAccount':
      return await accountWish(parts, group, { state, change: change.value })
    case 'addDevices':
      return await devicesWish(parts, group, { state, change: change.value })
    default:
      return 'done'
  }
}

function readStatement(bytes: Uint8Array): Leave | undefined {
  try {
    const signed: SignedLeaveStatement = create(
      SignedLeaveStatementSchema,
      fromBinary(SignedLeaveStatementSchema, bytes),
    )
    return readLeave(crypto, signed)
  } catch {
    return undefined
  }
}

/** The changes that are not there yet. */
function settingsChanges(state: ConversationState, change: ChangeOf<'changeSettings'>): Change[] {
  if (!state.settings) return []
  const changes: Change[] = []
  const settings: RoomSettings = {
    name: change.name ?? state.settings.name,
    topic: change.topic ?? state.settings.topic,
    historyDays: change.historyDays ?? state.settings.historyDays,
  }
  const { name, topic, historyDays } = state.settings
  if (settings.name !== name || settings.topic !== topic || settings.historyDays !== historyDays)
    changes.push({ kind: 'settings', settings })
  const { makeAdmin, unmakeAdmin } = change
  if (isKey(makeAdmin) && memberOf(state, makeAdmin)?.isAdmin === false)
    changes.push({ kind: 'make-admin', accountKey: makeAdmin })
  if (isKey(unmakeAdmin) && memberOf(state, unmakeAdmin)?.isAdmin)
    changes.push({ kind: 'unmake-admin', accountKey: unmakeAdmin })
  return changes
}

async function accountWish(
  parts: PlanParts,
  group: LiveGroup,
  { state, change }: { state: ConversationState; change: ChangeOf<'addAccount'> },
): Promise<Wish | 'done' | 'waits' | MlsCause> {
  const { accountKey } = change
  if (change.keyPackages.length === 0 || !isKey(accountKey)) return 'waits'
  // Its devices are compared with those that are in it by themselves.
  if (memberOf(state, accountKey)) return 'done'
  const add = await newcomers(parts, group, { accountKey, keyPackages: change.keyPackages, again: [] })
  if (add.length === 0) return 'no-usable-key-package'
  return { ...NOTHING, changes: [{ kind: 'add', accountKey }], add }
}

async function devicesWish(
  parts: PlanParts,
  group: LiveGroup,
  { state, change }: { state: ConversationState; change: ChangeOf<'addDevices'> },
): Promise<Wish | 'done' | 'waits' | MlsCause> {
  const { accountKey, deviceIds, keyPackages } = change
  if (!isKey(accountKey) || !memberOf(state, accountKey)) return 'done'
  const present = group.held.leaves.map(({ deviceKey }) => deviceKey)
  const asks = (device: DeviceKey) => requestOf(group, device)
  const wanted = deviceIds.filter(device => !includesKey(present, device) || asks(device) !== undefined)
  if (wanted.length === 0) return 'done'
  if (keyPackages.length === 0) return 'waits'
  const all = await newcomers(parts, group, { accountKey, keyPackages, again: wanted })
  const add = all.filter(({ leaf }) => includesKey(wanted, leaf.deviceKey))
  if (add.length === 0) return 'no-usable-key-package'
  const again = add.flatMap(({ leaf: { deviceKey: device } }) => {
    const request = includesKey(present, device) ? asks(device) : undefined
    return request ? [{ device, request }] : []
  })
  return { ...NOTHING, add, again }
}

/** Those whose leaves would be right; `again`: devices that may have a leaf already. */
async function newcomers(
  parts: PlanParts,
  { held }: LiveGroup,
  {
    accountKey,
    keyPackages,
    again,
  }: { accountKey: AccountKey; keyPackages: readonly Uint8Array[]; again: readonly DeviceKey[] },
): Promise<Newcomer[]> {
  const { ledger } = learnedLedger(parts.lists, held.ledger, [accountKey])
  const members = [...held.state.members, { accountKey, added: 0, isAdmin: false }]
  const judge = leafJudge({ state: { members }, ledger, serverId: serverOf(held) })
  const present = held.leaves.map(({ deviceKey }) => deviceKey)
  const found: Newcomer[] = []
  for (const keyPackage of keyPackages) {
    const leaf = await leafIn(parts, keyPackage)
    if (!leaf || !sameKey(leaf.accountKey, accountKey) || judge(leaf) !== undefined) continue
    const isThere = includesKey(present, leaf.deviceKey) && !includesKey(again, leaf.deviceKey)
    if (!isThere) found.push({ leaf, keyPackage })
  }
  return found
}

/** The leaf that a key package would make; undefined for one that is no good. */
export async function leafIn(
  { engine }: Pick<GroupParts, 'engine'>,
  keyPackage: Uint8Array,
): Promise<Leaf | undefined> {
  try {
    return newLeafOf(await engine.inspectKeyPackage(keyPackage))
  } catch (error) {
    if (error instanceof MlsRefused || error instanceof IdentityError) return undefined
    throw error
  }
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
