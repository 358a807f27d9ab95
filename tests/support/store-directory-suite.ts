import { describe, expect, test } from '@jest/globals'
import type { Store } from '../../services/server/store/store.js'
import type { OpenStore } from './store-suite.js'
import { accountOf, bring, bytesOf, come, listOf, OPEN, recordOf, register } from './store-world.js'

const packages = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => bytesOf(`${prefix} ${index}`, 100))

const nobody = bytesOf('nobody')
/** Seconds since 1970. */
const now = () => Math.trunc(Date.now() / 1000)

const lookedUp = (store: Store, handle: string) =>
  store.directory.devices(handle).then(devices => devices?.map(({ deviceId }) => deviceId))

function claimed(store: Store, handle: string): Promise<(Uint8Array | undefined)[] | undefined> {
  return store.keyPackages
    .claim(handle, { except: nobody })
    .then(devices => devices?.map(device => device.keyPackage))
}

export function directorySuite(open: OpenStore): void {
  describe("the server's id", () => {
    test('has 16 bytes, another in every store, and stays through a restart', async () => {
      const [one, other] = [await open(), await open()]
      expect(one.store.serverId).toHaveLength(16)
      expect(other.store.serverId).not.toEqual(one.store.serverId)
      const drawn = Uint8Array.from(one.store.serverId)
      expect((await one.reopen()).serverId).toEqual(drawn)
    })
  })

  describe('directory', () => {
    test('a device and its account are there after it registered, also after a restart', async () => {
      const { store, reopen } = await open()
      const list = listOf('alice', { devices: ['alice'] })
      const { id } = await register(store, 'alice')
      await store.directory.change(bring('alice', list), OPEN)
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect(await current.directory.device(id)).toEqual(recordOf('alice'))
        expect(await current.directory.account('alice')).toEqual({
          ...accountOf('alice'),
          deviceList: list.encoded,
          removals: [],
        })
        expect(await current.directory.account('nobody')).toBeUndefined()
      }
    })

    test('a handle belongs to one account key', async () => {
      const { store } = await open()
      await register(store, 'alice')
      const list = listOf('alice', { devices: ['m'], account: 'mallory', number: now() + 60 })
      expect(await store.directory.change(bring('m', list), OPEN)).toMatchObject({
        outcome: 'handle-taken',
        isChanged: false,
      })
      expect(await store.directory.device(recordOf('m').deviceId)).toBeUndefined()
    })

    test('the same list again changes nothing, and devices of an account are limited', async () => {
      const { store } = await open({ devicesPerAccount: 2 })
      await register(store, 'phone', 'alice')
      await register(store, 'laptop', 'alice')
      const { deviceList } = (await store.directory.account('alice'))!
      expect(await come(store, 'phone', { handle: 'alice' })).toMatchObject({
        outcome: 'known',
        isChanged: false,
      })
      expect(await come(store, 'third', { handle: 'alice' })).toMatchObject({
        outcome: 'too-many-devices',
        account: { deviceList },
      })
      expect(await lookedUp(store, 'alice')).toEqual([
        recordOf('phone', 'alice').deviceId,
        recordOf('laptop', 'alice').deviceId,
      ])
    })

    test('a list that is not newer is not taken, one with the next number or of today is', async () => {
      const { store } = await open()
      const first = listOf('alice', { devices: ['phone'], number: 5 })
      expect(await store.directory.change(bring('phone', first), OPEN)).toMatchObject({
        outcome: 'registered',
      })
      for (const number of [4, 5]) {
        const other = listOf('alice', { devices: ['laptop', 'phone'], number })
        const refused = await store.directory.change(bring('laptop', other), OPEN)
        expect(refused).toMatchObject({ outcome: 'list-not-newer', account: { deviceList: first.encoded } })
        const ignored = await store.directory.change(bring('phone', other), OPEN)
        expect(ignored).toMatchObject({ outcome: 'known', isChanged: false })
      }
      const far = listOf('alice', { devices: ['laptop'], number: now() + 3 * 86_400 })
      expect(await store.directory.change(bring('laptop', far), OPEN)).toMatchObject({
        outcome: 'list-not-timely',
      })
      for (const number of [6, now() + 3600]) {
        const next = listOf('alice', { devices: ['laptop', 'phone'], number })
        const { outcome } = await store.directory.change(bring('laptop', next), OPEN)
        expect(outcome).toBe(number === 6 ? 'added' : 'known')
      }
    })

    test('a registered device keeps its handle', async () => {
      const { store } = await open()
      const { id } = await register(store, 'alice')
      const list = listOf('bob', { devices: ['alice', 'bob'] })
      expect((await store.directory.change(bring('alice', list), OPEN)).outcome).toBe('handle-taken')
      expect((await store.directory.device(id))?.handle).toBe('alice')
      expect(await store.keyPackages.claim('bob', { except: nobody })).toBeUndefined()
    })

    test('one of many who register the same handle at once gets it', async () => {
      const { store } = await open()
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.directory.change(
            bring(`device ${index}`, listOf('alice', { devices: [`device ${index}`], account: `a${index}` })),
            OPEN,
          ),
        ),
      )
      expect(outcomes.filter(({ outcome }) => outcome === 'registered')).toHaveLength(1)
    })

    test('a nonce is spent once for each device, also after a restart and at once', async () => {
      const { store, reopen } = await open()
      const until = Date.now() + 60_000
      const spend = (on: Store, device: string) =>
        on.directory.spendNonce(bytesOf(device), bytesOf('nonce', 16), until)
      const outcomes = await Promise.all([spend(store, 'a'), spend(store, 'a'), spend(store, 'b')])
      expect(outcomes).toEqual([true, false, true])
      expect(await spend(await reopen(), 'a')).toBe(false)
    })
  })

  describe('key packages', () => {
    test('each one-time one is handed out once to concurrent claims, then the last-resort one', async () => {
      const { store } = await open()
      const alice = await register(store, 'alice')
      const oneTime = packages('one-time', 30)
      const lastResort = bytesOf('last resort', 100)
      await store.keyPackages.publish(alice.id, { oneTime, lastResort })
      const claims = await Promise.all(
        Array.from({ length: 40 }, () => store.keyPackages.claim('alice', { except: nobody })),
      )
      const devices = claims.flatMap(devices => devices ?? [])
      const first = devices.filter(device => !device.lastResort).map(device => device.keyPackage)
      expect(new Set(first.map(String))).toEqual(new Set(oneTime.map(String)))
      expect(first).toHaveLength(30)
      const rest = devices.filter(device => device.lastResort).map(device => device.keyPackage)
      expect(rest).toEqual(Array.from({ length: 10 }, () => lastResort))
      expect(await store.keyPackages.count(alice.id)).toEqual({ left: 0, hasLastResort: true })
    })

    test('one that was published before is left out, even when it was claimed since', async () => {
      const { store, reopen } = await open()
      const alice = await register(store, 'alice')
      const oneTime = packages('one-time', 2)
      await store.keyPackages.publish(alice.id, { oneTime })
      await store.keyPackages.publish(alice.id, { oneTime })
      expect((await store.keyPackages.count(alice.id)).left).toBe(2)
      expect(await claimed(store, 'alice')).toEqual([oneTime[0]])
      const again = await reopen()
      await again.keyPackages.publish(alice.id, { oneTime })
      expect((await again.keyPackages.count(alice.id)).left).toBe(1)
      expect(await claimed(again, 'alice')).toEqual([oneTime[1]])
      expect(await claimed(again, 'alice')).toEqual([undefined])
    })

    test('those over the limit are left out and may come later', async () => {
      const { store } = await open({ keyPackagesPerDevice: 3 })
      const alice = await register(store, 'alice')
      const oneTime = packages('one-time', 5)
      await store.keyPackages.publish(alice.id, { oneTime })
      expect((await store.keyPackages.count(alice.id)).left).toBe(3)
      await claimed(store, 'alice')
      await store.keyPackages.publish(alice.id, { oneTime })
      expect((await store.keyPackages.count(alice.id)).left).toBe(3)
    })

    test('a claim names every device of the handle but the one left out', async () => {
      const { store } = await open()
      const phone = await register(store, 'phone', 'alice')
      const laptop = await register(store, 'laptop', 'alice')
      expect(await store.keyPackages.claim('nobody', { except: nobody })).toBeUndefined()
      expect(await store.keyPackages.claim('alice', { except: phone.id })).toMatchObject([
        { keyPackage: undefined, lastResort: false },
      ])
      expect(await store.keyPackages.claim('alice', { except: laptop.id })).toHaveLength(1)
      expect(await store.keyPackages.claim('alice', { except: nobody })).toHaveLength(2)
    })

    test('one-time ones that are old go, and do not come back when they are published again', async () => {
      const { store } = await open()
      const alice = await register(store, 'alice')
      const oneTime = packages('one-time', 60)
      const lastResort = bytesOf('last resort', 100)
      await store.keyPackages.publish(alice.id, { oneTime, lastResort })
      expect(await store.keyPackages.expire(Date.now() - 60_000)).toBe(0)
      expect(await store.keyPackages.count(alice.id)).toEqual({ left: 60, hasLastResort: true })
      expect(await store.keyPackages.expire(Date.now() + 1)).toBe(60)
      await store.keyPackages.publish(alice.id, { oneTime })
      expect(await store.keyPackages.count(alice.id)).toEqual({ left: 0, hasLastResort: true })
      expect(await claimed(store, 'alice')).toEqual([lastResort])
    })

    test('a publication that replaces lets the others go, and not those that come again', async () => {
      const { store, reopen } = await open()
      const alice = await register(store, 'alice')
      const [old, both, fresh] = packages('one-time', 3)
      const lastResort = bytesOf('last resort', 100)
      await store.keyPackages.publish(alice.id, { oneTime: [old!, both!], lastResort })
      for (let times = 0; times < 2; times++)
        await store.keyPackages.publish(alice.id, { oneTime: [both!, fresh!], replaces: true })
      const again = await reopen()
      expect(await again.keyPackages.count(alice.id)).toEqual({ left: 2, hasLastResort: true })
      await again.keyPackages.publish(alice.id, { oneTime: [old!] })
      expect(await claimed(again, 'alice')).toEqual([both])
      expect(await claimed(again, 'alice')).toEqual([fresh])
      expect(await claimed(again, 'alice')).toEqual([lastResort])
      await again.keyPackages.publish(alice.id, { oneTime: [], replaces: true })
      expect(await again.keyPackages.count(alice.id)).toEqual({ left: 0, hasLastResort: true })
    })

    test('a publication that replaces has the room of those that go', async () => {
      const { store } = await open({ keyPackagesPerDevice: 3 })
      const alice = await register(store, 'alice')
      const [first, second] = [packages('first', 3), packages('second', 4)]
      await store.keyPackages.publish(alice.id, { oneTime: first })
      await store.keyPackages.publish(alice.id, { oneTime: second, replaces: true })
      expect(await store.keyPackages.count(alice.id)).toEqual({ left: 3, hasLastResort: false })
      expect(await claimed(store, 'alice')).toEqual([second[0]])
    })

    test('a new last-resort one replaces the old one, and none leaves it', async () => {
      const { store } = await open()
      const alice = await register(store, 'alice')
      const [first, second] = packages('last resort', 2)
      await store.keyPackages.publish(alice.id, { oneTime: [], lastResort: first! })
      await store.keyPackages.publish(alice.id, { oneTime: [], lastResort: second! })
      await store.keyPackages.publish(alice.id, { oneTime: [] })
      expect(await claimed(store, 'alice')).toEqual([second])
    })
  })
}
