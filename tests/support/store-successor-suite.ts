import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { BundleHeadSchema, type OutgoingEnvelope } from '../../gen/parley/v1/chat_pb.js'
import { bytesKey } from '../../services/server/bytes.js'
import type { Store } from '../../services/server/store/store.js'
import { leave } from './store-leave-suite.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  bytesOf,
  commit,
  converse,
  gist,
  gists,
  mustSend,
  newConversationId,
  readAll,
  register,
  send,
  type TestDevice,
} from './store-world.js'

const HOUR_MS = 3_600_000
const SIGNATURE = bytesOf('signature', 64)

interface Succession {
  /** The conversation that is created. */
  id: Uint8Array
  /** The one that it succeeds. */
  succeeds: Uint8Array
  succeedsEpoch?: bigint
  added?: TestDevice[]
  creates?: boolean
}

function headOf({ id, succeeds, succeedsEpoch = 1n }: Succession): Uint8Array {
  return toBinary(BundleHeadSchema, create(BundleHeadSchema, { conversationId: id, succeeds, succeedsEpoch }))
}

function succession(sender: TestDevice, given: Succession): OutgoingEnvelope {
  const { id, added = [], creates = true } = given
  const head = { head: headOf(given), headSignature: SIGNATURE }
  return commit(sender, id, { creates, added, with: head })
}

