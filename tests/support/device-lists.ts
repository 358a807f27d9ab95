// Lists of the devices of accounts, as their keys sign them.

import type { NewAccount, OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { Shown } from '../../services/endpoint/contacts/account-lists.js'
import { NO_SERVER } from '../../services/protocol/identity/certificate.js'
import { makeDeviceList, readDeviceList } from '../../services/protocol/identity/device-list.js'
import { makeDeviceRemoval } from '../../services/protocol/identity/device-removal.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'

interface ListInit {
  number?: number
  serverId?: Uint8Array
  /** Each removes the other. */
  removals?: readonly (readonly [by: OwnAccount, of: OwnAccount])[]
}

/** A list of these devices, which are all of one account, in this order: `listed` a millisecond one after the other. */
export function shownList(devices: readonly NewAccount[], init: ListInit = {}): Shown {
  const { number = 1, serverId = NO_SERVER, removals = [] } = init
  const [{ account, handle }] = devices as [NewAccount]
  const deviceList = makeDeviceList(nodeCrypto, account, {
    ...{ handle, serverId, number, previous: undefined, issuedAt: 1 },
    devices: devices.map(({ device }, at) => ({ deviceKey: device.publicKey, listedAt: at + 1 })),
  })
  const list = readDeviceList(nodeCrypto, deviceList)
  return {
    deviceList,
    removals: removals.map(([by, of]) =>
      makeDeviceRemoval(nodeCrypto, by.device, { list, deviceKey: of.device.publicKey, removedAt: 5 }),
    ),
  }
}
