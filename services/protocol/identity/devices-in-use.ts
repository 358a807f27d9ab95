// The devices of an account that are in use, out of its lists and their removals. All of it gives the same whatever
// came first, and however often.

import { compareBytes, equalBytes } from '../bytes.js'
import { IdentityError } from '../error.js'
import { keyText, sameKey } from '../keys.js'
import { LISTED_DEVICES } from '../sizes.js'
import { placeIn } from '../sorted.js'
import type { DeviceList, ListedDevice } from './device-list.js'
import { checkRemoval, type DeviceRemoval, type RemovalPlaces } from './device-removal.js'

/** Lists with one number that are weighed against each other; of an account with more, no device is in use. */
export const MAX_WEIGHED_LISTS = 4
/** Removals of one list: of each device by itself and by each one ahead of it. */
export const MAX_PAIRS = (LISTED_DEVICES * (LISTED_DEVICES + 1)) / 2

/** A list and the removals that could count for it. */
export interface ListState {
  list: DeviceList
  /** One for each pair of signer and device. */
  removals: readonly DeviceRemoval[]
}

/** All that is known of the devices of one account on one server. */
export interface AccountDevices {
  /**
   * All with one number, in the order of their hashes; more than one where somebody used the words twice for it. Where
   * there are more than are weighed, none has removals: they would change nothing.
   */
  lists: readonly [ListState, ...ListState[]]
}

/** The change that something new made to what was known. */
export type ListChange =
  /** Nothing: it was known, or is of a lower list. */
  | 'none'
  /** The list has a higher number than the known one. */
  | 'newer'
  /** Another list with the number of the known one: the person has to be told. */
  | 'forked'
  /** The lists are the same, but removals were added. */
  | 'removals'

/** The devices that a list has in use, the most senior first. Removals that cannot count for it are ignored. */
export function devicesInUse(list: DeviceList, removals: readonly DeviceRemoval[]): ListedDevice[] {
  const places = removals.flatMap(removal => placesOf(removal, list) ?? [])
  // Ended by one before them: their removals count for nothing. From the front, so that it is decided of each signer
  // before those whom it can remove.
  const ended = new Set<number>()
  for (const place of list.devices.keys()) {
    const isEnded = ({ signer, removed }: RemovalPlaces) =>
      removed === place && signer < place && !ended.has(signer)
    if (places.some(isEnded)) ended.add(place)
  }
  // A device that ends itself takes nothing back of what it has signed about others.
  const left = new Set(places.filter(({ signer, removed }) => signer === removed).map(({ signer }) => signer))
  return list.devices.filter((_, place) => !ended.has(place) && !left.has(place))
}

/**
 * The devices that would come back into use with this removal, for the removals of the device that it ends would then
 * count for nothing. A device that removes another signs removals of these too.
 */
export function returningWith(state: ListState, removal: DeviceRemoval): ListedDevice[] {
  const { list, removals } = state
  const before = devicesInUse(list, removals)
  return devicesInUse(list, [...removals, removal]).filter(
    ({ deviceKey }) => !before.some(each => sameKey(each.deviceKey, deviceKey)),
  )
}

/** The devices of an account that are in use: those of its list, or of all of its lists with that number. */
export function accountDevicesInUse({ lists }: AccountDevices): ListedDevice[] {
  if (areTooMany(lists)) return []
  const [first, ...others] = lists.map(({ list, removals }) => devicesInUse(list, removals))
  return first!.filter(({ deviceKey }) =>
    others.every(devices => devices.some(each => sameKey(each.deviceKey, deviceKey))),
  )
}

const areTooMany = ({ length }: AccountDevices['lists']): boolean => length > MAX_WEIGHED_LISTS

/** All that is known of an account by the first of its lists. */
export function knownDevices({ list, removals }: ListState): AccountDevices {
  return { lists: [{ list, removals: onePerPair(list, removals) }] }
}

/**
 * Takes in a list of the account with its removals: tells all that is known then, and what is new in it. Throws
 * IdentityError ('other-account') for a list of another account; the server and the handle are for the caller to compare.
 */
