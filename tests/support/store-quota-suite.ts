import { describe, expect, test } from '@jest/globals'
import { recordSize } from '../../services/server/store/log-record.js'
import type { Store } from '../../services/server/store/store.js'
import { leave } from './store-leave-suite.js'
import type { OpenStore } from './store-suite.js'
import { application, converse, mustSend, readAll, register, type TestDevice } from './store-world.js'

const TEXT = 'x'.repeat(1_000)
/** Texts that an account may have in the store. */
const TEXTS = 5
const LIMIT = 8_000

/** Sends texts until one is rejected. Returns how many were not, and why the last one was. */
async function fill(store: Store, sender: TestDevice, id: Uint8Array, text = TEXT) {
  for (let stored = 0; ; stored += 1) {
    const [outcome] = await store.log.append(sender.id, [application(sender, id, { text })])
    if (!outcome?.accepted) return { stored, reason: outcome?.reason }
    sender.sent += 1n
  }
}

async function acknowledge(store: Store, device: TestDevice): Promise<void> {
  await store.log.acknowledge(device.id, (await readAll(store, device)).place)
}

export function quotaSuite(open: OpenStore): void {
  describe('the part of an account', () => {
    async function scene() {
      const { store, reopen } = await open({ accountBytes: LIMIT })
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      return { store, reopen, alice, bob, id }
    }

    test('is filled, and then the account waits, and nobody else', async () => {
      const { store, alice, bob, id } = await scene()
      const { stored, reason } = await fill(store, alice, id)
      expect(stored).toBeGreaterThanOrEqual(TEXTS)
      expect(stored * recordSize(TEXT.length)).toBeLessThanOrEqual(LIMIT)
      expect(reason).toMatchObject({ case: 'storageFull', value: { accountLimitBytes: BigInt(LIMIT) } })
      expect(reason?.case === 'storageFull' && reason.value.retryAfterMs).toBeGreaterThan(0)
      await mustSend(store, bob, application(bob, id, { text: TEXT }))
    })

    test('keeps nobody in a conversation', async () => {
      const { store, alice, bob, id } = await scene()
      const other = await converse(store, alice, bob)
      await fill(store, alice, id)
      await fill(store, alice, id, 'x')
      for (const each of [id, other]) {
        await mustSend(store, alice, leave(alice, each))
        expect(await store.log.roster(each)).toEqual([bob.id])
      }
    })

    test('is the same one for all of its devices', async () => {
      const { store, alice, bob, id } = await scene()
      await fill(store, alice, id)
      const second = await register(store, 'alice-2', 'alice')
      const own = await store.log.append(second.id, [application(second, id, { text: TEXT })])
      expect(own).toMatchObject([{ accepted: false, reason: { case: 'storageFull' } }])
      await mustSend(store, bob, application(bob, id))
    })

    test('is free again when others have received it', async () => {
      const { store, alice, bob, id } = await scene()
      const first = await fill(store, alice, id)
      await acknowledge(store, alice)
      await acknowledge(store, bob)
      expect(await store.log.expire(0)).toBeGreaterThan(0)
      expect((await fill(store, alice, id)).stored).toBeGreaterThanOrEqual(first.stored)
    })

    test('is free again when it is too old', async () => {
      const { store, alice, id } = await scene()
      const first = await fill(store, alice, id)
      await store.log.expire(Date.now() + 3_600_000)
      expect((await fill(store, alice, id)).stored).toBeGreaterThanOrEqual(first.stored)
    })

    test('is remembered when the store is opened again', async () => {
      const { store, reopen, alice, id } = await scene()
      await fill(store, alice, id)
      const again = await reopen()
      expect((await fill(again, alice, id)).stored).toBe(0)
    })

    test('ends a batch in the middle: what comes before is stored', async () => {
      const { store, alice, id } = await scene()
      const sends = Array.from({ length: 20 }, (_, index) =>
        application(alice, id, { text: TEXT, clientSequence: alice.sent + BigInt(index) + 1n }),
      )
      const outcomes = await store.log.append(alice.id, sends)
      const stored = outcomes.filter(({ accepted }) => accepted).length
      expect(stored).toBeGreaterThanOrEqual(TEXTS)
      expect(outcomes.findIndex(({ accepted }) => !accepted)).toBe(stored)
      expect(await store.log.clientSequence(alice.id)).toBe(alice.sent + BigInt(stored))
    })
  })
}
