import { describe, expect, test } from '@jest/globals'
import type { Store } from '../../services/server/store/store.js'
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

const NOON = Date.UTC(2026, 5, 1, 12)

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
      for (const id of ids) {
        const own = inOrder.filter(({ conversationId }) => Buffer.compare(conversationId, id) === 0)
        const sequences = own.map(({ sequence }) => Number(sequence))
        expect(sequences).toEqual([...new Set(sequences)].sort((one, other) => one - other))
      }
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
      const page = { device: bob.id, after: BEGINNING, maxEnvelopes: 64, maxBytes: 3_500 }
      const first = await store.log.read(page)
      expect(first.envelopes).toHaveLength(4)
      expect(first.more).toBe(true)
      const second = await store.log.read({ ...page, after: first.place, maxEnvelopes: 2 })
      expect(second.envelopes).toHaveLength(2)
    })

    test('places grow with every envelope', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      let last = BEGINNING
      for (let round = 0; round < 300; round += 1) {
        await say(store, alice, id, `text ${round}`)
        const { envelopes, place } = await readAll(store, bob, last)
        expect(envelopes.length).toBeGreaterThan(0)
        expect(place).toBeGreaterThan(last)
        last = place
      }
    })

    test('a place from the future is one at the end', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const future = (await readAll(store, bob)).place * 2
      const { envelopes, place } = await readAll(store, bob, future)
      expect(envelopes).toEqual([])
      expect(place).toBeLessThan(future)
      for (const device of [alice, bob]) await store.log.acknowledge(device.id, future)
      await say(store, alice, id, 'later')
      expect(await store.log.expire(0)).toBe(1)
      expect(await gists(store, bob, place)).toEqual(['later'])
    })

    test('a sequence rests on its conversation and the time, whatever goes on in others', async () => {
      const [busy, quiet] = [await open({ now: () => NOON }), await open({ now: () => NOON })]
      const shown: bigint[][] = []
      for (const { store, reopen } of [busy, quiet]) {
        const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
        const id = await converse(store, alice, bob)
        for (const text of ['one', 'two', 'three']) {
          if (store === busy.store) for (let more = 0; more < 20; more += 1) await converse(store, bob, alice)
          await say(store, alice, id, text)
        }
        const again = await reopen()
        await say(again, alice, id, 'four')
        const { envelopes } = await readAll(again, bob)
        shown.push(
          envelopes
            .filter(({ conversationId }) => Buffer.compare(conversationId, id) === 0)
            .map(({ sequence }) => sequence),
        )
      }
      const first = BigInt((NOON - Date.UTC(2025, 0, 1)) * 1_000)
      expect(shown[0]).toEqual([0n, 1n, 2n, 3n, 4n].map(count => first + count))
      expect(shown[1]).toEqual(shown[0])
    })

    test('sequences go up though the clock is set back and everything is deleted meanwhile', async () => {
      let now = NOON
      const { store, reopen } = await open({ now: () => now })
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await say(store, alice, id, 'one')
      const sequences = (await readAll(store, bob)).envelopes.map(({ sequence }) => sequence)
      await store.log.expire(NOON + 1)
      now -= 3_600_000
      const again = await reopen()
      await say(again, alice, id, 'two')
      const after = (await readAll(again, bob)).envelopes
      expect(after.map(gist)).toEqual(['missed 2', 'two'])
      sequences.push(...after.map(({ sequence }) => sequence))
      // The missed envelope stands where the last one stood that was deleted.
      expect(sequences.map(sequence => sequence - sequences[0]!)).toEqual([0n, 1n, 1n, 2n])
    })

    test('of what was deleted, one who was removed before is told up to there', async () => {
      const { store, reopen } = await open({ now: () => NOON })
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, alice, commit(alice, id, { epoch: 1n, removed: [bob] }))
      for (const text of ['after', 'that']) await say(store, alice, id, text)
      await store.log.expire(NOON + 1)
      const [missed, ...more] = (await readAll(await reopen(), bob)).envelopes
      expect([gist(missed!), more]).toEqual(['missed 2', []])
      expect(missed!.sequence).toBe(BigInt((NOON - Date.UTC(2025, 0, 1)) * 1_000) + 1n)
    })

    test('the place moves on when nothing was for the device', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const { place: before } = await readAll(store, bob)
      await converse(store, alice)
      const { envelopes, place } = await readAll(store, bob, before)
      expect(envelopes).toEqual([])
      expect(place).toBeGreaterThan(before)
    })
  })

  describe('watching', () => {
    test('members and the sender are woken, and what they then read is only what is new', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const places = [(await readAll(store, alice)).place, (await readAll(store, bob)).place]
      for (let round = 0; round < 5; round += 1) {
        const woken = Promise.all([nextWake(store, alice), nextWake(store, bob)])
        await say(store, alice, id, `round ${round}`)
        await woken
        const [mine, theirs] = [await readAll(store, alice, places[0]), await readAll(store, bob, places[1])]
        expect(mine.envelopes.map(gist)).toEqual([`own ${round + 2}`])
        expect(theirs.envelopes.map(gist)).toEqual([`round ${round}`])
        places.splice(0, 2, mine.place, theirs.place)
      }
    })

    test('a reader that stays watched reads everything, whatever is appended between its pages', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const ids = [await converse(store, alice, bob), await converse(store, alice, bob)]
      const stop = store.log.watch(bob.id, () => undefined)
      const read: string[] = []
      let place = (await readAll(store, bob)).place
      for (let round = 0; round < 40; round += 1) {
        await say(store, alice, ids[round % 2]!, `text ${round}`)
        if (round % 3 === 0) continue
        const page = { device: bob.id, after: place, maxEnvelopes: 1 + (round % 2), maxBytes: 10_000 }
        const result = await store.log.read(page)
        read.push(...result.envelopes.map(gist))
        place = result.place
      }
      read.push(...(await gists(store, bob, place)))
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
