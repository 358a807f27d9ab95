// The rules of who may register, and what keeps a device out. A store gathers the facts and decides within one
// transaction, so that of several who want the same handle or use the same invite exactly one gets it.

import { equalBytes } from '../../protocol/bytes.js'
import { type DeviceList, isTimelyNumber, readDeviceList } from '../../protocol/identity/device-list.js'
import { readRemovalsOf } from '../../protocol/identity/device-removal.js'
import {
  devicesInUse,
  knownDevices,
  type ListState,
  learnDevices,
} from '../../protocol/identity/devices-in-use.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import type {
  AccountChange,
  AccountRecord,
  Blocked,
  DeviceId,
  RegisterOutcome,
  RegisterTerms,
} from './store.js'

/** Suites of which a device has a key package of last resort. */
export const LAST_RESORTS_PER_DEVICE = 8
/** Hashes of claimed key packages that are remembered for each device. */
export const REMEMBERED_CLAIMS = 10_000

export interface RegistrationFacts {
  /** The handle or the device is. */
  banned: boolean
  /** The account that goes by the handle. */
  account: AccountRecord | undefined
  /** The handle that the device registered under before. */
  registeredAs: string | undefined
  /** The handle that the account of the change goes by. */
  accountAs: string | undefined
  /** The invite that was given is known, and its time is not over. */
  inviteHolds: boolean
  devicesPerAccount: number
  nowMs: number
}

interface Decision {
  outcome: RegisterOutcome
  /** The account as it is to be kept; undefined: nothing is changed. */
  account?: AccountRecord
}

/** The effect of a change. With 'registered' or 'added' the store keeps the device; a new account uses its invite up. */
export function decideChange(
  change: AccountChange,
  terms: RegisterTerms,
  facts: RegistrationFacts,
): Decision {
  const { account } = facts
  if (facts.banned) return { outcome: 'banned' }
  if (account && !equalBytes(account.accountKey, change.accountKey)) return { outcome: 'handle-taken' }
  // A device stays with the handle that it came with: to it, every other handle is another's.
  const isRegistered = facts.registeredAs !== undefined
  if (isRegistered && facts.registeredAs !== change.handle) return { outcome: 'handle-taken' }
  // An account has one handle: by a second one it would be taken for somebody else, marks and all.
  if (facts.accountAs !== undefined && facts.accountAs !== change.handle) return { outcome: 'handle-taken' }
  const known = account && stateOf(account)
  const wasInUse = known !== undefined && isRegistered && isUsed(known, change.caller)
  const refusal = refusalOfList(change, facts, { known, wasInUse })
  if (refusal) return { outcome: refusal }
  const next = nextState(known, change)
  if (next === undefined) return { outcome: 'not-listed' }
  if (!wasInUse && !isUsed(next, change.caller))
    return { outcome: isRegistered || names(next.list, change.caller) ? 'revoked' : 'not-listed' }
  const entry = known ? (isRegistered ? 'known' : 'added') : decideNewAccount(terms, facts)
  if (entry !== 'registered' && entry !== 'added' && entry !== 'known') return { outcome: entry }
  return { outcome: entry, account: recordOf(change, next, account) }
}

/** Why a list is not taken in; undefined: it is, or changes nothing, or there is none. */
function refusalOfList(
  { list }: AccountChange,
  { devicesPerAccount, nowMs, registeredAs }: RegistrationFacts,
  { known, wasInUse }: { known: ListState | undefined; wasInUse: boolean },
): RegisterOutcome | undefined {
  if (list === undefined) return undefined
  const { number, hash, devices } = list.content
  if (known !== undefined && number <= known.list.number) {
    if (wasInUse || equalBytes(hash, known.list.hash)) return undefined
    return registeredAs === undefined ? 'list-not-newer' : 'revoked'
  }
  if (!isTimelyNumber(number, { known: known?.list.number, nowMs })) return 'list-not-timely'
  return devices.length > devicesPerAccount ? 'too-many-devices' : undefined
}

/** undefined: there is neither a list that is known nor one that came. */
function nextState(known: ListState | undefined, { list, removals }: AccountChange): ListState | undefined {
  const isNewer = list !== undefined && (known === undefined || list.content.number > known.list.number)
  const state = isNewer ? { list: list.content, removals: [] } : known
  if (state === undefined) return undefined
  // Those of another list are ignored there.
  return learnDevices(knownDevices(state), { list: state.list, removals }).devices.lists[0]
}

function recordOf(change: AccountChange, next: ListState, before: AccountRecord | undefined): AccountRecord {
  const { handle, accountKey, list } = change
  const isNew = list !== undefined && equalBytes(list.content.hash, next.list.hash)
  return {
    handle,
    accountKey,
    deviceList: isNew ? list.encoded : before!.deviceList,
    removals: next.removals.map(({ encoded }) => encoded),
  }
}

/** All that is kept was verified when it came. */
function stateOf({ deviceList, removals }: AccountRecord): ListState {
  const list = readDeviceList(nodeCrypto, deviceList)
  return { list, removals: readRemovalsOf(nodeCrypto, list, removals) }
}

const names = ({ devices }: DeviceList, id: DeviceId): boolean =>
  devices.some(({ deviceKey }) => equalBytes(deviceKey, id))

const isUsed = ({ list, removals }: ListState, id: DeviceId): boolean =>
  devicesInUse(list, removals).some(({ deviceKey }) => equalBytes(deviceKey, id))

/** The devices that an account has in use, registered or not, the most senior first. */
export function devicesOf(account: AccountRecord): DeviceId[] {
  const { list, removals } = stateOf(account)
  return devicesInUse(list, removals).map(({ deviceKey }) => deviceKey)
}

/** Whether they are kept with the same list and as many removals, which only become more. */
export const isSameRecord = (one: AccountRecord, other: AccountRecord): boolean =>
  equalBytes(one.deviceList, other.deviceList) && one.removals.length === other.removals.length

function decideNewAccount(
  { newAccounts, inviteHash }: RegisterTerms,
  facts: RegistrationFacts,
): RegisterOutcome {
  if (newAccounts === 'open') return 'registered'
  if (newAccounts === 'closed') return 'registration-closed'
  if (inviteHash === undefined) return 'invite-needed'
  return facts.inviteHolds ? 'registered' : 'invite-invalid'
}

/** Revoked comes first, because it is for good. */
export function blockedBy({ revoked, banned }: { revoked: boolean; banned: boolean }): Blocked | undefined {
  if (revoked) return 'revoked'
  return banned ? 'banned' : undefined
}
