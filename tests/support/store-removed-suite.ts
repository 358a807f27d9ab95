// Devices that a commit has removed may go on all the same, and those that left by themselves stay away.

import { describe, expect, test } from '@jest/globals'
import { bytesKey } from '../../services/server/bytes.js'
import type { Store } from '../../services/server/store/store.js'
import { leave } from './store-leave-suite.js'
import { reasonFor, type Succession, scene, succession } from './store-successor-suite.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  commit,
  converse,
  gists,
  mustSend,
  newConversationId,
  readAll,
  register,
  send,
  type TestDevice,
} from './store-world.js'

const HOUR_MS = 3_600_000

export function removedSuite(open: OpenStore): void {
  describe('a conversation of which a commit has removed devices', () => {
    /** Mallory removes the others in epoch 1; Carol has left before. */
    async function kicked(options: Parameters<OpenStore>[0] = {}) {
      const { store, reopen, alice, bob, mallory } = await scene(open, options)
      const carol = await register(store, 'carol')
      const old = await converse(store, mallory, alice, bob, carol)
      await mustSend(store, carol, leave(carol, old))
      const removed = [alice, bob, carol]
      await mustSend(store, mallory, commit(mallory, old, { epoch: 1n, removed }))
      return { store, reopen, alice, bob, carol, mallory, old }
    }
    const of = (old: Uint8Array, change: Partial<Succession> = {}): Succession => ({
      ...{ id: newConversationId(), succeeds: old, succeedsEpoch: 2n },
      ...change,
    })

    test('is succeeded by one of them, and all of them are in it again from there', async () => {
      const { store, reopen, alice, bob, carol, mallory, old } = await kicked()
      const before = (await readAll(store, bob)).place
      await mustSend(store, mallory, application(mallory, old, { text: 'alone', epoch: 2n }))
      const woken = new Promise<void>(resolve => void store.log.watch(bob.id, () => resolve()))
      expect((await readAll(store, bob, before)).envelopes).toEqual([])
      await mustSend(store, alice, succession(alice, of(old, { added: [bob] })))
      await mustSend(store, mallory, application(mallory, old, { text: 'behind', epoch: 2n }))
      expect(await gists(store, bob, before)).toEqual(['successor', 'welcome', 'behind'])
      await woken
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect((await gists(current, alice)).slice(-4)).toEqual(['commit', 'successor', 'own 2', 'behind'])
        expect((await gists(current, bob)).slice(-4)).toEqual(['commit', 'successor', 'welcome', 'behind'])
        expect((await gists(current, mallory)).slice(-3)).toEqual(['own 3', 'successor', 'own 4'])
        expect((await gists(current, carol)).at(-1)).toBe('own 1')
        const roster = (await current.log.roster(old)) ?? []
        expect(new Set(roster.map(bytesKey))).toEqual(
          new Set([alice, bob, mallory].map(({ id }) => bytesKey(id))),
        )
        expect(roster).toHaveLength(3)
        expect(await current.log.conversations(bob.id)).toContainEqual(old)
      }
    })

    test('is succeeded also after all was read and deleted', async () => {
      const { store, reopen, alice, bob, carol, mallory, old } = await kicked()
      for (const device of [alice, bob, carol, mallory])
        await store.log.acknowledge(device.id, (await readAll(store, device)).place)
      expect(await store.log.expire(0)).toBeGreaterThan(0)
      const again = await reopen()
      expect(await reasonFor(again, carol, succession(carol, of(old)))).toBe('notAMember')
      const { place } = await readAll(again, bob)
      await mustSend(again, alice, succession(alice, of(old)))
      expect(await gists(again, bob, place)).toEqual(['successor'])
      for (const device of [alice, bob, mallory])
        await again.log.acknowledge(device.id, (await readAll(again, device)).place)
      expect(await again.log.expire(0)).toBeGreaterThan(0)
      // The epoch that a device joined in is the one that it was told.
      const last = await reopen()
      await mustSend(last, bob, leave(bob, old))
      expect(await last.log.roster(old)).toHaveLength(2)
      await mustSend(last, alice, application(alice, old, { epoch: 2n, text: 'behind' }))
      expect(await gists(last, bob, place)).not.toContain('behind')
      expect(await reasonFor(last, bob, succession(bob, of(old)))).toBe('notAMember')
    })

    test('is not succeeded by one that left by itself, whatever was committed since', async () => {
      const { reopen, alice, bob, carol, mallory, old } = await kicked()
      const again = await reopen()
      const refused = (current: Store, sender: TestDevice, succeedsEpoch: bigint) =>
        reasonFor(current, sender, succession(sender, of(old, { succeedsEpoch })))
      expect(await refused(again, carol, 2n)).toBe('notAMember')
      expect(await refused(again, alice, 9n)).toBe('staleEpoch')
      await mustSend(again, mallory, commit(mallory, old, { epoch: 2n, added: [bob] }))
      await mustSend(again, bob, leave(bob, old, 3n))
      expect(await refused(again, bob, 3n)).toBe('notAMember')
      const last = await reopen()
      for (const sender of [bob, carol]) expect(await refused(last, sender, 3n)).toBe('notAMember')
      // Also once a commit has removed the leaf that it left.
      await mustSend(last, mallory, commit(mallory, old, { epoch: 3n, removed: [bob] }))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : last
        expect(await refused(current, bob, 4n)).toBe('notAMember')
        expect(await refused(current, alice, 9n)).toBe('staleEpoch')
      }
    })

    test('is succeeded also when others were stored behind it, which those had no part in', async () => {
      const { store, reopen, alice, bob, carol, mallory, old } = await kicked()
      await mustSend(store, mallory, commit(mallory, old, { epoch: 2n }))
      for (const device of [alice, bob, carol, mallory])
        await store.log.acknowledge(device.id, (await readAll(store, device)).place)
      expect(await store.log.expire(0)).toBeGreaterThan(0)
      const again = await reopen()
      const { place } = await readAll(again, alice)
      await mustSend(again, alice, succession(alice, of(old, { succeedsEpoch: 3n })))
      const last = await reopen()
      const rosterOf = async () => new Set((await last.log.roster(old))?.map(bytesKey))
      expect(await rosterOf()).toEqual(new Set([alice, mallory].map(({ id }) => bytesKey(id))))
      expect(await last.log.conversations(bob.id)).not.toContainEqual(old)
      expect(await gists(last, alice, place)).toEqual(['successor', 'own 2'])
      // The other one comes in with its own, or with one that adds it.
      await mustSend(last, mallory, succession(mallory, of(old, { succeedsEpoch: 3n, added: [bob] })))
      expect((await rosterOf()).size).toBe(3)
      expect(await last.log.conversations(bob.id)).toContainEqual(old)
      expect(await gists(last, bob, place)).toEqual(['successor', 'welcome'])
      await mustSend(last, bob, leave(bob, old))
      expect((await rosterOf()).size).toBe(2)
    })

    test.each([true, false])('forgets them once their removal is too old (all is read: %p)', async isRead => {
      let now = Date.UTC(2026, 0, 1)
      const { store, reopen, alice, bob, carol, mallory, old } = await kicked({ now: () => now })
      await mustSend(store, mallory, commit(mallory, old, { epoch: 2n, added: [bob] }))
      now += HOUR_MS
      await mustSend(store, mallory, commit(mallory, old, { epoch: 3n, removed: [bob] }))
      for (const device of isRead ? [alice, bob, carol, mallory] : [alice])
        await store.log.acknowledge(device.id, (await readAll(store, device)).place)
      const by = (current: Store, sender: TestDevice) =>
        reasonFor(current, sender, succession(sender, of(old, { succeedsEpoch: 9n })))
      await store.log.expire(now - HOUR_MS)
      expect(await by(store, alice)).toBe('staleEpoch')
      await store.log.expire(now - HOUR_MS + 1)
      expect(await by(store, alice)).toBe('notAMember')
      const again = await reopen()
      expect([await by(again, alice), await by(again, bob)]).toEqual(['notAMember', 'staleEpoch'])
      await again.log.expire(now + 1)
      expect(await by(again, bob)).toBe('notAMember')
      expect(await by(await reopen(), bob)).toBe('notAMember')
    })

    test('counts for its creator again, where all others had left', async () => {
      const { store, reopen, alice, mallory, old } = await kicked({ conversationsPerDevice: 2 })
      const count = async (current: Store) => {
        let made = 0
        while (
          (await send(current, mallory, commit(mallory, newConversationId(), { creates: true }))).accepted
        )
          made += 1
        return made
      }
      await mustSend(store, mallory, leave(mallory, old))
      expect(await store.log.roster(old)).toEqual([])
      const again = await reopen()
      await mustSend(again, alice, succession(alice, of(old)))
      expect(await again.log.roster(old)).toHaveLength(2)
      expect([await count(again), await count(await reopen())]).toEqual([1, 0])
    })
  })
}
