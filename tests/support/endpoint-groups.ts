// Groups in the vault of a test's endpoint: with the real engine, without a server.

import { create } from '@bufbuild/protobuf'
import { ConversationKind, type SignedChainEntry } from '../../gen/parley/content/v1/chain_pb.js'
import type { ClaimedDevice } from '../../gen/parley/v1/key_exchange_pb.js'
import { ClaimedDeviceSchema } from '../../gen/parley/v1/key_exchange_pb.js'
import type { OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { Unit } from '../../services/endpoint/context.js'
import { type GroupPhase, joined } from '../../services/endpoint/groups/state/group.js'
import type { GroupInEpoch, LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import { type Held, keptBytes, newLeafOf } from '../../services/endpoint/groups/state/held.js'
import { phaseRecord } from '../../services/endpoint/groups/state/phase-record.js'
import type { ConversationNumber } from '../../services/endpoint/ids.js'
import type { Engine, KeyPackagePair } from '../../services/endpoint/mls/engine.js'
import { at } from '../../services/endpoint/vault/records.js'
import { compareBytes, equalBytes } from '../../services/protocol/bytes.js'
import { checkChain, continueChain } from '../../services/protocol/conversation/chain/chain.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import { entryHash, makeEntry, readEntry } from '../../services/protocol/conversation/chain/entry.js'
import {
  type ConversationState,
  fixedState,
  memberOf,
} from '../../services/protocol/conversation/chain/state.js'
import { planCommit } from '../../services/protocol/conversation/commit-verdict.js'
import { encodeGroupState } from '../../services/protocol/conversation/group-state.js'
import { foundGroup as foundHeld } from '../../services/protocol/conversation/held-group.js'
import {
  type HeldAccount,
  heldOf,
  type Ledger,
  ofMembers,
  withList,
} from '../../services/protocol/conversation/ledger.js'
import type { DeviceList } from '../../services/protocol/identity/device-list.js'
import { knownDevices } from '../../services/protocol/identity/devices-in-use.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { claimOf, groupIn, type TestContext } from './endpoint-context.js'
import { leafDataOf, listOf } from './known-accounts.js'

export const keyPackageOf = (
  engine: Pick<Engine, 'newKeyPackage'>,
  account: OwnAccount,
): Promise<KeyPackagePair> =>
  engine.newKeyPackage({
    identity: account.certificate,
    leafData: leafDataOf(account),
    signatureKey: account.device.privateKey,
    publicKey: account.device.publicKey,
  })

/** A device as a server hands it out to those who want to reach it. */
export async function claimedDevice(engine: Engine, account: OwnAccount): Promise<ClaimedDevice> {
  const { publicPackage: keyPackage } = await keyPackageOf(engine, account)
  return create(ClaimedDeviceSchema, {
    deviceKey: account.device.publicKey,
    keyPackage,
  })
}

/** A room, in place of a conversation between two or of own devices. */
export interface RoomSetup {
  /** "tea" unless given. */
  name?: string
  topic?: string
  historyDays?: number
  /** Besides the founder. */
  admins?: readonly OwnAccount[]
}

interface GroupOptions {
  others: readonly OwnAccount[]
  /** Opens the conversation that the group carries. */
  open(unit: Unit): ConversationNumber
  /** Unless given it is of the accounts that are in it: of two, or of one with its devices. */
  room?: RoomSetup
  /** Active unless given. */
  phase?: GroupPhase
}

let made = 0

interface Founded extends GroupInEpoch {
  conversationId: Uint8Array
  /** The key packages of the others, in the order in which they were given, and the welcome for all of them. */
  packages: readonly KeyPackagePair[]
  welcome: Uint8Array
  /** As one of the others has it, in the order in which they were given. */
  join(index: number): Promise<GroupInEpoch>
}

type FoundedWith = Pick<GroupOptions, 'others' | 'room'> & {
  /** Of the MLS group; one that no other has unless given. */
  groupId?: Uint8Array
  /** The first one unless given. */
  incarnation?: number
}

/** A group that a device has made, with others whom it has added by its first commit. */
export async function foundGroup(
  engine: Engine,
  founder: OwnAccount,
  { others, room, groupId = newGroupId(), incarnation = 1 }: FoundedWith,
): Promise<Founded> {
  const lists = newestLists([founder, ...others])
  const { state, entries: begin } = beginning(founder, { others, room, groupId })
  const accounts = lists.map(list => ({ devices: knownDevices({ list, removals: [] }) }))
  const { ledger } = ledgerOf(accounts, state)
  const entries = room ? membersOf(founder, { others, room, groupId, before: state }) : []
  const isNew = (list: DeviceList) => heldOf(ledger, list.accountKey) === undefined
  return found(engine, founder, {
    ...{ groupId, incarnation, state, ledger, begin, others, entries },
    chain: begin.map(entry => readEntry(nodeCrypto, entry)),
    lists: room ? lists.filter(isNew) : [],
  })
}

/** The next group of a conversation, with all that the one before held. `changes`: those of its first commit. */
export async function foundSuccessor(
  engine: Engine,
  founder: OwnAccount,
  before: Held,
  { others, changes = [] }: Pick<GroupOptions, 'others'> & { changes?: readonly Change[] },
): Promise<Founded> {
  const groupId = newGroupId()
  let { ledger } = before
  for (const list of newestLists([founder, ...others])) ledger = withList(ledger, list) ?? ledger
  const entries: SignedChainEntry[] = []
  let place: Pick<ConversationState, 'number' | 'head'> = before.state
  for (const change of changes) {
    const entry = makeEntry(nodeCrypto, { before: place, groupId, epoch: 0n }, { ...founder, change })
    entries.push(entry)
    place = { number: place.number + 1, head: entryHash(nodeCrypto, entry) }
  }
  return found(engine, founder, {
    ...{ groupId, incarnation: before.incarnation + 1, state: before.state, begin: [], others, entries },
    ledger: ofMembers({ ...ledger, removed: [] }, before.state),
    chain: before.entries,
    lists: [],
  })
}

interface Foundation extends Pick<GroupOptions, 'others'> {
  groupId: Uint8Array
  incarnation: number
  state: ConversationState
  ledger: Pick<Ledger, 'accounts'>
  /** The chain before its first commit, and of that the entries with which the group begins. */
  chain: Held['entries']
  begin: readonly SignedChainEntry[]
  /** Those of its first commit. */
  entries: readonly SignedChainEntry[]
  lists: readonly DeviceList[]
}

async function found(engine: Engine, founder: OwnAccount, on: Foundation): Promise<Founded> {
  const { groupId, incarnation, state: begun, ledger, entries } = on
  const { leaf, pair: keyPackage } = await packageOf(engine, founder)
  const options = { groupId, incarnation, state: begun, founder: leaf, accounts: ledger.accounts }
  const before = foundHeld(options)
  const settings = encodeGroupState(nodeCrypto, before, on.begin)
  const founded = await engine.create({ groupId, keyPackage, settings })
  const pairs = await Promise.all(on.others.map(other => packageOf(engine, other)))
  const packages = pairs.map(({ pair }) => pair)
  const planned = planCommit(nodeCrypto, before, {
    committer: founder.device.publicKey,
    entries,
    added: pairs.map(pair => pair.leaf),
    basis: { lists: on.lists.map(({ encoded }) => encoded) },
  })
  const held = { ...planned.after, entries: [...on.chain, ...planned.entries] }
  const made = await engine.commit(founded, {
    add: packages.map(({ publicPackage }) => publicPackage),
    ...(planned.groupState && { settings: planned.groupState }),
    authenticatedData: planned.basis,
    joiner: keptBytes(held),
  })
  const { state } = engine.adopt(founded, made.pending)
  const welcome = made.welcome!
  const join = async (index: number) => {
    const joined = await engine.unsafeJoinHere(welcome, [packages[index]!])
    return { state: joined.state, held }
  }
  return { conversationId: groupId, packages, welcome, state, held, join }
}

const newGroupId = (): Uint8Array => new Uint8Array(16).fill(++made)

/** One of each account, with all of these devices on it. */
function newestLists(accounts: readonly OwnAccount[]): DeviceList[] {
  for (const account of accounts) listOf(account)
  return [...new Set(accounts.map(listOf))]
}

/** The key package of a device, and the leaf that it makes. */
async function packageOf(engine: Engine, account: OwnAccount) {
  const pair = await keyPackageOf(engine, account)
  return { pair, leaf: newLeafOf(await engine.inspectKeyPackage(pair.publicPackage)) }
}

interface Founding extends Pick<GroupOptions, 'others'> {
  room: RoomSetup | undefined
  groupId: Uint8Array
}

function beginning(founder: OwnAccount, { others, room, groupId }: Founding) {
  const accounts = [founder, ...others].map(({ account }) => account.publicKey)
  const distinct = accounts.filter((key, at) => accounts.findIndex(other => equalBytes(other, key)) === at)
  if (!room) {
    const kind = distinct.length === 1 ? ConversationKind.OWN_DEVICES : ConversationKind.DIRECT
    return { state: fixedState(nodeCrypto, kind, distinct), entries: [] }
  }
  const settings = { name: room.name ?? 'tea', topic: room.topic ?? '', historyDays: room.historyDays ?? 0 }
  const change = { kind: 'create', salt: new Uint8Array(16).fill(made), settings } as const
  const entry = makeEntry(nodeCrypto, { before: undefined, groupId, epoch: 0n }, { ...founder, change })
  return { state: checkChain(nodeCrypto, [entry]).state, entries: [entry] }
}

/** The entries by which a room's founder adds the others. */
function membersOf(
  founder: OwnAccount,
  { others, room, groupId, before }: Founding & { before: ConversationState },
): SignedChainEntry[] {
  const entries: SignedChainEntry[] = []
  let state = before
  const write = (change: Change) => {
    const entry = makeEntry(nodeCrypto, { before: state, groupId, epoch: 0n }, { ...founder, change })
    state = continueChain(nodeCrypto, state, [entry]).state
    entries.push(entry)
  }
  for (const { account } of others)
    if (!memberOf(state, account.publicKey)) write({ kind: 'add', accountKey: account.publicKey })
  for (const { account } of room?.admins ?? [])
    if (memberOf(state, account.publicKey)?.isAdmin === false)
      write({ kind: 'make-admin', accountKey: account.publicKey })
  return entries
}

const ledgerOf = (accounts: readonly HeldAccount[], state: ConversationState) => ({
  ledger: ofMembers({ accounts: [...accounts].sort(byKey), removed: [] }, state),
})

const byKey = (one: HeldAccount, other: HeldAccount): number =>
  compareBytes(one.devices.lists[0].list.accountKey, other.devices.lists[0].list.accountKey)

/** A group of the test's own device and these, in its vault, which knows the lists of all. */
export async function groupWith(
  { context, written }: Pick<TestContext, 'context' | 'written'>,
  { open, phase = joined(), ...group }: GroupOptions,
): Promise<LiveGroup> {
  const founded = await foundGroup(context.engine, context.account, group)
  const { number } = await written((tx, unit) => {
    learn(unit, [context.account, ...group.others])
    return unit.context.groups.add(tx, { conversation: open(unit), phase }, founded)
  })
  return context.groups.get(number)!
}

/** This device knows the newest lists of these accounts. */
export function learn({ context, tx }: Unit, accounts: readonly OwnAccount[]): void {
  for (const account of accounts) context.lists.learn(tx, { list: listOf(account), removals: [] })
}

/** Puts a group into a phase, whatever it is in. */
export const putInPhase = (
  { written }: Pick<TestContext, 'written'>,
  { number }: Pick<LiveGroup, 'number'>,
  phase: GroupPhase,
) => written(tx => tx.put('groups', at(number), { ...tx.get('groups', at(number))!, ...phaseRecord(phase) }))

/** A commit of fresh keys has taken effect, and nothing of this device is on its way. */
export async function inNextEpoch(
  { context, written }: Pick<TestContext, 'context' | 'written'>,
  { number }: Pick<LiveGroup, 'number'>,
): Promise<void> {
  const { engine } = context
  const before = context.groups.get(number)!.state
  const { state } = engine.adopt(before, (await engine.commit(before, {})).pending)
  await written((tx, unit) => {
    const group = groupIn(unit, { number })
    unit.context.groups.savePending(tx, group, undefined)
    unit.context.groups.enter(tx, group, { state, held: group.heldAfter(state) })
  })
}

/** The conversation with somebody whose handle is pinned to them. */
function openWith({ contacts, conversations }: Unit['context'], tx: Unit['tx'], other: OwnAccount) {
  contacts.meet(tx, claimOf(other))
  return conversations.open(tx, other.account.publicKey)
}

/** The group of a conversation with one other person, whose handle is pinned to them. */
export const groupWithPerson = (test: Pick<TestContext, 'context' | 'written'>, other: OwnAccount) =>
  groupWith(test, {
    others: [other],
    open: ({ context, tx }) => openWith(context, tx, other),
  })

/** A room called "tea", whose admin is the test's own account. */
export const roomWith = (
  test: Pick<TestContext, 'context' | 'written'>,
  others: readonly OwnAccount[],
): Promise<LiveGroup> =>
  groupWith(test, {
    others,
    open: ({ context, tx }) => context.conversations.openRoom(tx, 'tea'),
    room: {},
  })

/** The two ends of a conversation: each one's group with the other. */
export async function meet(one: TestContext, other: TestContext): Promise<[LiveGroup, LiveGroup]> {
  const { engine, account } = one.context
  const founded = await foundGroup(engine, account, { others: [other.context.account] })
  const welcomed = await founded.join(0)
  const enter = async ({ context, written }: TestContext, own: GroupInEpoch, peer: OwnAccount) => {
    const { number } = await written((tx, unit) => {
      learn(unit, [context.account, peer])
      const conversation = openWith(unit.context, tx, peer)
      return unit.context.groups.add(tx, { conversation, phase: joined() }, own)
    })
    return context.groups.get(number)!
  }
  return [await enter(one, founded, other.context.account), await enter(other, welcomed, one.context.account)]
}
