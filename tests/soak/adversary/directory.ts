// Key packages that are none and device lists that fork: the directory keeps what it is given, or refuses it.

import { changedBytes } from '../../fuzz/mutation.js'
import { makeDevice, makeList, random } from '../../support/contract-device.js'
import { type Act, Hole, repeated, type Scene } from './act.js'
import type { ExchangeInit } from './program.js'

const PACKAGES = 5
/** More than an account may have. */
const DEVICES = 40

/** Whoever claims meanwhile gets these; then they are right again. */
const published = (name: string, make: (scene: Scene) => Promise<Uint8Array>): Act => ({
  name,
  async run(scene) {
    const keyPackages = await Promise.all(repeated(PACKAGES, () => make(scene)))
    await scene.by.exchange({ keyPackages, lastResortKeyPackage: await make(scene) })
    await scene.by.publish()
  },
})

const listed = (name: string, make: (scene: Scene) => ExchangeInit): Act => ({
  name,
  async run(scene) {
    if (await scene.by.exchange(make(scene))) throw new Hole(`the server took a device list: ${name}`)
  },
})

const serverOf = ({ by }: Scene) => ({ serverId: by.server.serverId })

export const DIRECTORY: readonly Act[] = [
  published('garbage-key-packages', async () => random(400)),
  published('changed-key-packages', async ({ by, chance }) =>
    changedBytes(chance, (await by.keyPackage()).publicPackage).subarray(0, 8_000),
  ),
  published('key-packages-of-another', async ({ by, others, chance }) => {
    const other = chance.pick(others) ?? by
    return (await other.keyPackage()).publicPackage
  }),
  published('key-packages-in-anothers-name', async ({ by, honest, chance }) => {
    const device = makeDevice({ handle: chance.pick(honest)!, account: by.device.account })
    return (await by.keyPackage({ device: { ...device, key: by.device.key } })).publicPackage
  }),
  listed('signed-by-another', scene => ({
    deviceList: makeList(makeDevice({ handle: scene.by.handle }), {
      ...serverOf(scene),
      devices: [scene.by.device],
    }),
  })),
  listed('without-the-device', scene => ({
    deviceList: makeList(makeDevice({ handle: scene.by.handle, account: scene.by.device.account }), {
      ...serverOf(scene),
      devices: [makeDevice()],
    }),
  })),
  listed('with-too-many', scene => ({
    deviceList: makeList(scene.by.device, {
      ...serverOf(scene),
      devices: [scene.by.device, ...repeated(DEVICES, () => makeDevice())],
    }),
  })),
  listed('under-the-handle-of-another', scene => ({
    deviceList: makeList(scene.by.device, { ...serverOf(scene), handle: scene.honest[0]! }),
  })),
]

/** Two lists with one number: the first that came holds. */
export const FORK: Act = {
  name: 'forked-list',
  async run(scene) {
    const { by } = scene
    const number = Math.floor(Date.now() / 1_000)
    const options = { ...serverOf(scene), number, devices: [by.device] }
    await by.exchange({ deviceList: makeList(by.device, options) })
    const other = makeList(by.device, { ...options, devices: [by.device, makeDevice()] })
    if (await by.exchange({ deviceList: other })) throw new Hole('the server took two lists of one number')
  },
}
