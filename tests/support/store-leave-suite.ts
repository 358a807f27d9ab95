import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { type OutgoingEnvelope, OutgoingEnvelopeSchema } from '../../gen/parley/v1/chat_pb.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  bytesOf,
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

export function leave(sender: TestDevice, conversationId: Uint8Array, epoch = 1n): OutgoingEnvelope {
  const value = {
    nonce: bytesOf('nonce', 16),
    signature: bytesOf('signature', 64),
    deviceId: sender.id,
    epoch,
  }
  return create(OutgoingEnvelopeSchema, {
    clientSequence: sender.sent + 1n,
    conversationId,
    envelope: { case: 'leave', value },
  })
}

export function leaveSuite(open: OpenStore): void {
  describe('leaving', () => {
    test('ends what a device is shown, and what is taken from it; the others are told as it came', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const said = leave(bob, id)
      await mustSend(store, bob, said)
      await mustSend(store, bob, said)
      await mustSend(store, alice, application(alice, id, { text: 'behind them' }))
      const late = await send(store, bob, application(bob, id))
      expect(late).toMatchObject({ accepted: false, reason: { case: 'notAMember' } })
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect(await gists(current, bob)).toEqual(['welcome', 'own 1'])
        const { envelopes } = await readAll(current, alice)
        expect(envelopes.map(({ envelope }) => envelope.case)).toEqual(['own', 'leave', 'own'])
        expect(envelopes[1]!.envelope).toEqual(said.envelope)
        expect(await current.log.roster(id)).toEqual([alice.id])
        expect(await current.log.conversations(bob.id)).toEqual([])
      }
    })

    test('wakes who stays and who goes', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const woken = Promise.all(
        [alice, bob].map(
          device => new Promise<void>(resolve => void store.log.watch(device.id, () => resolve())),
        ),
      )
      await mustSend(store, bob, leave(bob, id))
      await woken
    })

    test('leaves a leaf that a commit removes, also after all was read and deleted; then it may come again', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, bob, leave(bob, id))
      for (const device of [alice, bob])
        await store.log.acknowledge(device.id, (await readAll(store, device)).place)
      expect(await store.log.expire(0)).toBe(2)
      const again = await reopen()
      const early = await send(again, alice, commit(alice, id, { epoch: 1n, added: [bob] }))
      expect(early).toMatchObject({ accepted: false, reason: { case: 'malformed' } })
      const { place } = await readAll(again, bob)
      await mustSend(again, alice, commit(alice, id, { epoch: 1n, removed: [bob] }))
      // Its time there was over before.
      expect(await gists(again, bob, place)).toEqual([])
      const twice = await send(again, alice, commit(alice, id, { epoch: 2n, removed: [bob] }))
      expect(twice).toMatchObject({ accepted: false, reason: { case: 'malformed' } })
      await mustSend(again, alice, commit(alice, id, { epoch: 2n, added: [bob] }))
      expect(await gists(await reopen(), bob, place)).toEqual(['welcome'])
    })

    test('is of one time there: after a removal and a new welcome, the old word counts no more', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, alice, commit(alice, id, { epoch: 1n, removed: [bob] }))
      const removed = await send(store, bob, leave(bob, id))
      expect(removed).toMatchObject({ accepted: false, reason: { case: 'notAMember' } })
      await mustSend(store, alice, commit(alice, id, { epoch: 2n, added: [bob] }))
      const again = await reopen()
      const old = await send(again, bob, leave(bob, id))
      expect(old).toMatchObject({ accepted: false, reason: { value: { currentEpoch: 3n } } })
      await mustSend(again, bob, leave(bob, id, 3n))
      expect(await again.log.roster(id)).toEqual([alice.id])
    })

    test('of the last one ends a conversation, and makes room for another', async () => {
      const { store, reopen } = await open({ conversationsPerDevice: 2 })
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const [first] = [await converse(store, alice, bob), await converse(store, alice)]
      const another = () => commit(alice, newConversationId(), { creates: true })
      await mustSend(store, alice, leave(alice, first))
      // Bob is in it still.
      const over = await send(store, alice, another())
      expect(over).toMatchObject({ reason: { case: 'tooManyConversations', value: { deviceId: alice.id } } })
      await mustSend(store, bob, leave(bob, first))
      expect(await store.log.roster(first)).toEqual([])
      const again = await reopen()
      await mustSend(again, alice, another())
      expect((await send(again, alice, another())).accepted).toBe(false)
      const taken = await send(again, alice, commit(alice, first, { creates: true }))
      expect(taken).toMatchObject({ reason: { case: 'conversationExists' } })
    })
  })
}
