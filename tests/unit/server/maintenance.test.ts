import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { repeatRetention, repeatSweep } from '../../../services/server/maintenance.js'
import { openMemoryStore } from '../../../services/server/store/memory/store.js'
import { FaultyStore } from '../../support/faulty-store.js'
import { application, bytesOf, converse, mustSend, readAll, register } from '../../support/store-world.js'

test('a process that was held up says for how long', async () => {
  const lost = await new Promise<number>(resolve => {
    const sweep = (_: number, lostMs: number) => {
      stop()
      resolve(lostMs)
    }
    const stop = repeatSweep({ sweep }, { pingIntervalMs: 50, deadAfterMs: 100 })
    const until = performance.now() + 300
    while (performance.now() < until);
  })
  expect(lost).toBeGreaterThan(200)
})

describe('retention', () => {
  /** A log that was written a day ago, and what is logged of it. */
  async function scene() {
    const store = new FaultyStore(openMemoryStore({ now: () => Date.now() - 86_400_000 }))
    const alice = await register(store, 'alice')
    const id = await converse(store, alice, await register(store, 'bob'))
    await mustSend(store, alice, application(alice, id))
    const lines: { msg: string; deleted?: number; keyPackages?: number }[] = []
    const next = { waiter: Promise.withResolvers<void>() }
    const log = pino(
      {},
      {
        write(line) {
          lines.push(JSON.parse(line))
          next.waiter.resolve()
        },
      },
    )
    const line = async (index: number) => {
      while (lines.length <= index) {
        next.waiter = Promise.withResolvers()
        await next.waiter.promise
      }
      return lines[index]!
    }
    return { store, alice, log, line, lines }
  }

  test('begins at once, tells how much was deleted, and comes again', async () => {
    const { store, alice, log, line } = await scene()
    const stop = repeatRetention({ store, retentionSeconds: 3_600, everyMs: 5, log })
    expect(await line(0)).toMatchObject({ deleted: 2 })
    await store.keyPackages.publish(alice.id, { suite: 83, oneTime: [bytesOf('young')] })
    const id = await converse(store, alice)
    expect(await line(1)).toMatchObject({ deleted: 1 })
    expect(
      (await readAll(store, alice)).envelopes.map(({ conversationId }) => conversationId),
    ).toContainEqual(id)
    await stop()
  })

  test('that fails is logged, and tried again', async () => {
    const { store, log, line } = await scene()
    store.failNext('expire', 'lost')
    const stop = repeatRetention({ store, retentionSeconds: 3_600, everyMs: 5, log })
    expect(await line(0)).toMatchObject({ msg: 'deleting what is old failed' })
    expect(await line(1)).toMatchObject({ deleted: 2 })
    await stop()
  })

  test('is over when its stop has resolved, also one that is under way', async () => {
    const { store, log, lines } = await scene()
    const held = store.hold('expire')
    const stop = repeatRetention({ store, retentionSeconds: 3_600, everyMs: 5, log })
    await held.begun
    const stopped = stop()
    expect(lines).toEqual([])
    held.release()
    await stopped
    expect(lines).toMatchObject([{ deleted: 2 }])
    expect(store.calls('expire')).toBe(1)
  })
})
