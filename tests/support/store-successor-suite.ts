import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { BundleHeadSchema, type OutgoingEnvelope } from '../../gen/parley/v1/chat_pb.js'
import type { Store } from '../../services/server/store/store.js'
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

const MINUTE_MS = 60_000
const SIGNATURE = bytesOf('signature', 64)

export interface Succession {
  /** The conversation that is created. */
  id: Uint8Array
  /** The one that it succeeds. */
  succeeds: Uint8Array
  succeedsEpoch?: bigint
  succeedsAfter?: Uint8Array
  added?: TestDevice[]
  creates?: boolean
}

function headOf({ id, succeeds, succeedsEpoch = 1n, succeedsAfter }: Succession): Uint8Array {
  const after = succeedsAfter && { succeedsAfter }
  return toBinary(
    BundleHeadSchema,
    create(BundleHeadSchema, { conversationId: id, succeeds, succeedsEpoch, ...after }),
  )
}

export function succession(sender: TestDevice, given: Succession): OutgoingEnvelope {
  const { id, added = [], creates = true } = given
  const head = { head: headOf(given), headSignature: SIGNATURE }
  return commit(sender, id, { creates, added, with: head })
}

/** A conversation of Alice, who created it, Bob and Mallory. */
export async function scene(open: OpenStore, options: Parameters<OpenStore>[0] = {}) {
  const { store, reopen } = await open(options)
  const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
  const mallory = await register(store, 'mallory')
  const old = await converse(store, alice, bob, mallory)
  return { store, reopen, alice, bob, mallory, old }
}

export async function reasonFor(store: Store, sender: TestDevice, envelope: OutgoingEnvelope) {
  const outcome = await send(store, sender, envelope)
  return outcome.accepted ? 'accepted' : outcome.reason.case
}

export function successorSuite(open: OpenStore): void {
  describe('a conversation that succeeds another', () => {
    test('is made behind the last one that its maker was shown, and else not at all', async () => {
      const { store, reopen, alice, bob, mallory, old } = await scene(open)
      const [first, second] = [newConversationId(), newConversationId()]
      const NONE = new Uint8Array()
      const make = (on: Store, by: TestDevice, id: Uint8Array, succeedsAfter: Uint8Array) =>
        reasonFor(on, by, succession(by, { id, succeeds: old, succeedsAfter }))
      expect(await make(store, alice, first, bytesOf('none', 16))).toBe('malformed')
      expect(await make(store, alice, first, NONE)).toBe('accepted')
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        const late = await send(
          current,
          bob,
          succession(bob, { id: second, succeeds: old, succeedsAfter: NONE }),
        )
        expect(late).toMatchObject({
          reason: { case: 'succeeded', value: { conversationId: first } },
          after: expect.anything(),
        })
        if (!restart) continue
        expect(await make(current, bob, second, first)).toBe('accepted')
        expect(await make(current, mallory, newConversationId(), first)).toBe('succeeded')
        // The store takes it from a device that does not say what it was shown.
        expect(
          await reasonFor(current, mallory, succession(mallory, { id: newConversationId(), succeeds: old })),
        ).toBe('accepted')
      }
    })

    test('is told of in the order of that one, to all in it, before anything of the new one', async () => {
      const { store, reopen, alice, bob, mallory, old } = await scene(open)
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
      const { store, reopen, alice, bob, mallory, old } = await scene(open)
      const [first, second] = [newConversationId(), newConversationId()]
      await mustSend(store, alice, succession(alice, { id: first, succeeds: old }))
      await mustSend(store, mallory, succession(mallory, { id: second, succeeds: old }))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        const outcome = await send(current, bob, commit(bob, old, { epoch: 1n }))
        if (outcome.accepted) throw new Error('it was accepted')
        expect(outcome.reason).toMatchObject({ case: 'succeeded', value: { conversationId: second } })
        const { envelopes } = await readAll(current, bob, 0, { maxEnvelopes: 1 })
        expect(envelopes.map(gist)).toEqual(['welcome', 'successor', 'successor'])
        // The last of the two is what the sender has to have read.
        const placeOf = async (maxEnvelopes: number) =>
          (await current.log.read({ device: bob.id, after: 0, maxEnvelopes, maxBytes: 1e6 })).place
        expect(outcome.after).toBeGreaterThan(await placeOf(2))
        expect(outcome.after).toBeLessThanOrEqual(await placeOf(3))
      }
    })

    test('comes from a member, at the epoch of the old one, and is new', async () => {
      const { store, alice, bob, old } = await scene(open)
      const carol = await register(store, 'carol')
      const id = newConversationId()
      const of = (sender: TestDevice, change: Partial<Succession> = {}) =>
        reasonFor(store, sender, succession(sender, { id, succeeds: old, ...change }))
      expect(await of(carol)).toBe('notAMember')
      expect(await of(alice, { succeeds: newConversationId() })).toBe('unknownConversation')
      expect(await of(alice, { succeedsEpoch: 2n })).toBe('staleEpoch')
      await mustSend(store, bob, commit(bob, old, { epoch: 1n }))
      const ahead = await send(store, alice, succession(alice, { id, succeeds: old, succeedsEpoch: 3n }))
      expect(ahead).toMatchObject({ reason: { value: { currentEpoch: 2n } }, after: expect.any(Number) })
      const other = await converse(store, alice)
      const notNew = succession(alice, { id: other, succeeds: old, succeedsEpoch: 2n, creates: false })
      if (notNew.envelope.case === 'commit') notNew.envelope.value.epoch = 1n
      expect(await reasonFor(store, alice, notNew)).toBe('malformed')
      expect(await of(alice, { succeedsEpoch: 1n })).toBe('accepted')
    })

    test('is the only one of its maker in a minute, whatever others make', async () => {
      let now = Date.UTC(2026, 0, 1)
      const { store, reopen, alice, bob, mallory, old } = await scene(open, { now: () => now })
      const another = (sender: TestDevice, succeeds = old) =>
        succession(sender, { id: newConversationId(), succeeds })
      await mustSend(store, mallory, another(mallory))
      now += 1_000
      await mustSend(store, alice, another(alice))
      const again = await reopen()
      for (const [sender, retryAfterMs] of [
        [mallory, MINUTE_MS - 1_000],
        [alice, MINUTE_MS],
      ] as const)
        expect(await send(again, sender, another(sender))).toMatchObject({
          reason: { case: 'tooManySuccessors', value: { retryAfterMs } },
        })
      await mustSend(again, bob, another(bob))
      // Another conversation is another matter.
      await mustSend(again, mallory, another(mallory, await converse(again, mallory, alice)))
      now += MINUTE_MS - 1_000
      await mustSend(again, mallory, another(mallory))
      const last = await reopen()
      expect(await reasonFor(last, alice, another(alice))).toBe('tooManySuccessors')
      expect(await reasonFor(last, mallory, another(mallory))).toBe('tooManySuccessors')
      now -= 2 * MINUTE_MS
      expect(await reasonFor(last, alice, another(alice))).toBe('accepted')
    })

    test('with a head that is none is malformed', async () => {
      const { store, alice } = await scene(open)
      const bad = commit(alice, newConversationId(), { creates: true, with: { head: Uint8Array.of(0xff) } })
      expect(await reasonFor(store, alice, bad)).toBe('malformed')
    })
  })
}
