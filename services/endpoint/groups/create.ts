// A new MLS group: from the key packages that were claimed to the commit bundle that creates the conversation at the
// server.

import type { SignedChainEntry } from '../../../gen/parley/content/v1/chain_pb.js'
import type { ClaimedDevice } from '../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { checkChain } from '../../protocol/conversation/chain/chain.js'
import type { Change, RoomSettings } from '../../protocol/conversation/chain/change.js'
import type { FixedKind } from '../../protocol/conversation/chain/conversation-id.js'
import { type ChainEntry, entryHash, makeEntry } from '../../protocol/conversation/chain/entry.js'
import { SALT_BYTES } from '../../protocol/conversation/chain/limits.js'
import { type ConversationState, fixedState } from '../../protocol/conversation/chain/state.js'
import { planCommit } from '../../protocol/conversation/commit-verdict.js'
import { encodeGroupState } from '../../protocol/conversation/group-state.js'
import { foundGroup } from '../../protocol/conversation/held-group.js'
import { type Leaf, leafJudge } from '../../protocol/conversation/leaves.js'
import { EMPTY_LEDGER, type HeldAccount, ofMembers } from '../../protocol/conversation/ledger.js'
import { MAX_INCARNATION } from '../../protocol/conversation/limits.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { accountDevicesInUse } from '../../protocol/identity/devices-in-use.js'
import { type AccountKey, sameKey } from '../../protocol/keys.js'
import type { Predecessor } from '../../protocol/log/bundle-head.js'
import { CONVERSATION_ID_BYTES } from '../../protocol/sizes.js'
import { crypto } from '../crypto.js'
import type { ConversationNumber } from '../ids.js'
import type { GroupState } from '../mls/engine.js'
import type { Transaction } from '../vault/records.js'
import { signed } from './heads.js'
import type { MadeCommit } from './intents.js'
import { learnedLedger, listedHandle } from './known-devices.js'
import type { GroupParts } from './parts.js'
import { created } from './state/group.js'
import type { LiveGroup } from './state/groups.js'
import { type Held, hasNotBegun, keptBytes, leafOf } from './state/held.js'
import { leafIn } from './wishes.js'

/** A claimed device whose certificate, list and key package belong together and to the handle. */
export interface Invitee {
  /** As its account's list claims it. */
  handle: string
  leaf: Leaf
  keyPackage: Uint8Array
}

/**
 * Those of the claimed devices whose account claims this handle and has them in use, and whose certificates are of our
 * server and key packages name no list that is not known here.
 */
export async function verifiedInvitees(
  parts: Pick<GroupParts, 'account' | 'engine' | 'lists'>,
  handle: string,
  claimed: readonly ClaimedDevice[],
): Promise<Invitee[]> {
  const invitees: Invitee[] = []
  for (const { deviceKey, keyPackage } of claimed) {
    // A faulty device is left out; the person's others can still be reached.
    const leaf = await leafIn(parts, keyPackage)
    if (!leaf || !equalBytes(leaf.deviceKey, deviceKey) || !isRight(parts, leaf)) continue
    if (listedHandle(parts.lists, leaf.accountKey) === handle) invitees.push({ handle, leaf, keyPackage })
  }
  return invitees
}

/** By all that is known here of its account and that a group has room for. */
function isRight({ account, lists }: Pick<GroupParts, 'account' | 'lists'>, leaf: Leaf): boolean {
  const { ledger } = learnedLedger(lists, EMPTY_LEDGER, [leaf.accountKey])
  const members = [{ accountKey: leaf.accountKey, added: 0, isAdmin: false }]
  const { serverId } = parseVerifiedCertificate(account.certificate)
  return leafJudge({ state: { members }, ledger, serverId })(leaf) === undefined
}

/** Those of the claimed devices that are this account's own, and in use. */
export async function ownInvitees(
  parts: Pick<GroupParts, 'account' | 'engine' | 'lists'>,
  claimed: readonly ClaimedDevice[],
): Promise<Invitee[]> {
  const { handle, account } = parts.account
  return (await verifiedInvitees(parts, handle, claimed)).filter(({ leaf }) =>
    sameKey(leaf.accountKey, account.publicKey),
  )
}

