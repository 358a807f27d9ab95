import { describe, expect, test } from '@jest/globals'
import { CIPHER_SUITE } from '../../services/protocol/sizes.js'
import { LAST_RESORTS_PER_DEVICE } from '../../services/server/store/account-rules.js'
import type { Store } from '../../services/server/store/store.js'
import type { OpenStore } from './store-suite.js'
import { accountOf, bring, bytesOf, come, listOf, OPEN, recordOf, register } from './store-world.js'

const packages = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => bytesOf(`${prefix} ${index}`, 100))

const nobody = bytesOf('nobody')
const [SUITE, OTHER_SUITE] = [CIPHER_SUITE, 1]
/** Seconds since 1970. */
const now = () => Math.trunc(Date.now() / 1000)

const lookedUp = (store: Store, handle: string) =>
  store.directory.devices(handle).then(devices => devices?.map(({ deviceId }) => deviceId))

function claimed(store: Store, handle: string): Promise<(Uint8Array | undefined)[] | undefined> {
  return store.keyPackages
    .claim(handle, { suite: SUITE, except: nobody })
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

  describe('the key of its directory', () => {
    test('has 32 bytes, another in every store, and stays through a restart', async () => {
      const [one, other] = [await open(), await open()]
      expect(one.store.directoryKey).toHaveLength(32)
      expect(other.store.directoryKey).not.toEqual(one.store.directoryKey)
      const drawn = Uint8Array.from(one.store.directoryKey)
      expect((await one.reopen()).directoryKey).toEqual(drawn)
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

    test('an account is found by its key, and has one handle', async () => {
      const { store } = await open()
      await register(store, 'alice')
      const { accountKey } = accountOf('alice')
      expect(await store.directory.accountOf(accountKey)).toEqual(await store.directory.account('alice'))
      expect(await store.directory.accountOf(new Uint8Array(32))).toBeUndefined()
      const list = listOf('second', { devices: ['second'], account: 'alice' })
      expect(await store.directory.change(bring('second', list), OPEN)).toMatchObject({
        outcome: 'handle-taken',
      })
      expect(await store.directory.accountOf(accountKey)).toMatchObject({ handle: 'alice' })
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
      expect(await store.keyPackages.claim('bob', { suite: SUITE, except: nobody })).toBeUndefined()
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
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime, lastResort })
      const claims = await Promise.all(
        Array.from({ length: 40 }, () => store.keyPackages.claim('alice', { suite: SUITE, except: nobody })),
      )
      const devices = claims.flatMap(devices => devices ?? [])
      const first = devices.filter(device => !device.lastResort).map(device => device.keyPackage)
      expect(new Set(first.map(String))).toEqual(new Set(oneTime.map(String)))
      expect(first).toHaveLength(30)
      const rest = devices.filter(device => device.lastResort).map(device => device.keyPackage)
      expect(rest).toEqual(Array.from({ length: 10 }, () => lastResort))
      expect(await store.keyPackages.count(alice.id, SUITE)).toEqual({ left: 0, hasLastResort: true })
    })

    test('one that was published before is left out, even when it was claimed since', async () => {
      const { store, reopen } = await open()
      const alice = await register(store, 'alice')
      const oneTime = packages('one-time', 2)
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime })
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime })
      expect((await store.keyPackages.count(alice.id, SUITE)).left).toBe(2)
      expect(await claimed(store, 'alice')).toEqual([oneTime[0]])
      const again = await reopen()
      await again.keyPackages.publish(alice.id, { suite: SUITE, oneTime })
      expect((await again.keyPackages.count(alice.id, SUITE)).left).toBe(1)
      expect(await claimed(again, 'alice')).toEqual([oneTime[1]])
      expect(await claimed(again, 'alice')).toEqual([undefined])
    })

    test('those over the limit are left out and may come later', async () => {
      const { store } = await open({ keyPackagesPerDevice: 3 })
      const alice = await register(store, 'alice')
      const oneTime = packages('one-time', 5)
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime })
      expect((await store.keyPackages.count(alice.id, SUITE)).left).toBe(3)
      await claimed(store, 'alice')
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime })
      expect((await store.keyPackages.count(alice.id, SUITE)).left).toBe(3)
    })

    test('a claim names every device of the handle but the one left out', async () => {
      const { store } = await open()
      const phone = await register(store, 'phone', 'alice')
      const laptop = await register(store, 'laptop', 'alice')
      expect(await store.keyPackages.claim('nobody', { suite: SUITE, except: nobody })).toBeUndefined()
      expect(await store.keyPackages.claim('alice', { suite: SUITE, except: phone.id })).toMatchObject([
        { keyPackage: undefined, lastResort: false },
      ])
      expect(await store.keyPackages.claim('alice', { suite: SUITE, except: laptop.id })).toHaveLength(1)
      expect(await store.keyPackages.claim('alice', { suite: SUITE, except: nobody })).toHaveLength(2)
    })

    test('one-time ones that are old go, and do not come back when they are published again', async () => {
      const { store } = await open()
      const alice = await register(store, 'alice')
      const oneTime = packages('one-time', 60)
      const lastResort = bytesOf('last resort', 100)
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime, lastResort })
      expect(await store.keyPackages.expire(Date.now() - 60_000)).toBe(0)
      expect(await store.keyPackages.count(alice.id, SUITE)).toEqual({ left: 60, hasLastResort: true })
      expect(await store.keyPackages.expire(Date.now() + 1)).toBe(60)
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime })
      expect(await store.keyPackages.count(alice.id, SUITE)).toEqual({ left: 0, hasLastResort: true })
      expect(await claimed(store, 'alice')).toEqual([lastResort])
    })

    test('a publication that replaces lets the others go, and not those that come again', async () => {
      const { store, reopen } = await open()
      const alice = await register(store, 'alice')
      const [old, both, fresh] = packages('one-time', 3)
      const lastResort = bytesOf('last resort', 100)
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime: [old!, both!], lastResort })
      const newLastResort = bytesOf('new last resort', 100)
      const replacing = { suite: SUITE, oneTime: [both!, fresh!], lastResort: newLastResort, replaces: true }
      for (let times = 0; times < 2; times++) await store.keyPackages.publish(alice.id, replacing)
      const again = await reopen()
      expect(await again.keyPackages.count(alice.id, SUITE)).toEqual({ left: 2, hasLastResort: true })
      await again.keyPackages.publish(alice.id, { suite: SUITE, oneTime: [old!] })
      expect(await claimed(again, 'alice')).toEqual([both])
      expect(await claimed(again, 'alice')).toEqual([fresh])
      expect(await claimed(again, 'alice')).toEqual([newLastResort])
      await again.keyPackages.publish(alice.id, { suite: SUITE, oneTime: [], replaces: true })
      expect(await again.keyPackages.count(alice.id, SUITE)).toEqual({ left: 0, hasLastResort: false })
      expect(await claimed(again, 'alice')).toEqual([undefined])
    })

    test('a publication that replaces has the room of those that go', async () => {
      const { store } = await open({ keyPackagesPerDevice: 3 })
      const alice = await register(store, 'alice')
      const [first, second] = [packages('first', 3), packages('second', 4)]
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime: first })
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime: second, replaces: true })
      expect(await store.keyPackages.count(alice.id, SUITE)).toEqual({ left: 3, hasLastResort: false })
      expect(await claimed(store, 'alice')).toEqual([second[0]])
    })

    test('are handed out for the suite that they were published for, and counted so', async () => {
      const { store, reopen } = await open()
      const alice = await register(store, 'alice')
      const [ours, theirs] = [packages('ours', 2), packages('theirs', 1)]
      const lastResort = bytesOf('their last resort', 100)
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime: ours })
      await store.keyPackages.publish(alice.id, { suite: OTHER_SUITE, oneTime: theirs, lastResort })
      const again = await reopen()
      const count = (suite: number) => again.keyPackages.count(alice.id, suite)
      const claim = async (suite: number) =>
        (await again.keyPackages.claim('alice', { suite, except: nobody }))![0]
      expect(await count(SUITE)).toEqual({ left: 2, hasLastResort: false })
      expect(await count(OTHER_SUITE)).toEqual({ left: 1, hasLastResort: true })
      expect(await count(2)).toEqual({ left: 0, hasLastResort: false })
      expect(await claim(2)).toEqual({ deviceId: alice.id, keyPackage: undefined, lastResort: false })
      expect(await claim(OTHER_SUITE)).toMatchObject({ keyPackage: theirs[0], left: 0 })
      expect(await claim(OTHER_SUITE)).toMatchObject({ keyPackage: lastResort, lastResort: true })
      await again.keyPackages.publish(alice.id, { suite: OTHER_SUITE, oneTime: [], replaces: true })
      expect(await claim(OTHER_SUITE)).toMatchObject({ keyPackage: undefined, lastResort: false })
      expect(await claim(SUITE)).toMatchObject({ keyPackage: ours[0], left: 1 })
      expect(await count(SUITE)).toEqual({ left: 1, hasLastResort: false })
    })

    test('are limited for all suites together, and so are those of last resort', async () => {
      const { store } = await open({ keyPackagesPerDevice: 3 })
      const alice = await register(store, 'alice')
      const [ours, theirs] = [packages('ours', 2), packages('theirs', 2)]
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime: ours })
      await store.keyPackages.publish(alice.id, { suite: OTHER_SUITE, oneTime: theirs })
      expect(await store.keyPackages.count(alice.id, OTHER_SUITE)).toEqual({ left: 1, hasLastResort: false })
      const suites = Array.from({ length: LAST_RESORTS_PER_DEVICE + 1 }, (_, index) => index + 1)
      const lastResort = bytesOf('last resort', 100)
      const publish = (suite: number, more = {}) =>
        store.keyPackages.publish(alice.id, { suite, oneTime: [], lastResort, ...more })
      const kept = async () => {
        const counts = await Promise.all(suites.map(suite => store.keyPackages.count(alice.id, suite)))
        return suites.filter((_, index) => counts[index]!.hasLastResort)
      }
      for (const suite of suites) await publish(suite)
      expect(await kept()).toEqual(suites.slice(0, -1))
      await publish(1)
      await publish(1, { replaces: true })
      await store.keyPackages.publish(alice.id, { suite: 2, oneTime: [], replaces: true })
      await publish(suites.at(-1)!)
      expect(await kept()).toEqual(suites.filter(suite => suite !== 2))
    })

    test('a new last-resort one replaces the old one, and none leaves it', async () => {
      const { store } = await open()
      const alice = await register(store, 'alice')
      const [first, second] = packages('last resort', 2)
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime: [], lastResort: first! })
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime: [], lastResort: second! })
      await store.keyPackages.publish(alice.id, { suite: SUITE, oneTime: [] })
      expect(await claimed(store, 'alice')).toEqual([second])
    })
  })
}
