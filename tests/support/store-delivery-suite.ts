import { describe, expect, test } from '@jest/globals'
import { BadCursorError, isAtOrPast, type Store } from '../../services/server/store/store.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  BEGINNING,
  commit,
  converse,
  gist,
  gists,
  mustSend,
  readAll,
  register,
  type TestDevice,
  welcomeOf,
} from './store-world.js'

async function say(store: Store, sender: TestDevice, id: Uint8Array, ...texts: string[]): Promise<void> {
  for (const text of texts) await mustSend(store, sender, application(sender, id, { text }))
}

/** Resolves when the device is woken. */
function nextWake(store: Store, device: TestDevice): Promise<void> {
  return new Promise(resolve => {
    const stop = store.log.watch(device.id, () => {
      stop()
      resolve()
    })
  })
}

export function deliverySuite(open: OpenStore): void {
  describe('reading', () => {
    test('each device is shown its part: its own, the welcome, the commit, the content', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const carol = await register(store, 'carol')
      const id = await converse(store, alice, bob)
      await mustSend(store, bob, commit(bob, id, { epoch: 1n, added: [carol] }))
      await mustSend(store, carol, application(carol, id, { text: 'hi', epoch: 2n }))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect(await gists(current, alice)).toEqual(['own 1', 'commit', 'hi'])
        expect(await gists(current, bob)).toEqual(['welcome', 'own 1', 'hi'])
        expect(await gists(current, carol)).toEqual(['welcome', 'own 1'])
        const [, added] = (await readAll(current, alice)).envelopes
        expect(added?.envelope).toMatchObject({
          case: 'commit',
          value: { epoch: 1n, rosterChange: { addedDeviceIds: [carol.id], removedDeviceIds: [] } },
        })
        const [welcome] = (await readAll(current, carol)).envelopes
        expect(welcome?.envelope).toMatchObject({ value: { epoch: 2n, welcome: welcomeOf(carol) } })
        expect(welcome?.conversationId).toEqual(id)
      }
    })

    test('the removed one reads the commit and nothing after it, until it is added again', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, alice, commit(alice, id, { epoch: 1n, removed: [bob] }))
      expect(await store.log.roster(id)).toEqual([alice.id])
      await mustSend(store, alice, application(alice, id, { text: 'secret', epoch: 2n }))
      await mustSend(store, alice, commit(alice, id, { epoch: 2n, added: [bob] }))
      await mustSend(store, alice, application(alice, id, { text: 'back', epoch: 3n }))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect(await gists(current, bob)).toEqual(['welcome', 'commit', 'welcome', 'back'])
        expect(await current.log.roster(id)).toEqual([alice.id, bob.id])
      }
    })

    test('there is no roster of an unknown conversation', async () => {
      const { store } = await open()
      expect(await store.log.roster(new Uint8Array(16))).toBeUndefined()
    })

    test('all members see the same order, in pages of any size, live and after a restart', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const carol = await register(store, 'carol')
      const ids = [await converse(store, alice, bob, carol), await converse(store, bob, alice, carol)]
      const texts = Array.from({ length: 60 }, (_, index) => `text ${index}`)
      await Promise.all([
        say(store, alice, ids[0]!, ...texts.slice(0, 30)),
        say(store, bob, ids[1]!, ...texts.slice(30)),
      ])
      const inOrder = (await readAll(store, carol)).envelopes
      expect(inOrder.map(gist).sort()).toEqual([...texts, 'welcome', 'welcome'].sort())
      const sequences = inOrder.map(envelope => Number(envelope.sequence))
      expect(sequences).toEqual([...sequences].sort((one, other) => one - other))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        for (const maxEnvelopes of [1, 7, 64]) {
          const { envelopes } = await readAll(current, carol, undefined, { maxEnvelopes })
          expect(envelopes).toEqual(inOrder)
        }
        expect((await readAll(current, carol, undefined, { maxBytes: 1 })).envelopes).toEqual(inOrder)
      }
    })

    test('a page keeps its limits, one large envelope aside', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await say(store, alice, id, ...Array.from({ length: 10 }, () => 'x'.repeat(1_000)))
      const page = { device: bob.id, after: new Uint8Array(), maxEnvelopes: 64, maxBytes: 3_500 }
      const first = await store.log.read(page)
      expect(first.envelopes).toHaveLength(4)
      expect(first.more).toBe(true)
      const second = await store.log.read({ ...page, after: first.cursor, maxEnvelopes: 2 })
      expect(second.envelopes).toHaveLength(2)
    })

    test('cursors grow with every envelope, byte by byte, and one that is none is an error of its own', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      let last = BEGINNING
      for (let round = 0; round < 300; round += 1) {
        await say(store, alice, id, `text ${round}`)
        const { envelopes, cursor } = await readAll(store, bob, last)
        expect(envelopes.length).toBeGreaterThan(0)
        expect(Buffer.compare(cursor, last)).toBe(1)
        last = cursor
      }
      const again = await reopen()
      for (const bytes of [1, 7, 9, 400]) {
        const after = new Uint8Array(bytes).fill(0xff)
        const page = { device: bob.id, after, maxEnvelopes: 1, maxBytes: 1 }
        await expect(again.log.read(page)).rejects.toBeInstanceOf(BadCursorError)
        await expect(again.log.acknowledge(bob.id, after)).rejects.toBeInstanceOf(BadCursorError)
      }
    })

    test('a cursor from the future is one at the end', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const future = (await readAll(store, bob)).cursor.map((byte, index) => (index === 1 ? byte + 1 : byte))
      const { envelopes, cursor } = await readAll(store, bob, future)
      expect(envelopes).toEqual([])
      expect(isAtOrPast(cursor, future)).toBe(false)
      for (const device of [alice, bob]) await store.log.acknowledge(device.id, future)
      await say(store, alice, id, 'later')
      expect(await store.log.expire(0)).toBe(1)
      expect(await gists(store, bob, cursor)).toEqual(['later'])
    })

    test('the cursor moves on when nothing was for the device', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const { cursor: before } = await readAll(store, bob)
      await converse(store, alice)
      const { envelopes, cursor } = await readAll(store, bob, before)
      expect(envelopes).toEqual([])
      expect(Buffer.compare(cursor, before)).toBe(1)
    })
  })

  describe('watching', () => {
    test('members and the sender are woken, and what they then read is only what is new', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const cursors = [(await readAll(store, alice)).cursor, (await readAll(store, bob)).cursor]
      for (let round = 0; round < 5; round += 1) {
        const woken = Promise.all([nextWake(store, alice), nextWake(store, bob)])
        await say(store, alice, id, `round ${round}`)
        await woken
        const [mine, theirs] = [
          await readAll(store, alice, cursors[0]),
          await readAll(store, bob, cursors[1]),
        ]
        expect(mine.envelopes.map(gist)).toEqual([`own ${round + 2}`])
        expect(theirs.envelopes.map(gist)).toEqual([`round ${round}`])
        cursors.splice(0, 2, mine.cursor, theirs.cursor)
      }
    })

    test('a reader that stays watched reads everything, whatever is appended between its pages', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const ids = [await converse(store, alice, bob), await converse(store, alice, bob)]
      const stop = store.log.watch(bob.id, () => undefined)
      const read: string[] = []
      let cursor = (await readAll(store, bob)).cursor
      for (let round = 0; round < 40; round += 1) {
        await say(store, alice, ids[round % 2]!, `text ${round}`)
        if (round % 3 === 0) continue
        const page = { device: bob.id, after: cursor, maxEnvelopes: 1 + (round % 2), maxBytes: 10_000 }
        const result = await store.log.read(page)
        read.push(...result.envelopes.map(gist))
        cursor = result.cursor
      }
      read.push(...(await gists(store, bob, cursor)))
      stop()
      expect(read).toEqual(Array.from({ length: 40 }, (_, index) => `text ${index}`))
    })

    test('the added and the removed are woken, strangers and those who stopped are not', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const [carol, dave] = [await register(store, 'carol'), await register(store, 'dave')]
      const id = await converse(store, alice, bob)
      let strangers = 0
      store.log.watch(dave.id, () => (strangers += 1))
      store.log.watch(bob.id, () => (strangers += 1))()
      const woken = Promise.all([nextWake(store, bob), nextWake(store, carol)])
      await mustSend(store, alice, commit(alice, id, { epoch: 1n, added: [carol], removed: [bob] }))
      await woken
      expect(strangers).toBe(0)
    })
  })
}
