// The list of this account: signed with the key that the 24 words stand for, and the removals that this device signs.

import { IdentityError } from '../../protocol/error.js'
import { makeCertificate, parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import {
  type ListedDevice,
  makeDeviceList,
  nextListNumber,
  readDeviceList,
} from '../../protocol/identity/device-list.js'
import { makeDeviceRemoval, placeOf, readDeviceRemoval } from '../../protocol/identity/device-removal.js'
import { type ListState, returningWith } from '../../protocol/identity/devices-in-use.js'
import { type DeviceKey, includesKey, sameKey } from '../../protocol/keys.js'
import { Refusal } from '../codes/refusal.js'
import { crypto } from '../crypto.js'
import type { Clock } from '../ports.js'
import { at, type Transaction } from '../vault/records.js'
import { changeKeyState, keyState, keysOfSeed, type OwnAccount, saveAccount } from './account.js'
import type { AccountLists } from './account-lists.js'

interface ListParts {
  readonly account: OwnAccount
  readonly clock: Pick<Clock, 'now'>
  readonly lists: AccountLists
}

/** Which devices a new list is to name. */
export interface ListWish {
  /** Where this device stands among them: a device that is linked comes last, one that takes the account back first. */
  place: 'first' | 'last'
  /** Of the others that are in use, those that stay; all unless given. */
  keep?: readonly DeviceKey[]
}

/** Notes a list with this device, for the server to take in. Throws Refusal where the account's key is not at hand. */
export function signList(
  { account, clock, lists }: ListParts,
  tx: Transaction,
  { place, keep }: ListWish,
): void {
  const { accountSeed } = keyState(tx)
  if (accountSeed.length === 0) throw new Refusal({ code: 'no-words' })
  const serverId = tx.get('server', at(0n))?.serverId ?? new Uint8Array()
  const own = account.device.publicKey
  const known = lists.get(account.account.publicKey)
  const used = lists.inUse(account.account.publicKey) ?? []
  const now = clock.now()
  const others = used.filter(
    ({ deviceKey }) => !sameKey(deviceKey, own) && (keep === undefined || includesKey(keep, deviceKey)),
  )
  const self: ListedDevice = used.find(({ deviceKey }) => sameKey(deviceKey, own)) ?? {
    deviceKey: own,
    listedAt: now,
  }
  const newest = known?.lists[0].list
  const pendingList = makeDeviceList(crypto, keysOfSeed(accountSeed), {
    handle: account.handle,
    serverId,
    number: nextListNumber(newest?.number, now, { takesBack: place === 'first' }),
    previous: newest?.hash,
    issuedAt: now,
    devices: place === 'first' ? [self, ...others] : [...others, self],
  })
  changeKeyState(tx, { pendingList })
}

/** The list that waits for the server, verified. */
export function pendingState(tx: Transaction): ListState | undefined {
  const { pendingList } = keyState(tx)
  return pendingList.length > 0 ? { list: readDeviceList(crypto, pendingList), removals: [] } : undefined
}

/** The server's id is known: the certificate of this device names it from here on. The account's key has to be at hand. */
export function certify(account: OwnAccount, tx: Transaction, serverId: Uint8Array): void {
  const { accountSeed } = keyState(tx)
  const { device } = account
  const { issuedAt } = parseVerifiedCertificate(account.certificate)
  const certificate = makeCertificate(crypto, {
    ...{ account: keysOfSeed(accountSeed), deviceKey: device.publicKey, serverId, issuedAt },
  })
  const { createdAtMs = 0n } = tx.get('identity', at(0n)) ?? {}
  saveAccount(tx, { ...account, certificate }, Number(createdAtMs))
}

/**
 * Signs a removal of a device that stands behind this one, and of all who would come back into use by it. Returns the
 * state of the list with them. Throws Refusal for one that stands ahead.
 */
export function removeDevice({ account, clock, lists }: ListParts, deviceKey: DeviceKey): ListState {
  const [state, ...others] = lists.get(account.account.publicKey)?.lists ?? []
  if (!state || others.length > 0) throw new Refusal({ code: 'device-ahead' })
  const { list } = state
  if (placeOf(list, account.device.publicKey) > placeOf(list, deviceKey))
    throw new Refusal({ code: 'device-ahead' })
  const due = [deviceKey]
  let removals = state.removals
  for (let next = due.pop(); next; next = due.pop()) {
    const signed = removalOf({ account, clock }, { list, removals }, next)
    due.push(...returningWith({ list, removals }, signed).map(device => device.deviceKey))
    removals = [...removals, signed]
  }
  return { list, removals }
}

function removalOf(
  { account, clock }: Pick<ListParts, 'account' | 'clock'>,
  { list }: ListState,
  deviceKey: DeviceKey,
) {
  try {
    const bytes = makeDeviceRemoval(crypto, account.device, { list, deviceKey, removedAt: clock.now() })
    return readDeviceRemoval(crypto, bytes)
  } catch (error) {
    if (error instanceof IdentityError) throw new Refusal({ code: 'device-ahead' })
    throw error
  }
}
