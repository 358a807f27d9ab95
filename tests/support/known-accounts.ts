// The accounts of a test with the keys that sign their device lists, and the newest list of each: it names all of its
// devices that the test has used so far.

import type { NewAccount, OwnAccount } from '../../services/endpoint/contacts/account.js'
import { toHex } from '../../services/protocol/bytes.js'
import { encodeLeafList } from '../../services/protocol/conversation/leaves.js'
import { makeCertificate, parseVerifiedCertificate } from '../../services/protocol/identity/certificate.js'
import {
  type DeviceList,
  makeDeviceList,
  readDeviceList,
} from '../../services/protocol/identity/device-list.js'
import { type AccountKeys, type DeviceKey, includesKey } from '../../services/protocol/keys.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'

const keys = new Map<string, AccountKeys>()
const lists = new Map<string, DeviceList>()

const hasKey = (account: OwnAccount['account']): account is NewAccount['account'] => 'privateKey' in account

/** A test has this account's private key. */
export function knowAccount({ account }: OwnAccount): void {
  if (hasKey(account)) keys.set(toHex(account.publicKey), account)
}

/** The account on this server. */
export const certifiedFor = (own: NewAccount, serverId: Uint8Array): NewAccount => ({
  ...own,
  certificate: makeCertificate(nodeCrypto, {
    ...{ account: own.account, deviceKey: own.device.publicKey, serverId },
  }),
})

/** The newest list of the account, with this device on it. */
export function listOf(own: OwnAccount): DeviceList {
  knowAccount(own)
  const { account, device, handle } = own
  const name = toHex(account.publicKey)
  const known = lists.get(name)
  const devices = known?.devices ?? []
  if (
    known &&
    includesKey(
      devices.map(({ deviceKey }) => deviceKey),
      device.publicKey,
    )
  )
    return known
  const listed = [...devices, { deviceKey: device.publicKey, listedAt: devices.length + 1 }]
  return signedList(own, handle, listed, (known?.number ?? 0) + 1)
}

/** From here on the account has these devices in use, the first one first. */
export function relist(own: OwnAccount, devices: readonly DeviceKey[]): DeviceList {
  const { number } = listOf(own)
  const listed = devices.map((deviceKey, at) => ({ deviceKey, listedAt: at + 1 }))
  return signedList(own, own.handle, listed, number + 1)
}

function signedList(
  { account, certificate }: OwnAccount,
  handle: string,
  devices: DeviceList['devices'],
  number: number,
): DeviceList {
  const name = toHex(account.publicKey)
  const pair = keys.get(name)
  if (!pair) throw new Error(`the test has not the key of ${handle}`)
  const list = readDeviceList(
    nodeCrypto,
    makeDeviceList(nodeCrypto, pair, {
      ...{
        handle,
        serverId: parseVerifiedCertificate(certificate).serverId,
        number,
        previous: undefined,
        issuedAt: 1,
        devices,
      },
    }),
  )
  lists.set(name, list)
  return list
}

/** A leaf of this device says this of itself. */
export const leafDataOf = (own: OwnAccount): Uint8Array => encodeLeafList(listOf(own))
