import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { openSqliteStore } from '../../../../../services/server/store/sqlite/store.js'
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
  register,
  send,
  type TestDevice,
} from '../../../../support/store-world.js'

const MAX_BYTES = 1024 * 1024
const TEXT = 'x'.repeat(20_000)

let folder: string
let store: Store
let alice: TestDevice
let id: Uint8Array

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-full-'))
  store = await openSqliteStore({ folder, maxBytes: MAX_BYTES })
  alice = await register(store, 'alice')
  id = await converse(store, alice)
})

afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

/** Sends until the store is full; returns how many were accepted. */
async function fill(): Promise<number> {
  for (let count = 0; ; count += 1) {
    const outcome = await send(store, alice, application(alice, id, { text: TEXT }))
    if (outcome.accepted) continue
    expect(outcome.reason).toMatchObject({ case: 'storageFull', value: { retryAfterMs: 5_000 } })
    return count
  }
}

describe('a full store', () => {
  test('says so, keeps all that it accepted, and goes on once there is room', async () => {
    const accepted = await fill()
    expect(accepted).toBeGreaterThan(10)
    expect(await fill()).toBe(0)
    expect(await gists(store, alice)).toHaveLength(accepted + 1)
    const bobs = bring('bob', listOf('bob', { devices: ['bob'] }))
    const huge = { ...bobs, list: { ...bobs.list!, encoded: bytesOf('huge', 200_000) } }
    await expect(store.directory.change(huge, OPEN)).rejects.toBeInstanceOf(StorageFullError)
    const large = { suite: 83, oneTime: [bytesOf('large', 100_000)] }
    await expect(store.keyPackages.publish(alice.id, large)).rejects.toBeInstanceOf(StorageFullError)
    expect(await store.log.expire(Date.now() + 60_000)).toBe(accepted + 1)
    await mustSend(store, alice, application(alice, id, { text: TEXT }))
    expect(await store.log.clientSequence(alice.id)).toBe(alice.sent)
  })

  test('undoes a whole transaction, roster and client sequence too', async () => {
    const bob = await register(store, 'bob')
    await fill()
    const sends = [1n, 2n].map(ahead =>
      application(alice, id, { text: TEXT, clientSequence: alice.sent + ahead }),
    )
    const outcomes = await store.log.append(alice.id, sends)
    expect(outcomes.map(outcome => outcome.accepted)).toEqual([false, false])
    expect(await store.log.clientSequence(alice.id)).toBe(alice.sent)
    expect(await store.log.roster(id)).toEqual([alice.id])
    expect(await gists(store, bob)).toEqual([])
  })
})
