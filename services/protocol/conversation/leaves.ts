// Whether the leaves of a group are right: each of a device that is in use, of an account that is a member.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { LeafListSchema } from '../../../gen/parley/content/v1/chain_pb.js'
import { copyBytes, equalBytes, toHex } from '../bytes.js'
import { MAX_LIST_NUMBER } from '../identity/device-list.js'
import { accountDevicesInUse } from '../identity/devices-in-use.js'
import type { AccountKey, DeviceKey } from '../keys.js'
import { LIST_HASH_BYTES } from '../sizes.js'
import type { ConversationState } from './chain/state.js'
import type { HeldAccount, Ledger } from './ledger.js'

/** The device list that the maker of a leaf knew as the newest of its account. */
interface LeafList {
  number: number
  /** 32 bytes. */
  hash: Uint8Array
}

/** The extension of a leaf. */
export function encodeLeafList({ number, hash }: LeafList): Uint8Array {
  return toBinary(LeafListSchema, create(LeafListSchema, { number: BigInt(number), hash }))
}

/** undefined for what names no list. Never throws. */
export function decodeLeafList(bytes: Uint8Array): LeafList | undefined {
  try {
    const { number, hash } = fromBinary(LeafListSchema, bytes)
    const isWellFormed = hash.length === LIST_HASH_BYTES && number <= BigInt(MAX_LIST_NUMBER)
    return isWellFormed ? { number: Number(number), hash: copyBytes(hash) } : undefined
  } catch {
    return undefined
  }
}

/** A device in the tree of a group. */
export interface Leaf {
  /** Of the verified certificate in the leaf. */
  accountKey: AccountKey
  /** It names the leaf. */
  deviceKey: DeviceKey
  /** The id of the server that the certificate names; 16 bytes. */
  serverId: Uint8Array
  list: LeafList
}

export type LeafFault =
  /** Its certificate is of another server than the group's. */
  | 'other-server'
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

interface WrongLeaf {
  leaf: Leaf
  why: LeafFault
}

/** All that leaves are judged by. */
interface LeafRules {
  state: Pick<ConversationState, 'members'>
  ledger: Pick<Ledger, 'accounts'>
  /** The id of the group's server: an account may be on several, with other devices on each. */
  serverId: Uint8Array
}

interface Account {
  /** Its key in hexadecimal. */
  name: string
  number: number
  hashes: readonly Uint8Array[]
  /** Device keys in hexadecimal. */
  inUse: ReadonlySet<string>
}

/** Judges one leaf after the other: the fault of a leaf, undefined for one that is right by itself. */
export type LeafJudge = (leaf: Leaf) => LeafFault | undefined

export function leafJudge({ state, ledger, serverId }: LeafRules): LeafJudge {
  const members = new Set(state.members.map(({ accountKey }) => toHex(accountKey)))
  const accounts = new Map(ledger.accounts.map(held => [accountOf(held).name, accountOf(held)]))
  return ({ accountKey, deviceKey, list, ...leaf }) => {
    if (!equalBytes(leaf.serverId, serverId)) return 'other-server'
    const name = toHex(accountKey)
    if (!members.has(name)) return 'not-a-member'
    const account = accounts.get(name)
    if (!account) return 'no-list'
    if (!account.inUse.has(toHex(deviceKey))) return 'not-in-use'
    return isKnownList(account, list) ? undefined : 'unknown-list'
  }
}

/** Most accounts are the same from one commit to the next. */
const accountsRead = new WeakMap<HeldAccount, Account>()

function accountOf(held: HeldAccount): Account {
  const known = accountsRead.get(held)
  if (known) return known
  const { lists } = held.devices
  const account = {
    name: toHex(lists[0].list.accountKey),
    number: lists[0].list.number,
    hashes: lists.map(({ list }) => list.hash),
    inUse: new Set(accountDevicesInUse(held.devices).map(({ deviceKey }) => toHex(deviceKey))),
  }
  accountsRead.set(held, account)
  return account
}

/** A list that is older than those of the group is no fault: a leaf names the newest one of when it was made. */
const isKnownList = ({ number, hashes }: Account, list: LeafList): boolean =>
  list.number < number || (list.number === number && hashes.some(hash => equalBytes(hash, list.hash)))

/** The first leaf that is wrong; there is none in a group as it has to be. */
export function firstWrongLeaf(judge: LeafJudge, leaves: readonly Leaf[]): WrongLeaf | undefined {
  const seen = new Set<string>()
  for (const leaf of leaves) {
    const name = toHex(leaf.deviceKey)
    const why = seen.has(name) ? 'second-leaf' : judge(leaf)
    if (why) return { leaf, why }
    seen.add(name)
  }
  return undefined
}