type CreateParts = Pick<GroupParts, 'account' | 'engine' | 'groups' | 'lists' | 'random'>

/** A group to be made. */
interface NewGroup {
  conversation: ConversationNumber
  invitees: readonly Pick<Invitee, 'leaf' | 'keyPackage'>[]
}

/** Whether this device may make groups: it is on the list of its account, as that is known here. */
export function mayFound({ account, lists }: Pick<GroupParts, 'account' | 'lists'>): boolean {
  const known = lists.get(account.account.publicKey)
  const used = known ? accountDevicesInUse(known) : []
  return used.some(({ deviceKey }) => sameKey(deviceKey, account.device.publicKey))
}

/** A room of this account alone. */
export function createRoomGroup(
  parts: CreateParts,
  tx: Transaction,
  { conversation, settings }: { conversation: ConversationNumber; settings: RoomSettings },
): Promise<CreatedGroup> {
  const groupId = parts.random.bytes(CONVERSATION_ID_BYTES)
  const { device, certificate } = parts.account
  const change = { kind: 'create', salt: parts.random.bytes(SALT_BYTES), settings } as const
  const entry = makeEntry(crypto, { before: undefined, groupId, epoch: 0n }, { device, certificate, change })
  const { state, entries } = checkChain(crypto, [entry])
  return createGroup(parts, tx, { conversation, invitees: [], groupId, incarnation: 1, state, entries })
}

/**
 * A group of these accounts, of a kind that has no chain. It is the next one where there was one before, so that all
 * change to it.
 */
export function createFixedGroup(
  parts: CreateParts,
  tx: Transaction,
  { kind, accounts, ...group }: NewGroup & { kind: FixedKind; accounts: readonly AccountKey[] },
): Promise<CreatedGroup> {
  const state = fixedState(crypto, kind, accounts)
  // The others take one that is the next to those that they know.
  const before = parts.groups.ofChain(state.id).filter(known => !hasNotBegun(known))
  const newest = Math.max(0, ...before.map(({ record }) => record.incarnation))
  const groupId = parts.random.bytes(CONVERSATION_ID_BYTES)
  return createGroup(parts, tx, {
    ...group,
    groupId,
    incarnation: Math.min(newest + 1, MAX_INCARNATION),
    state,
    entries: [],
  })
}

type Old = Pick<LiveGroup, 'held' | 'record'>

/**
 * The group in which the conversation of this one goes on. `out`: accounts that are taken out by that. `before`: the one in
 * whose place it is made; the same unless given.
 */
export function createSuccessor(
  parts: CreateParts,
  tx: Transaction,
  { held, record }: Old,
  {
    invitees,
    out,
    before = { held, record },
  }: Pick<NewGroup, 'invitees'> & { out: readonly AccountKey[]; before?: Old },
): Promise<CreatedGroup> {
  return createGroup(parts, tx, {
    conversation: record.conversation,
    invitees,
    groupId: parts.random.bytes(CONVERSATION_ID_BYTES),
    incarnation: before.held.incarnation + 1,
    state: held.state,
    entries: held.entries,
    accounts: held.ledger.accounts,
    changes: out.map(accountKey => ({ kind: 'remove', accountKey })),
    succeeds: {
      conversationId: before.record.conversationId,
      epoch: before.held.epoch,
      after: before.record.lastSuccessor,
    },
  })
}

export type CreatedGroup = { group: LiveGroup } & MadeCommit

interface Creation extends NewGroup {
  groupId: Uint8Array
  incarnation: number
  state: ConversationState
  /** All of its chain before the group's first commit. */
  entries: readonly ChainEntry[]
  /** The lists that the group must not forget. */
  accounts?: readonly HeldAccount[]
  /** The changes that its first commit makes. */
  changes?: readonly Change[]
  succeeds?: Predecessor
}

