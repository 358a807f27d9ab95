import { expect } from '@jest/globals'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import { connectTo, exchanged } from '../support/contract-client.js'
import { random } from '../support/contract-device.js'
import { onOwnServer, ownServer } from '../support/contract-server.js'
import { withFolder } from '../support/folder.js'

const DAY_MS = 24 * 3600 * 1000

const STOCK_DAYS = { old: 29, young: 27 }

onOwnServer('a one-time key package that nobody has claimed for 28 days is deleted, a younger one not', () =>
  withFolder(async folder => {
    let ageDays = STOCK_DAYS.old
    const store = await openSqliteStore({ folder, now: () => Date.now() - ageDays * DAY_MS })
    const server = await ownServer({ folder, store, retentionEveryMs: 20, keep: true })
    const client = connectTo(server)
    const device = await client.register()
    const [old, young] = [random(20), random(20)]
    const left = async (keyPackages: Uint8Array[] = []) =>
      exchanged(await client.keyExchange(device, { keyPackages })).keyPackagesLeft
    await left([old])
    ageDays = STOCK_DAYS.young
    await left([young])
    // Each call waits for the store, which deletes between them.
    while ((await left()) > 1);
    const caller = await client.register()
    const { claims } = exchanged(await client.keyExchange(caller, { claimHandles: [device.handle] }))
    const { outcome } = claims[0]!
    expect(outcome.case === 'devices' && outcome.value.devices[0]!.keyPackage).toEqual(young)
    expect(await left([old])).toBe(0)
    client.close()
    await server.stop()
    expect(server.defects).toEqual([])
  }),
)
