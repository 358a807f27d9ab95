import { describe, expect, test } from '@jest/globals'
import type { Store } from '../../services/server/store/store.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  commit,
  converse,
  mustSend,
  newConversationId,
  register,
  send,
  type TestDevice,
} from './store-world.js'

export function commitLimitsSuite(open: OpenStore): void {
  /** Commits until it is told to wait. Returns how many were accepted, and for how long. */
  async function commitOn(store: Store, sender: TestDevice, id: Uint8Array, from: bigint) {
    for (let epoch = from; ; epoch += 1n) {
      const outcome = await send(store, sender, commit(sender, id, { epoch }))
      if (outcome.accepted) continue
      if (outcome.reason.case !== 'rateLimited') throw new Error(outcome.reason.case)
      return { count: Number(epoch - from), waitMs: outcome.reason.value.retryAfterMs, epoch }
    }
  }

  describe('commits', () => {
    test('of a device are limited over all its conversations, and come back over a minute', async () => {
      let now = Date.UTC(2026, 0, 1)
      const { store, reopen } = await open({ now: () => now, commitsPerMinute: 6 })
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const ids = [await converse(store, alice, bob), await converse(store, alice, bob)]
      const first = await commitOn(store, alice, ids[0]!, 1n)
      expect(first).toMatchObject({ count: 4, waitMs: 10_000 })
      const again = await reopen()
      expect(await commitOn(again, alice, ids[1]!, 1n)).toMatchObject({ count: 0, waitMs: 10_000 })
      const begun = await send(again, alice, commit(alice, newConversationId(), { creates: true }))
      expect(begun).toMatchObject({ reason: { case: 'rateLimited' } })
      // Others, and what is no commit, go on.
      await mustSend(again, alice, application(alice, ids[1]!))
      await mustSend(again, bob, commit(bob, ids[1]!, { epoch: 1n }))
      now += 20_000
      expect(await commitOn(again, alice, ids[0]!, first.epoch)).toMatchObject({ count: 2, waitMs: 10_000 })
    })

    /** A conversation of alice, bob and carol, in epoch 1, at a clock that the test sets. */
    async function room({ perMinute }: { perMinute: number }) {
      const clock = { now: Date.UTC(2026, 0, 1) }
      const limits = { commitsPerMinute: 100, commitsPerMinuteAndConversation: perMinute }
      const { store, reopen } = await open({ now: () => clock.now, ...limits })
      const alice = await register(store, 'alice')
      const [bob, carol] = [await register(store, 'bob'), await register(store, 'carol')]
      return { clock, store, reopen, alice, bob, carol, id: await converse(store, alice, bob, carol) }
    }

    test('of a conversation are limited over all its members, and of those an account has half', async () => {
      const { clock, store, reopen, alice, bob, id } = await room({ perMinute: 6 })
      const first = await commitOn(store, alice, id, 1n)
      expect(first).toMatchObject({ count: 2, waitMs: 20_000 })
      const other = await commitOn(await reopen(), bob, id, first.epoch)
      expect(other).toMatchObject({ count: 3, waitMs: 20_000 })
      const again = await reopen()
      expect(await commitOn(again, alice, id, other.epoch)).toMatchObject({ count: 0, waitMs: 20_000 })
      await converse(again, bob, alice)
      clock.now += 20_000
      const later = await commitOn(again, bob, id, other.epoch)
      expect(later).toMatchObject({ count: 1, waitMs: 20_000 })
      // A clock that is set back keeps nobody out.
      clock.now -= 3_600_000
      const back = await commitOn(again, bob, id, later.epoch)
      expect(back).toMatchObject({ count: 3, waitMs: 20_000 })
      expect(await commitOn(again, alice, id, back.epoch)).toMatchObject({ count: 3, waitMs: 20_000 })
    })

    test.each([
      [1, 1],
      [2, 1],
      [5, 3],
    ])('of %i in a conversation an account has %i', async (perMinute, half) => {
      const { store, bob, id } = await room({ perMinute })
      expect(await commitOn(store, bob, id, 1n)).toMatchObject({ count: half })
    })

    test('of an account are counted over all its devices, also of those that come later', async () => {
      const { store, reopen, alice, bob, id } = await room({ perMinute: 8 })
      const second = await register(store, 'bob-2', 'bob')
      await mustSend(store, alice, commit(alice, id, { epoch: 1n, added: [second] }))
      const first = await commitOn(store, second, id, 2n)
      expect(first).toMatchObject({ count: 4, waitMs: 15_000 })
      const again = await reopen()
      expect(await commitOn(again, bob, id, first.epoch)).toMatchObject({ count: 0, waitMs: 15_000 })
      const third = await register(again, 'bob-3', 'bob')
      await mustSend(again, alice, commit(alice, id, { epoch: first.epoch, added: [third] }))
      expect(await commitOn(again, third, id, first.epoch + 1n)).toMatchObject({ count: 0, waitMs: 15_000 })
    })

    test('of several accounts keep nobody out who has made none lately', async () => {
      const { clock, store, reopen, alice, bob, carol, id } = await room({ perMinute: 6 })
      let epoch = 1n
      /** All that two who go on and on are given. */
      const useUp = async (at: Store) => {
        for (const hostile of [alice, bob]) epoch = (await commitOn(at, hostile, id, epoch)).epoch
      }
      await useUp(store)
      const again = await reopen()
      expect(await commitOn(again, carol, id, epoch)).toMatchObject({ count: 1, waitMs: 10_000 })
      epoch += 1n
      for (let seconds = 0; seconds < 120; seconds += 1) {
        clock.now += 1_000
        await useUp(again)
      }
      const last = await commitOn(again, carol, id, epoch)
      expect(last).toMatchObject({ count: 1 })
      // All that was given in these two minutes: 6, then 12, and 1 of carol's each time.
      expect(Number(last.epoch)).toBe(6 + 12 + 2)
    })

    test('that lost their race are not counted', async () => {
      const { store, alice, bob, id } = await room({ perMinute: 8 })
      await mustSend(store, alice, commit(alice, id, { epoch: 1n }))
      for (let count = 0; count < 20; count += 1)
        expect(await send(store, bob, commit(bob, id, { epoch: 1n }))).toMatchObject({
          reason: { case: 'staleEpoch' },
        })
      expect(await commitOn(store, bob, id, 2n)).toMatchObject({ count: 4 })
    })
  })
}
