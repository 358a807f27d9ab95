// Key packages that are none and device lists that fork: the directory keeps what it is given, or refuses it.

import { changedBytes } from '../../fuzz/mutation.js'
import { makeDevice, makeList, random } from '../../support/contract-device.js'
import { type Act, Hole, repeated, type Scene } from './act.js'

const PACKAGES = 5
/** More than an account may have. */
const DEVICES = 40

/** The server hands these out for a while; then they are right again. */
const published = (name: string, make: (scene: Scene) => Promise<Uint8Array>): Act => ({
  name,
  async run(scene) {
    const keyPackages = await Promise.all(repeated(PACKAGES, () => make(scene)))
    await scene.by.exchange({ keyPackages, lastResortKeyPackage: await make(scene) })
    await scene.by.publish()
  },
})

/** A list that the directory must not show to anybody. */
const listed = (name: string, make: (scene: Scene) => Uint8Array): Act => ({
  name,
  run: scene => offer(scene, name, make(scene)),
})

async function offer({ by, honest }: Scene, name: string, deviceList: Uint8Array): Promise<void> {
  await by.exchange({ deviceList })
  const { lookups = [] } = (await by.exchange({ lookupHandles: [by.handle, ...honest] })) ?? {}
  const shown = lookups.flatMap(({ outcome }) =>
    outcome.case === 'devices' ? [outcome.value.deviceList] : [],
  )
  if (shown.some(list => Buffer.compare(list, deviceList) === 0))
    throw new Hole(`the server shows a device list: ${name}`)
}

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
  listed('signed-by-another', scene =>
    makeList(makeDevice({ handle: scene.by.handle }), { ...serverOf(scene), devices: [scene.by.device] }),
  ),
  listed('with-too-many', scene =>
    makeList(scene.by.device, {
      ...serverOf(scene),
      devices: [scene.by.device, ...repeated(DEVICES, () => makeDevice())],
    }),
  ),
  listed('under-the-handle-of-another', scene =>
    makeList(scene.by.device, { ...serverOf(scene), handle: scene.honest[0]! }),
  ),
]

/** Two lists with one number: the first that came is shown. */
export const FORK: Act = {
  name: 'forked-list',
  async run(scene) {
    const { by } = scene
    const number = Math.floor(Date.now() / 1_000)
    const options = { ...serverOf(scene), number, devices: [by.device] }
    by.list = makeList(by.device, options)
    await by.publish()
    await offer(scene, 'forked-list', makeList(by.device, { ...options, devices: [by.device, makeDevice()] }))
  },
}
