// The parts of acts on rooms and groups: commits of anything, and groups of one's own that say that they are others.

import type { SignedChainEntry } from '../../../gen/parley/content/v1/chain_pb.js'
import type { OwnAccount } from '../../../services/endpoint/contacts/account.js'
import { type Held, keptBytes } from '../../../services/endpoint/groups/state/held.js'
import { equalBytes } from '../../../services/protocol/bytes.js'
import type { Change } from '../../../services/protocol/conversation/chain/change.js'
import { readEntry } from '../../../services/protocol/conversation/chain/entry.js'
import { ChainError } from '../../../services/protocol/conversation/chain/error.js'
import { type CommitBasis, encodeBasis } from '../../../services/protocol/conversation/commit-basis.js'
import { encodeGroupState } from '../../../services/protocol/conversation/group-state.js'
import { ofMembers, withList, withRemoved } from '../../../services/protocol/conversation/ledger.js'
import { type DeviceList, readDeviceList } from '../../../services/protocol/identity/device-list.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { cutTo, extended } from '../../support/chain-by-force.js'
import { signedCommit } from '../../support/contract-head.js'
import { type Claim, forge } from '../../support/forged-groups.js'
import { type Scene, Skipped } from './act.js'
import type { Group } from './groups.js'
import type { Outcome } from './line.js'
import type { Program } from './program.js'

/** All of it goes into one commit, whatever the rules say; the rest of it is as plausible as can be. */
export interface Force {
  /** Entries that say this. */
  changes?: readonly Change[]
  /** By whom they are signed; the program itself unless given. */
  author?: Pick<OwnAccount, 'device' | 'certificate'>
  /** The group and the epoch that they name, and the state that they go on from, in place of the right ones. */
  place?: { groupId?: Uint8Array; epoch?: bigint; before?: Held }
  /** Entries as they are, in place of those. */
  entries?: readonly SignedChainEntry[]
  /** Helpers that get a leaf. */
  add?: readonly Program[]
  /** Leaves. */
  remove?: readonly number[]
  basis?: Partial<CommitBasis>
  groupState?: (fitting: Uint8Array) => Uint8Array
  /** Devices that the server is to take off its roster, besides those of the leaves that go. */
  kicks?: readonly Uint8Array[]
}

/** Makes the commit and sends it. */
export async function force({ by }: Pick<Scene, 'by'>, group: Group, asked: Force): Promise<Outcome> {
  const { add = [], remove = [], basis = {}, groupState = same => same, kicks = [] } = asked
  const { held } = group
  const { after, added } = forced(by, held, asked)
  const leaves = by.groups.members(group).filter(({ leaf }) => remove.includes(leaf))
  const removedDeviceIds = leaves.map(({ signatureKey }) => signatureKey)
  const lists = add.map(({ own }) => own.list).filter(list => withList(held.ledger, list))
  const learned = lists.reduce((known, list) => withList(known, list) ?? known, held.ledger)
  const ledger = withRemoved(ofMembers(learned, after.state), held.epoch, removedDeviceIds)
  const made = { ...after, ledger }
  const deviceIds = add.map(({ device }) => device.id)
  const bases = { lists: lists.map(({ encoded }) => encoded), removals: [], rejoins: [], ...basis }
  return await by.commit(group, {
    add: await Promise.all(add.map(packageOf)),
    remove: [...remove],
    settings: groupState(encodeGroupState(nodeCrypto, made, added)),
    authenticatedData: encodeBasis(bases),
    joiner: keptBytes(made),
    after: made,
    alter: ({ commit, welcome }) => ({
      commit,
      welcomes: welcome ? [{ deviceIds, welcome }] : [],
      rosterChange: { addedDeviceIds: deviceIds, removedDeviceIds: distinct(removedDeviceIds, kicks) },
    }),
  })
}

function forced(by: Program, held: Held, { changes = [], author = by.own, place = {}, entries }: Force) {
  const { before = held, ...at } = place
  const { added, ...after } = extended(before, author, {
    ...{ changes, groupId: held.groupId, epoch: held.epoch },
    ...at,
  })
  if (!entries) return { after, added }
  const last = entries.flatMap(readable).at(-1)
  const state = {
    ...held.state,
    number: held.state.number + entries.length,
    head: last?.hash ?? held.state.head,
  }
  return { after: { ...held, state }, added: [...entries] }
}

