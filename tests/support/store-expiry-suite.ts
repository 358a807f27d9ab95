import { describe, expect, test } from '@jest/globals'
import type { Store } from '../../services/server/store/store.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  commit,
  converse,
  gist,
  gists,
  mustSend,
  readAll,
  register,
  type TestDevice,
} from './store-world.js'

/** Everything stored until now is older. */
const LATER = () => Date.now() + 3_600_000

interface Scene {
  store: Store
  reopen(): Promise<Store>
  alice: TestDevice
  bob: TestDevice
  id: Uint8Array
}

async function scene(open: OpenStore): Promise<Scene> {
  const { store, reopen } = await open()
  const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
  return { store, reopen, alice, bob, id: await converse(store, alice, bob) }
}

const say = (store: Store, sender: TestDevice, id: Uint8Array, text: string) =>
  mustSend(store, sender, application(sender, id, { text }))

async function acknowledgeAll(store: Store, device: TestDevice): Promise<void> {
  await store.log.acknowledge(device.id, (await readAll(store, device)).place)
}

export function expirySuite(open: OpenStore): void {
  describe('expiry', () => {
    test('what every member has acked goes, and not before', async () => {
      const { store, alice, bob, id } = await scene(open)
      await say(store, alice, id, 'one')
      await acknowledgeAll(store, alice)
      expect(await store.log.expire(0)).toBe(0)
      expect(await gists(store, bob)).toEqual(['welcome', 'one'])
      const { place } = await readAll(store, bob)
      await store.log.acknowledge(bob.id, place)
      await say(store, alice, id, 'two')
      expect(await store.log.expire(0)).toBe(2)
      expect(await gists(store, bob, place)).toEqual(['two'])
    })

    test('a removed device holds back what it has not read up to its removal, and no more', async () => {
      const { store, alice, bob, id } = await scene(open)
      await mustSend(store, alice, commit(alice, id, { epoch: 1n, removed: [bob] }))
      await mustSend(store, alice, application(alice, id, { epoch: 2n }))
      await acknowledgeAll(store, alice)
      expect(await store.log.expire(0)).toBe(0)
      const { place } = await readAll(store, bob)
      await store.log.acknowledge(bob.id, place)
      expect(await store.log.expire(0)).toBe(3)
      await mustSend(store, alice, application(alice, id, { epoch: 2n }))
      await acknowledgeAll(store, alice)
      expect(await store.log.expire(0)).toBe(1)
    })

    test('a device that comes late is told once how many it missed, before what is left', async () => {
      const { store, reopen, alice, bob, id } = await scene(open)
      const { place: joined } = await readAll(store, bob)
      await store.log.acknowledge(bob.id, joined)
      for (const text of ['one', 'two', 'three']) await say(store, alice, id, text)
      expect(await store.log.expire(LATER())).toBe(4)
      await say(store, alice, id, 'four')
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        const read = await readAll(current, bob, joined, { maxEnvelopes: 1 })
        expect(read.envelopes.map(gist)).toEqual(['missed 3', 'four'])
        expect(read.envelopes[0]?.conversationId).toEqual(id)
        expect(await gists(current, bob, read.place)).toEqual([])
        const afterMissed = (
          await current.log.read({
            device: bob.id,
            after: joined,
            maxEnvelopes: 1,
            maxBytes: 1_000,
          })
        ).place
        expect(await gists(current, bob, afterMissed)).toEqual(['four'])
      }
    })

    test('a second expiry adds to what was missed; an ack between them starts anew', async () => {
      const { store, alice, bob, id } = await scene(open)
      const { place } = await readAll(store, bob)
      await store.log.acknowledge(bob.id, place)
      await say(store, alice, id, 'one')
      await store.log.expire(LATER())
      await say(store, alice, id, 'two')
      await store.log.expire(LATER())
      expect(await gists(store, bob, place)).toEqual(['missed 2'])
      await acknowledgeAll(store, bob)
      const { place: second } = await readAll(store, bob)
      await say(store, alice, id, 'three')
      await store.log.expire(LATER())
      expect(await gists(store, bob, second)).toEqual(['missed 1'])
    })

    test('a welcome that went unread is missed; the device did not join', async () => {
      const { store, alice, bob, id } = await scene(open)
      await store.log.expire(LATER())
      await say(store, alice, id, 'after')
      expect(await gists(store, bob)).toEqual(['missed 1', 'after'])
    })

    test('what was missed stands in its place among other conversations', async () => {
      const { store, alice, bob, id } = await scene(open)
      const carol = await register(store, 'carol')
      const other = await converse(store, carol, bob)
      await say(store, alice, id, 'gone')
      await acknowledgeAll(store, alice)
      await store.log.expire(LATER())
      await say(store, carol, other, 'there')
      await say(store, alice, id, 'here')
      const stop = store.log.watch(bob.id, () => undefined)
      expect(await gists(store, bob)).toEqual(['missed 1', 'missed 2', 'there', 'here'])
      stop()
    })

    test('a watched reader that is behind is told what it missed', async () => {
      const { store, alice, bob, id } = await scene(open)
      const stop = store.log.watch(bob.id, () => undefined)
      const { place } = await readAll(store, bob)
      await say(store, alice, id, 'one')
      await say(store, alice, id, 'two')
      await store.log.expire(LATER())
      await say(store, alice, id, 'three')
      expect((await gists(store, bob, place)).slice(1)).toEqual(['three'])
      expect((await gists(store, bob, place))[0]).toMatch(/^missed/)
      stop()
    })

    test('many conversations and records are expired while appends go on', async () => {
      const { store, alice, bob } = await scene(open)
      const ids = []
      for (let count = 0; count < 80; count += 1) ids.push(await converse(store, alice, bob))
      for (let round = 0; round < 20; round += 1) {
        const first = alice.sent + 1n
        const sends = ids.map((id, index) =>
          application(alice, id, { clientSequence: first + BigInt(index) }),
        )
        await store.log.append(alice.id, sends)
        alice.sent += BigInt(ids.length)
      }
      const expiring = store.log.expire(LATER())
      await say(store, alice, ids[0]!, 'meanwhile')
      expect(await expiring).toBe(1 + 80 * 21)
      expect((await gists(store, bob)).at(-1)).toBe('meanwhile')
    })
  })
}