export function successorSuite(open: OpenStore): void {
  async function scene(options: Parameters<OpenStore>[0] = {}) {
    const { store, reopen } = await open(options)
    const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
    const mallory = await register(store, 'mallory')
    const old = await converse(store, alice, bob, mallory)
    return { store, reopen, alice, bob, mallory, old }
  }

  const reasonFor = async (store: Store, sender: TestDevice, envelope: OutgoingEnvelope) => {
    const outcome = await send(store, sender, envelope)
    return outcome.accepted ? 'accepted' : outcome.reason.case
  }

  describe('a conversation that succeeds another', () => {
    test('is told of in the order of that one, to all in it, before anything of the new one', async () => {
      const { store, reopen, alice, bob, mallory, old } = await scene()
      const id = newConversationId()
      const made = succession(alice, { id, succeeds: old, added: [bob] })
      await mustSend(store, alice, made)
      await mustSend(store, alice, made)
      await mustSend(store, mallory, application(mallory, old, { text: 'still here' }))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect(await gists(current, alice)).toEqual(['own 1', 'successor', 'own 2', 'still here'])
        expect(await gists(current, bob)).toEqual(['welcome', 'successor', 'welcome', 'still here'])
        expect(await gists(current, mallory)).toEqual(['welcome', 'successor', 'own 1'])
        const [, told, welcome] = (await readAll(current, bob)).envelopes
        expect(told).toMatchObject({ conversationId: old })
        const head = headOf({ id, succeeds: old })
        expect(told!.envelope.value).toMatchObject({ conversationId: id, head, headSignature: SIGNATURE })
        expect(welcome).toMatchObject({ conversationId: id })
        expect(welcome!.envelope.value).toMatchObject({ epoch: 1n, head, headSignature: SIGNATURE })
      }
    })

    test('ends the commits of the old one, which are told what succeeded it once that is read', async () => {
      const { store, reopen, alice, bob, mallory, old } = await scene()
      const [first, second] = [newConversationId(), newConversationId()]
      await mustSend(store, alice, succession(alice, { id: first, succeeds: old }))
      await mustSend(store, mallory, succession(mallory, { id: second, succeeds: old }))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        const outcome = await send(current, bob, commit(bob, old, { epoch: 1n }))
        if (outcome.accepted) throw new Error('it was accepted')
        expect(outcome.reason).toMatchObject({ case: 'succeeded', value: { conversationId: first } })
        const { envelopes } = await readAll(current, bob, 0, { maxEnvelopes: 1 })
        expect(envelopes.map(gist)).toEqual(['welcome', 'successor', 'successor'])
        // The first of the two is what the sender has to have read.
        const upTo = await current.log.read({ device: bob.id, after: 0, maxEnvelopes: 2, maxBytes: 1e6 })
        expect(outcome.after).toBe(upTo.place)
      }
    })

    test('comes from a member, at the epoch of the old one, and is new', async () => {
      const { store, alice, bob, old } = await scene()
      const carol = await register(store, 'carol')
      const id = newConversationId()
      const of = (sender: TestDevice, change: Partial<Succession> = {}) =>
        reasonFor(store, sender, succession(sender, { id, succeeds: old, ...change }))
      expect(await of(carol)).toBe('notAMember')
      expect(await of(alice, { succeeds: newConversationId() })).toBe('unknownConversation')
      expect(await of(alice, { succeedsEpoch: 2n })).toBe('staleEpoch')
      await mustSend(store, bob, commit(bob, old, { epoch: 1n }))
      const late = await send(store, alice, succession(alice, { id, succeeds: old }))
      expect(late).toMatchObject({ reason: { value: { currentEpoch: 2n } }, after: expect.any(Number) })
      const other = await converse(store, alice)
      const notNew = succession(alice, { id: other, succeeds: old, succeedsEpoch: 2n, creates: false })
      if (notNew.envelope.case === 'commit') notNew.envelope.value.epoch = 1n
      expect(await reasonFor(store, alice, notNew)).toBe('malformed')
      expect(await of(alice, { succeedsEpoch: 2n })).toBe('accepted')
    })

    test('is the only one of its maker in an hour, whatever others make', async () => {
      let now = Date.UTC(2026, 0, 1)
      const { store, reopen, alice, bob, mallory, old } = await scene({ now: () => now })
      const another = (sender: TestDevice, succeeds = old) =>
        succession(sender, { id: newConversationId(), succeeds })
      await mustSend(store, mallory, another(mallory))
      now += 1_000
      await mustSend(store, alice, another(alice))
      const again = await reopen()
      for (const [sender, retryAfterMs] of [
        [mallory, HOUR_MS - 1_000],
        [alice, HOUR_MS],
      ] as const)
        expect(await send(again, sender, another(sender))).toMatchObject({
          reason: { case: 'tooManySuccessors', value: { retryAfterMs } },
        })
      await mustSend(again, bob, another(bob))
      // Another conversation is another matter.
      await mustSend(again, mallory, another(mallory, await converse(again, mallory, alice)))
      now += HOUR_MS - 1_000
      await mustSend(again, mallory, another(mallory))
      const last = await reopen()
      expect(await reasonFor(last, alice, another(alice))).toBe('tooManySuccessors')
      expect(await reasonFor(last, mallory, another(mallory))).toBe('tooManySuccessors')
      now -= 2 * HOUR_MS
      expect(await reasonFor(last, alice, another(alice))).toBe('accepted')
    })

    test('with a head that is none is malformed', async () => {
      const { store, alice } = await scene()
      const bad = commit(alice, newConversationId(), { creates: true, with: { head: Uint8Array.of(0xff) } })
      expect(await reasonFor(store, alice, bad)).toBe('malformed')
    })
  })

  describe('a conversation whose last commit has removed devices', () => {
    /** Mallory removes the others in epoch 1; Carol has left before. */
    async function kicked(options: Parameters<OpenStore>[0] = {}) {
      const { store, reopen, alice, bob, mallory } = await scene(options)
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

    test('is not succeeded by one whom an earlier commit has removed, nor by one that left by itself', async () => {
      const { reopen, alice, bob, carol, mallory, old } = await kicked()
      const again = await reopen()
      expect(await reasonFor(again, carol, succession(carol, of(old)))).toBe('notAMember')
      expect(await reasonFor(again, alice, succession(alice, of(old, { succeedsEpoch: 1n })))).toBe(
        'staleEpoch',
      )
      await mustSend(again, mallory, commit(mallory, old, { epoch: 2n, added: [bob] }))
      await mustSend(again, bob, leave(bob, old, 3n))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : again
        for (const sender of [alice, bob, carol])
          expect(await reasonFor(current, sender, succession(sender, of(old, { succeedsEpoch: 3n })))).toBe(
            'notAMember',
          )
      }
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