function readable(signed: SignedChainEntry) {
  try {
    return [readEntry(nodeCrypto, signed)]
  } catch {
    return []
  }
}

function distinct(devices: readonly Uint8Array[], more: readonly Uint8Array[]): Uint8Array[] {
  return [...devices, ...more.filter(device => !devices.some(each => equalBytes(each, device)))]
}

/** A key package that the helper can be welcomed with. */
async function packageOf(helper: Program): Promise<Uint8Array> {
  const pair = await helper.keyPackage()
  helper.groups.keep([pair])
  return pair.publicPackage
}

/** The room as it was before the last `less` entries; Skipped where its chain is none that anybody takes. */
export function cutBack(held: Held, less: number): Held {
  try {
    return cutTo(held, Math.max(1, held.entries.length - less))
  } catch (error) {
    if (error instanceof ChainError) throw new Skipped()
    throw error
  }
}

/** Of people whom the server has let it claim. */
export interface Claimed {
  deviceKey: Uint8Array
  keyPackage: Uint8Array
}

/** A key package of each device of these people; Skipped where there is none to have. */
export async function claimed({ by }: Scene, claimHandles: readonly string[]): Promise<Claimed[]> {
  const { claims = [] } = (await by.exchange({ claimHandles: [...claimHandles] })) ?? {}
  const devices = claims.flatMap(({ outcome }) => (outcome.case === 'devices' ? outcome.value.devices : []))
  if (devices.length === 0) throw new Skipped()
  return devices
}

/** The newest device lists of these people; Skipped where the server does not say. */
export async function listsOf({ by }: Scene, lookupHandles: readonly string[]): Promise<DeviceList[]> {
  const { lookups = [] } = (await by.exchange({ lookupHandles: [...lookupHandles] })) ?? {}
  const lists = lookups.flatMap(({ outcome }) =>
    outcome.case === 'devices' ? [readDeviceList(nodeCrypto, outcome.value.deviceList)] : [],
  )
  if (lists.length < lookupHandles.length) throw new Skipped()
  return lists
}

export interface Made {
  commit: Uint8Array
  welcome: Uint8Array
  deviceIds: Uint8Array[]
  /** Puts the maker into it, once the server has taken it. */
  enter(): Group
}

/** A group of its own, with these devices in it and helpers beside. */
export async function madeUp(
  { by }: Scene,
  claim: Claim,
  { devices, helpers = [] }: { devices: readonly Claimed[]; helpers?: readonly Program[] },
): Promise<Made> {
  const { engine, groups } = by
  const keyPackages = [
    ...devices.map(({ keyPackage }) => keyPackage),
    ...(await Promise.all(helpers.map(packageOf))),
  ]
  const deviceIds = [...devices.map(({ deviceKey }) => deviceKey), ...helpers.map(({ device }) => device.id)]
  const { commit, welcome, held, founded, pending } = await forge(engine, { by: by.own, claim, keyPackages })
  // Not one of the key packages was any good.
  if (!welcome) throw new Skipped()
  const enter = () => groups.add(claim.groupId, { state: engine.adopt(founded, pending).state, held })
  return { commit, welcome, deviceIds, enter }
}

/** Gives the server the first commit of a group. `head`: what it says besides. */
export async function found(
  { by }: Scene,
  { groupId: conversationId }: Claim,
  {
    commit,
    welcome,
    deviceIds,
    head = {},
  }: Made & { head?: { succeeds?: Uint8Array; succeedsEpoch?: bigint } },
): Promise<Outcome> {
  const value = {
    ...{ epoch: 0n, commit, creates: true },
    welcomes: [{ deviceIds, welcome }],
    rosterChange: { addedDeviceIds: deviceIds },
  }
  const bundle = { conversationId, envelope: { case: 'commit', value } } as const
  const [outcome = 'down'] = await by.line.send(signedCommit(by.device, bundle, head))
  return outcome
}
