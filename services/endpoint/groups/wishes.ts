// An intent (intents.ts) becomes a part of the next commit, by the conversation as that commit has made it so far.

import { create, fromBinary } from '@bufbuild/protobuf'
import {
  type SignedLeaveStatement,
  SignedLeaveStatementSchema,
} from '../../../gen/parley/content/v1/chain_pb.js'
import type { Change, RoomSettings } from '../../protocol/conversation/chain/change.js'
import { type Leave, readLeave } from '../../protocol/conversation/chain/leave-statement.js'
import { type ConversationState, memberOf } from '../../protocol/conversation/chain/state.js'
import { serverOf } from '../../protocol/conversation/held-group.js'
import { type Leaf, leafJudge } from '../../protocol/conversation/leaves.js'
import { IdentityError } from '../../protocol/error.js'
import { type DeviceKey, includesKey, sameKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import { type AccountKey, isKey } from '../ids.js'
import { type MlsCause, MlsRefused } from '../mls/refused.js'
import type { Intent } from './intent-list.js'
import { learnedLedger } from './known-devices.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'
import { newLeafOf } from './state/held.js'
import { requestOf } from './state/open-requests.js'

type IntentChange = Intent['change']
type ChangeOf<Case extends IntentChange['case']> = Extract<IntentChange, { case: Case }>['value']

/** A device that is added, by its key package. */
export interface Newcomer {
  leaf: Leaf
  keyPackage: Uint8Array
}

/** One intent, as a part of a commit. */
export interface Wish {
  changes: Change[]
  add: Newcomer[]
  /** Encoded SignedRejoinStatements of devices among those, which are removed first, and these. */
  again: { device: DeviceKey; request: Uint8Array }[]
}

type WishParts = Pick<GroupParts, 'engine' | 'lists'>

const NOTHING: Wish = { changes: [], add: [], again: [] }

/** The part of the commit; or that the intent is pointless by now, or cannot be carried out yet, or why never. */
export async function wishOf(
  parts: WishParts,
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
    // The commit tells the group what is known here of its accounts' devices in any case.
    case 'refresh':
      return NOTHING
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
  parts: WishParts,
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
  parts: WishParts,
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
  parts: WishParts,
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
