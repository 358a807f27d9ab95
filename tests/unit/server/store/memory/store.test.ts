import { describe, expect, test } from '@jest/globals'
import { openMemoryStore } from '../../../../../services/server/store/memory/store.js'
import { Tables } from '../../../../../services/server/store/memory/tables.js'
import { StorageFullError, type Store } from '../../../../../services/server/store/store.js'
import {
  application,
  bring,
  bytesOf,
  converse,
  gists,
  listOf,
  mustSend,
  OPEN,
  readAll,
  recordOf,
  register,
  remove,
  send,
  type TestDevice,
} from '../../../../support/store-world.js'

const TEXT = 'x'.repeat(20_000)

/** Sends until the store is full; returns how many were accepted. */
async function fill(store: Store, alice: TestDevice, id: Uint8Array): Promise<number> {
  for (let count = 0; ; count += 1) {
    const outcome = await send(store, alice, application(alice, id, { text: TEXT }))
    if (outcome.accepted) continue
    expect(outcome.reason).toMatchObject({ case: 'storageFull', value: { retryAfterMs: 5_000 } })
    return count
  }
}

describe('a memory store that is full', () => {
  test('says so, keeps all that it accepted, and goes on once there is room', async () => {
    const store = openMemoryStore({ maxBytes: 1024 * 1024 })
    const alice = await register(store, 'alice')
    const id = await converse(store, alice)
    const accepted = await fill(store, alice, id)
    expect(accepted).toBeGreaterThan(40)
    expect(await fill(store, alice, id)).toBe(0)
    const large = { suite: 83, oneTime: [bytesOf('large', 100_000)] }
    await expect(store.keyPackages.publish(alice.id, large)).rejects.toBeInstanceOf(StorageFullError)
    const bobs = bring('bob', listOf('bob', { devices: ['bob'] }))
    const huge = { ...bobs, list: { ...bobs.list!, encoded: bytesOf('huge', 200_000) } }
    await expect(store.directory.change(huge, OPEN)).rejects.toBeInstanceOf(StorageFullError)
    expect(await store.directory.devices('bob')).toBeUndefined()
    expect(await gists(store, alice)).toHaveLength(accepted + 1)
    expect(await store.log.expire(Date.now() + 60_000)).toBe(accepted + 1)
    expect(await fill(store, alice, id)).toBeGreaterThanOrEqual(accepted)
  })

  test('gets room from key packages that are claimed, that expire, and of devices that are revoked', async () => {
    const store = openMemoryStore({ maxBytes: 300_000 })
    const alice = await register(store, 'alice')
    const stock = (count: number) => ({
      suite: 83,
      oneTime: Array.from({ length: count }, (_, index) =>
        bytesOf(`${count} ${index} ${Math.random()}`, 100_000),
      ),
    })
    const giveBack = [
      () => store.keyPackages.claim('alice', { suite: 83, except: bytesOf('nobody') }),
      () => store.keyPackages.expire(Date.now() + 60_000),
      () => remove(store, 'alice', { handle: 'alice', removed: 'alice' }),
    ]
    await store.keyPackages.publish(alice.id, stock(2))
    for (const giveSome of giveBack) {
      await expect(store.keyPackages.publish(alice.id, stock(2))).rejects.toBeInstanceOf(StorageFullError)
      await giveSome()
      await store.keyPackages.publish(alice.id, stock(1))
    }
    const bob = await register(store, 'bob')
    await store.keyPackages.publish(bob.id, stock(2))
  })
})

describe('a memory store', () => {
  test('keeps nothing of the buffers that it is given', async () => {
    const store = openMemoryStore()
    const record = recordOf('alice')
    const given = {
      ...bring('alice', listOf('alice', { devices: ['alice'] })),
      caller: record.deviceId.slice(),
    }
    await store.directory.change(given, OPEN)
    const oneTime = bytesOf('one', 50)
    await store.keyPackages.publish(record.deviceId, {
      suite: 83,
      oneTime: [oneTime],
      lastResort: bytesOf('last', 50),
    })
    for (const buffer of [given.caller, oneTime]) buffer.fill(0)
    expect(await store.keyPackages.claim('alice', { suite: 83, except: bytesOf('nobody') })).toEqual([
      {
        deviceId: record.deviceId,
        keyPackage: bytesOf('one', 50),
        lastResort: false,
        left: 0,
      },
    ])
    expect((await store.directory.device(record.deviceId))?.deviceId).toEqual(record.deviceId)
  })

  test('opened on the data of another goes on where that one stopped, with numbers that only go up', async () => {
    const tables = new Tables()
    const first = openMemoryStore({ tables })
    const [alice, bob] = [await register(first, 'alice'), await register(first, 'bob')]
    const id = await converse(first, alice, bob)
    const { place } = await readAll(first, bob)
    await first.close()
    // Its clock is set back, too.
    const second = openMemoryStore({ tables, now: () => Date.now() - 86_400_000 })
    await mustSend(second, alice, application(alice, id, { text: 'later' }))
    expect(await gists(second, bob, place)).toEqual(['later'])
  })
})