/** A new group of this device and the invitees, and its first commit, for the outbox. */
async function createGroup(parts: CreateParts, tx: Transaction, creation: Creation): Promise<CreatedGroup> {
  const { conversation, succeeds } = creation
  const founded = await found(parts, creation)
  const { engine, groups } = parts
  const first = await firstCommit(parts, founded, creation)
  const { commit, welcome, pending, after } = first
  const group = groups.add(tx, { conversation, phase: created() }, founded)
  groups.savePending(tx, group, { state: pending, held: after })
  const deviceIds = first.added.map(({ deviceKey }) => deviceKey)
  const bundle = signed(
    parts,
    founded.state,
    {
      epoch: engine.epoch(founded.state),
      commit,
      welcomes: welcome ? [{ deviceIds, welcome }] : [],
      rosterChange: { addedDeviceIds: deviceIds },
      creates: true,
    },
    succeeds,
  )
  return { group, bundle, intents: [] }
}

/** Throws RangeError where this device is not on the list of its account: see mayFound. */
async function found(
  { account, engine, lists }: CreateParts,
  { groupId, incarnation, state, entries, accounts = [] }: Creation,
): Promise<{ state: GroupState; held: Held }> {
  const leafData = lists.leafData(account.account.publicKey)
  if (!leafData) throw new RangeError('an account that has no device list yet founds no group')
  const { certificate: identity, device } = account
  const keyPackage = await engine.newKeyPackage({
    ...{ identity, leafData, signatureKey: device.privateKey, publicKey: device.publicKey },
  })
  const founder = leafOf({ identity, leafData, signatureKey: device.publicKey })
  const members = state.members.map(({ accountKey }) => accountKey)
  // The group before it held some, and more is known here.
  const { ledger } = learnedLedger(lists, ofMembers({ accounts, removed: [] }, state), members)
  const held = foundGroup({ groupId, incarnation, state, founder, accounts: ledger.accounts })
  const settings = encodeGroupState(crypto, held, foundingEntries({ accounts, entries }))
  return { state: await engine.create({ groupId, keyPackage, settings }), held: { ...held, entries } }
}

/** The group of a new conversation begins with those; that of another one's successor has them from there. */
const foundingEntries = ({
  accounts,
  entries,
}: Pick<Required<Creation>, 'accounts' | 'entries'>): SignedChainEntry[] =>
  accounts.length > 0 ? [] : entries.map(({ signed: entry }) => entry)

async function firstCommit(
  { account, engine }: CreateParts,
  { state, held }: { state: GroupState; held: Held },
  { invitees, changes = [] }: Creation,
) {
  const { device, certificate } = account
  const entries: SignedChainEntry[] = []
  let before: Pick<ConversationState, 'number' | 'head'> = held.state
  for (const change of changes) {
    const place = { before, groupId: held.groupId, epoch: held.epoch }
    const entry = makeEntry(crypto, place, { device, certificate, change })
    entries.push(entry)
    before = { number: before.number + 1, head: entryHash(crypto, entry) }
  }
  const isOut = ({ leaf }: Pick<Invitee, 'leaf'>) =>
    changes.some(change => change.kind === 'remove' && sameKey(change.accountKey, leaf.accountKey))
  const add = invitees.filter(invitee => !isOut(invitee))
  const added = add.map(({ leaf }) => leaf)
  const planned = planCommit(crypto, held, { committer: device.publicKey, entries, added })
  const after: Held = { ...planned.after, entries: [...held.entries, ...planned.entries] }
  const made = await engine.commit(state, {
    add: add.map(({ keyPackage }) => keyPackage),
    ...(planned.groupState && { settings: planned.groupState }),
    authenticatedData: planned.basis,
    joiner: keptBytes(after),
  })
  const isRefused = (_: Leaf, index: number) => made.refused.some(other => other.index === index)
  return { ...made, added: added.filter((leaf, index) => !isRefused(leaf, index)), after }
}
