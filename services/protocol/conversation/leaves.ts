// Whether the leaves of a group are right: each of a device that is in use, of an account that is a member.

import { equalBytes, toHex } from '../bytes.js'
import { accountDevicesInUse } from '../identity/devices-in-use.js'
import type { AccountKey, DeviceKey } from '../keys.js'
import type { ConversationState } from './chain/state.js'
import type { HeldAccount, Ledger } from './ledger.js'

/** A device in the tree of a group. */
export interface Leaf {
  /** Of the verified certificate in the leaf. */
  accountKey: AccountKey
  /** It names the leaf. */
  deviceKey: DeviceKey
  /** The list that the leaf names as the newest one known to its maker. */
  list: { number: number; hash: Uint8Array }
}

export type LeafFault =
  /** Its account is no member. */
  | 'not-a-member'
  /** The group has no device list of its account. */
  | 'no-list'
  /** By the lists that the group has, its device is not in use. */
  | 'not-in-use'
  /** It names a list that the group has not: a newer one, or another one with the same number. */
  | 'unknown-list'
  /** The device has another leaf. */
  | 'second-leaf'

export interface WrongLeaf {
  leaf: Leaf
  why: LeafFault
}

/** All that leaves are judged by. */
export interface LeafRules {
  state: Pick<ConversationState, 'members'>
  ledger: Pick<Ledger, 'accounts'>
}

interface Account {
  number: number
  hashes: readonly Uint8Array[]
  /** Device keys in hexadecimal. */
  inUse: ReadonlySet<string>
}

/** Judges one leaf after the other: the fault of a leaf, undefined for one that is right by itself. */
export function leafFaults({ state, ledger }: LeafRules): (leaf: Leaf) => LeafFault | undefined {
  const members = new Set(state.members.map(({ accountKey }) => toHex(accountKey)))
  const accounts = new Map(
    ledger.accounts.map(account => [toHex(account.devices.lists[0].list.accountKey), accountOf(account)]),
  )
  return ({ accountKey, deviceKey, list }) => {
    const name = toHex(accountKey)
    if (!members.has(name)) return 'not-a-member'
    const account = accounts.get(name)
    if (!account) return 'no-list'
    if (!account.inUse.has(toHex(deviceKey))) return 'not-in-use'
    return isKnownList(account, list) ? undefined : 'unknown-list'
  }
}

function accountOf({ devices }: HeldAccount): Account {
  const { lists } = devices
  return {
    number: lists[0].list.number,
    hashes: lists.map(({ list }) => list.hash),
    inUse: new Set(accountDevicesInUse(devices).map(({ deviceKey }) => toHex(deviceKey))),
  }
}

/** A list that is older than those of the group is no fault: a leaf names the newest one of when it was made. */
const isKnownList = ({ number, hashes }: Account, list: Leaf['list']): boolean =>
  list.number < number || (list.number === number && hashes.some(hash => equalBytes(hash, list.hash)))

/** The leaves that are wrong, in their order; none in a group as it has to be. */
export function wrongLeaves(rules: LeafRules, leaves: readonly Leaf[]): WrongLeaf[] {
  const faultOf = leafFaults(rules)
  const seen = new Set<string>()
  return leaves.flatMap(leaf => {
    const name = toHex(leaf.deviceKey)
    const why = seen.has(name) ? 'second-leaf' : faultOf(leaf)
    seen.add(name)
    return why ? [{ leaf, why }] : []
  })
}