export function learnDevices(
  known: AccountDevices,
  come: ListState,
): { devices: AccountDevices; change: ListChange } {
  const { list } = known.lists[0]
  if (!sameKey(list.accountKey, come.list.accountKey)) throw new IdentityError('other-account', 'device-list')
  if (come.list.number < list.number) return { devices: known, change: 'none' }
  if (come.list.number > list.number) return { devices: knownDevices(come), change: 'newer' }
  const same = known.lists.find(each => equalBytes(each.list.hash, come.list.hash))
  return same === undefined ? forked(known, come) : withRemovals(known, same, come.removals)
}

function forked(known: AccountDevices, come: ListState): { devices: AccountDevices; change: ListChange } {
  const { lists } = knownDevices(come)
  const [first, ...others] = [...known.lists, ...lists].sort((a, b) => compareBytes(a.list.hash, b.list.hash))
  // One more than are weighed shows that there are too many; further ones would change nothing.
  const kept = others.slice(0, MAX_WEIGHED_LISTS)
  const isKept = [first, ...kept].includes(lists[0])
  const devices: AccountDevices = { lists: [first!, ...kept] }
  return {
    devices: areTooMany(devices.lists) ? withoutRemovals(devices) : devices,
    change: isKept ? 'forked' : 'none',
  }
}

function withoutRemovals({ lists: [first, ...others] }: AccountDevices): AccountDevices {
  const bare = ({ list }: ListState): ListState => ({ list, removals: [] })
  return { lists: [bare(first), ...others.map(bare)] }
}

function withRemovals(
  known: AccountDevices,
  same: ListState,
  removals: readonly DeviceRemoval[],
): { devices: AccountDevices; change: ListChange } {
  if (areTooMany(known.lists)) return { devices: known, change: 'none' }
  const merged = onePerPair(same.list, [...same.removals, ...removals])
  const change = merged.length === same.removals.length ? 'none' : 'removals'
  return { devices: withState(known, same, { list: same.list, removals: merged }), change }
}

function withState({ lists }: AccountDevices, before: ListState, after: ListState): AccountDevices {
  const [first, ...others] = lists.map(each => (each === before ? after : each))
  return { lists: [first!, ...others] }
}

/**
 * Takes in a removal where its pair of signer and device has none yet, as a group does, in which all see the same first.
 * undefined: it changes nothing, or is of no list that is known. Nothing that was taken in before is looked at again.
 */
export function withFirstOfPair(known: AccountDevices, removal: DeviceRemoval): AccountDevices | undefined {
  const of = known.lists.find(({ list }) => equalBytes(list.hash, removal.list))
  if (!of || areTooMany(known.lists) || placesOf(removal, of.list) === undefined) return undefined
  const place = placeIn(of.removals, each => comparePairs(each, removal) < 0)
  const there = of.removals[place]
  if (there && comparePairs(there, removal) === 0) return undefined
  return withState(known, of, { list: of.list, removals: of.removals.toSpliced(place, 0, removal) })
}

const comparePairs = (one: DeviceRemoval, other: DeviceRemoval): number =>
  compareBytes(one.signerKey, other.signerKey) || compareBytes(one.deviceKey, other.deviceKey)

/**
 * The removals that could count for the list, one for each pair of signer and device, in the order of the pairs: at
 * most MAX_PAIRS. Of two of a pair the one whose bytes come first stays, whichever came first.
 */
function onePerPair(list: DeviceList, removals: readonly DeviceRemoval[]): DeviceRemoval[] {
  const pairs = new Map<string, DeviceRemoval>()
  for (const removal of removals) {
    if (placesOf(removal, list) === undefined) continue
    const pair = keyText(removal.signerKey) + keyText(removal.deviceKey)
    const other = pairs.get(pair)
    if (other === undefined || compareBytes(removal.encoded, other.encoded) < 0) pairs.set(pair, removal)
  }
  return [...pairs.values()].sort(comparePairs)
}

function placesOf(removal: DeviceRemoval, list: DeviceList): RemovalPlaces | undefined {
  try {
    return checkRemoval(removal, list)
  } catch (error) {
    if (error instanceof IdentityError) return undefined
    throw error
  }
}
