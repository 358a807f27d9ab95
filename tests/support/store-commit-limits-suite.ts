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

    test('of a conversation are limited over all its members', async () => {
      let now = Date.UTC(2026, 0, 1)
      const limits = { commitsPerMinute: 100, commitsPerMinuteAndConversation: 6 }
      const { store, reopen } = await open({ now: () => now, ...limits })
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const first = await commitOn(store, alice, id, 1n)
      expect(first).toMatchObject({ count: 5, waitMs: 10_000 })
      const again = await reopen()
      expect(await commitOn(again, bob, id, first.epoch)).toMatchObject({ count: 0, waitMs: 10_000 })
      await converse(again, bob, alice)
      now += 30_000
      const later = await commitOn(again, bob, id, first.epoch)
      expect(later).toMatchObject({ count: 3, waitMs: 10_000 })
      // A clock that is set back keeps nobody out.
      now -= 3_600_000
      expect(await commitOn(again, bob, id, later.epoch)).toMatchObject({ count: 6, waitMs: 10_000 })
    })
  })
}
