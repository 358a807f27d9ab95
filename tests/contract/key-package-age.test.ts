import { expect } from '@jest/globals'
import { connectTo, exchanged } from '../support/contract-client.js'
import { random } from '../support/contract-device.js'
import { onOwnServer, openContractStore, ownServer } from '../support/contract-server.js'
import { onEveryStore } from '../support/contract-suite.js'
import { withFolder } from '../support/folder.js'

const DAY_MS = 24 * 3600 * 1000

const STOCK_DAYS = { old: 29, young: 27 }

onEveryStore('key packages', () => {
  onOwnServer('are deleted when nobody has claimed them for 28 days; younger ones are not', () =>
    withFolder(async folder => {
      let ageDays = STOCK_DAYS.old
      const store = await openContractStore({ folder, now: () => Date.now() - ageDays * DAY_MS })
      const server = await ownServer({ folder, store, retentionEveryMs: 20, keep: true })
      const own = connectTo(server)
      const device = await own.register()
      const [old, young] = [random(20), random(20)]
      const left = async (keyPackages: Uint8Array[] = []) =>
        exchanged(await own.keyExchange(device, { keyPackages })).keyPackagesLeft
      await left([old])
      ageDays = STOCK_DAYS.young
      await left([young])
      // Each call waits for the store, which deletes between them.
      while ((await left()) > 1);
      const caller = await own.register()
      const { claims } = exchanged(await own.keyExchange(caller, { claimHandles: [device.handle] }))
      const { outcome } = claims[0]!
      expect(outcome.case === 'devices' && outcome.value.devices[0]!.keyPackage).toEqual(young)
      expect(await left([old])).toBe(0)
      own.close()
      await server.stop()
      expect(server.defects).toEqual([])
    }),
  )
})
