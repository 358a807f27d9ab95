// The ledger of a group: what its members hold besides the tree and the chain, and hold alike, because it changes by
// commits alone. GroupState.ledger in proto/parley/content/v1/chain.proto has its hash.

import { compareBytes, concatBytes, equalBytes, uint64Bytes, utf8 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import type { DeviceList } from '../identity/device-list.js'
import type { DeviceRemoval } from '../identity/device-removal.js'
import {
  type AccountDevices,
  knownDevices,
  type ListState,
  learnDevices,
  withFirstOfPair,
} from '../identity/devices-in-use.js'
import type { DeviceKey } from '../keys.js'
import { placeIn } from '../sorted.js'
import { type ConversationState, memberOf } from './chain/state.js'
import { MAX_HELD_LIST_BYTES, MAX_HELD_REMOVAL_BYTES, REJOIN_EPOCHS } from './limits.js'

/** The device lists of one account that a group goes by. */
export interface HeldAccount {
  devices: AccountDevices
}

export interface RemovedLeaf {
  deviceKey: DeviceKey
  /** The epoch in which the commit was made that removed it. */
  epoch: bigint
}

export interface Ledger {
  /** Of members, at most one for each; the lowest key first. */
  accounts: readonly HeldAccount[]
  /** By epoch, then by key. */
  removed: readonly RemovedLeaf[]
}

export const EMPTY_LEDGER: Ledger = { accounts: [], removed: [] }

const keyOf = ({ devices }: HeldAccount): Uint8Array => devices.lists[0].list.accountKey

type Accounts = Pick<Ledger, 'accounts'>

export function heldOf({ accounts }: Accounts, accountKey: Uint8Array): HeldAccount | undefined {
  const account = accounts[placeOf({ accounts }, accountKey)]
  return account && equalBytes(keyOf(account), accountKey) ? account : undefined
}

const placeOf = ({ accounts }: Accounts, accountKey: Uint8Array): number =>
  placeIn(accounts, account => compareBytes(keyOf(account), accountKey) < 0)

/** Whether a ledger has room for a list, or a removal: for each one there is some, whatever others it has. */
export const fitsList = ({ encoded }: DeviceList): boolean => encoded.length <= MAX_HELD_LIST_BYTES
export const fitsRemoval = ({ encoded }: DeviceRemoval): boolean => encoded.length <= MAX_HELD_REMOVAL_BYTES

/** The ledger with a list; undefined where that changes nothing, or the list is too large. */
export function withList(ledger: Ledger, list: DeviceList): Ledger | undefined {
  if (!fitsList(list)) return undefined
  const held = heldOf(ledger, list.accountKey)
  const come: ListState = { list, removals: [] }
  if (!held) return withAccount(ledger, { devices: knownDevices(come) })
  const { devices, change } = learnDevices(held.devices, come)
  return change === 'none' ? undefined : withAccount(ledger, { devices })
}

/**
 * The ledger with a removal; undefined where that changes nothing, the ledger has not the list that it is of, or the
 * removal is too large.
 */
export function withRemoval(ledger: Ledger, removal: DeviceRemoval): Ledger | undefined {
  const held = fitsRemoval(removal) ? heldOf(ledger, removal.accountKey) : undefined
  const devices = held && withFirstOfPair(held.devices, removal)
  return devices && withAccount(ledger, { devices })
}

/** In place of what it has of the account, or besides. */
function withAccount(ledger: Ledger, account: HeldAccount): Ledger {
  const place = placeOf(ledger, keyOf(account))
  const isThere = heldOf(ledger, keyOf(account)) !== undefined
  return { ...ledger, accounts: ledger.accounts.toSpliced(place, isThere ? 1 : 0, account) }
}

/** The ledger without accounts that are no members. */
export function ofMembers(ledger: Ledger, state: ConversationState): Ledger {
  const accounts = ledger.accounts.filter(account => memberOf(state, keyOf(account)))
  return accounts.length === ledger.accounts.length ? ledger : { ...ledger, accounts }
}

/** The ledger behind a commit of this epoch with a GroupState, which removed the leaves of these devices. */
export function withRemoved(ledger: Ledger, epoch: bigint, deviceKeys: readonly DeviceKey[]): Ledger {
  const kept = ledger.removed.filter(each => epoch - each.epoch < REJOIN_EPOCHS)
  const added = deviceKeys.map(deviceKey => ({ deviceKey, epoch }))
  return { ...ledger, removed: [...kept, ...added].sort(byEpoch) }
}

const byEpoch = (one: RemovedLeaf, other: RemovedLeaf): number =>
  one.epoch === other.epoch
    ? compareBytes(one.deviceKey, other.deviceKey)
    : Number(one.epoch < other.epoch ? -1 : 1)

/** A ledger of removed leaves in any order. */
export function withLeavesOf(ledger: Ledger, removed: readonly RemovedLeaf[]): Ledger {
  return { ...ledger, removed: [...removed].sort(byEpoch) }
}

const PREFIX = utf8('parley.content.v1.Ledger\0')
const COUNT_BYTES = 4

/** 32 bytes. */
export function ledgerHash(crypto: CryptoProvider, { accounts, removed }: Ledger): Uint8Array {
  return crypto.sha256(
    concatBytes(
      PREFIX,
      count(accounts),
      ...accounts.flatMap(account => accountParts(crypto, account)),
      count(removed),
      ...removed.flatMap(({ epoch, deviceKey }) => [uint64Bytes(epoch), deviceKey]),
    ),
  )
}

function accountParts(crypto: CryptoProvider, account: HeldAccount): Uint8Array[] {
  const { lists } = account.devices
  const parts = lists.flatMap(({ list, removals }) => [
    list.hash,
    count(removals),
    ...removals.map(({ encoded }) => crypto.sha256(encoded)),
  ])
  return [keyOf(account), count(lists), ...parts]
}

/** A number of things in four bytes, the most significant first. */
function count({ length }: readonly unknown[]): Uint8Array {
  const bytes = new Uint8Array(COUNT_BYTES)
  new DataView(bytes.buffer).setUint32(0, length)
  return bytes
}
