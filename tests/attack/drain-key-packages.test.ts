// Somebody with an account wants to use up all one-time key packages of somebody else, so that whoever writes to them
// next gets a key that others were given too.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { ClaimOutcome } from '../../gen/parley/v1/key_exchange_pb.js'
import { MESSAGE_BYTES } from '../../services/protocol/sizes.js'
import { GUARD_LIMITS } from '../../services/server/guard/guard-limits.js'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import { connectTo, exchanged, type TestClient } from '../support/contract-client.js'
import { makeDevice, random, type TestDevice } from '../support/contract-device.js'
import { type ContractServer, ownServer } from '../support/contract-server.js'
import { RealTown } from '../support/real-town.js'

const STOCK = 60
const CLAIMS_PER_CALL = 256
/** About the largest key package that a server takes. */
const LARGE = 8_000

let server: ContractServer
let client: TestClient
let victim: TestDevice
let attacker: TestDevice

async function publish(device: TestDevice, bytes: number): Promise<void> {
  const keyPackages = Array.from({ length: STOCK }, () => random(bytes))
  await client.keyExchange(device, { keyPackages, lastResortKeyPackage: random(bytes) })
}

async function claim(device: TestDevice, handles: string[]): Promise<ClaimOutcome[]> {
  return exchanged(await client.keyExchange(device, { claimHandles: handles })).claims
}

const left = async (device: TestDevice) => exchanged(await client.keyExchange(device)).keyPackagesLeft
const claimedOf = (outcomes: ClaimOutcome[]) =>
  outcomes.flatMap(({ outcome }) => (outcome.case === 'devices' ? outcome.value.devices : []))

beforeEach(async () => {
  server = await ownServer({ guard: {} })
  client = connectTo(server)
  victim = await client.register()
  attacker = await client.register()
  await publish(victim, 100)
})

afterEach(async () => {
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

test('one call that names one handle 256 times gets a few, and else the one of last resort', async () => {
  const stream = await client.open(victim)
  const claims = await claim(
    attacker,
    Array.from({ length: CLAIMS_PER_CALL }, () => victim.handle),
  )
  const packages = claimedOf(claims)
  expect(packages).toHaveLength(CLAIMS_PER_CALL)
  expect(packages.filter(({ lastResort }) => !lastResort)).toHaveLength(GUARD_LIMITS.claimsOfOnePerHour)
  expect(await left(victim)).toBe(STOCK - GUARD_LIMITS.claimsOfOnePerHour)
  // The owner is told at once, and the operator.
  await stream.until(() =>
    stream.frames.some(
      frame =>
        frame.case === 'keyPackagesLeft' && frame.value.left === STOCK - GUARD_LIMITS.claimsOfOnePerHour,
    ),
  )
  expect(server.warnings).toMatchObject([
    { kind: 'claims-of-one', account: expect.stringMatching(/^SHA256:/) },
  ])
  stream.end()
})

test('neither do many calls, nor several devices of the attacker', async () => {
  const second = makeDevice({ handle: attacker.handle, account: attacker.account })
  await client.keyExchange(second, { deviceList: client.list(second) })
  for (const device of [attacker, second, attacker, second])
    await claim(
      device,
      Array.from({ length: 30 }, () => victim.handle),
    )
  expect(await left(victim)).toBe(STOCK - GUARD_LIMITS.claimsOfOnePerHour)
  // Somebody else still gets one that nobody else has.
  const other = await client.register()
  expect(claimedOf(await claim(other, [victim.handle]))).toMatchObject([{ lastResort: false }])
})

test('an answer that would be too large takes none that it does not carry', async () => {
  const people = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const first = await client.register()
      const others = Array.from({ length: 15 }, () => makeDevice(first))
      for (const device of others) await client.keyExchange(device, { deviceList: client.list(device) })
      for (const device of [first, ...others]) await publish(device, LARGE)
      return [first, ...others]
    }),
  )
  const handles = Array.from({ length: 80 }, (_, index) => people[index % people.length]![0]!.handle)
  const claims = await claim(attacker, handles)
  const later = claims.filter(({ outcome }) => outcome.case === 'later').length
  expect(later).toBeGreaterThan(0)
  expect(claims.findIndex(({ outcome }) => outcome.case === 'later')).toBe(claims.length - later)
  const carried = claimedOf(claims)
  expect(carried.reduce((sum, each) => sum + each.keyPackage.length, 0)).toBeLessThan(MESSAGE_BYTES)
  const taken = await Promise.all(people.flat().map(async device => STOCK - (await left(device))))
  expect(taken.reduce((sum, each) => sum + each, 0)).toBe(carried.filter(each => !each.lastResort).length)
}, 120_000)

test('a device of ours fills up what others have taken, without a new line', async () => {
  const town = await RealTown.build()
  const store = await openSqliteStore({ folder: town.folder('server') })
  const { publish } = store.keyPackages
  let published = 0
  const refilled = Promise.withResolvers<void>()
  store.keyPackages.publish = async (id, packages) => {
    await publish.call(store.keyPackages, id, packages)
    published += 1
    if (published > 1) refilled.resolve()
  }
  const relay = await town.server({ store })
  const alice = await town.join('alice', relay)
  await alice.line('up')
  const { port, certificate, fingerprint, serverId } = relay
  const own = connectTo({
    ...{ host: '127.0.0.1', port, certificate, fingerprint, serverId, defects: [], warnings: [] },
    stop: async () => undefined,
  })
  const strangers = await Promise.all(Array.from({ length: 3 }, () => own.register()))
  const claimOne = async (device: TestDevice) =>
    claimedOf(exchanged(await own.keyExchange(device, { claimHandles: ['alice'] })).claims)
  // More than the whole stock of 50, which is filled up when fewer than half of it are left: before the third comes.
  const seen = new Set<string>()
  for (const device of strangers) {
    if (seen.size === 2 * GUARD_LIMITS.claimsOfOnePerHour) await refilled.promise
    for (let time = 0; time < GUARD_LIMITS.claimsOfOnePerHour; time += 1)
      for (const { keyPackage, lastResort } of await claimOne(device)) {
        expect(lastResort).toBe(false)
        seen.add(Buffer.from(keyPackage).toString('hex'))
      }
  }
  expect(seen.size).toBe(3 * GUARD_LIMITS.claimsOfOnePerHour)
  own.close()
  await town.leave()
})
