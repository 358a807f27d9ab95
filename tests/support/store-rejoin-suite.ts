import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { type OutgoingEnvelope, OutgoingEnvelopeSchema } from '../../gen/parley/v1/chat_pb.js'
import { statementInit } from './rejoin-statements.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  bytesOf,
  commit,
  converse,
  gists,
  mustSend,
  readAll,
  register,
  send,
  type TestDevice,
} from './store-world.js'

function rejoin(
  sender: TestDevice,
  conversationId: Uint8Array,
  fields: Parameters<typeof statementInit>[0] = {},
): OutgoingEnvelope {
  const value = statementInit({ groupId: conversationId, deviceKey: sender.id, ...fields })
  return create(OutgoingEnvelopeSchema, {
    clientSequence: sender.sent + 1n,
    conversationId,
    envelope: { case: 'rejoin', value },
  })
}

export function rejoinSuite(open: OpenStore): void {
  describe('rejoining', () => {
    test('a request is stored in its place and shown as it came, also after a restart', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, bob, application(bob, id, { text: 'lost' }))
      const request = rejoin(bob, id)
      await mustSend(store, bob, request)
      await mustSend(store, bob, request)
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect(await gists(current, bob)).toEqual(['welcome', 'own 1', 'own 2'])
        const { envelopes } = await readAll(current, alice)
        expect(envelopes.map(({ envelope }) => envelope.case)).toEqual(['own', 'application', 'rejoin'])
        expect(envelopes[2]!.envelope).toEqual(request.envelope)
      }
    })

    test('a member that is removed and added again reads both times, and nothing between', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const stop = store.log.watch(bob.id, () => undefined)
      await readAll(store, bob)
      await mustSend(store, bob, rejoin(bob, id))
      await mustSend(store, alice, commit(alice, id, { epoch: 1n, removed: [bob] }))
      await mustSend(store, alice, application(alice, id, { epoch: 2n, text: 'between' }))
      await mustSend(store, alice, commit(alice, id, { epoch: 2n, added: [bob] }))
      await mustSend(store, alice, application(alice, id, { epoch: 3n, text: 'back' }))
      const expected = ['welcome', 'own 1', 'commit', 'welcome', 'back']
      expect(await gists(store, bob)).toEqual(expected)
      stop()
      const again = await reopen()
      expect(await gists(again, bob)).toEqual(expected)
      expect(await again.log.conversations(bob.id)).toEqual([id])
      const { place } = await readAll(again, bob)
      for (const device of [alice, bob]) await again.log.acknowledge(device.id, place)
      expect(await again.log.expire(0)).toBe(6)
      await mustSend(again, alice, application(alice, id, { epoch: 3n, text: 'later' }))
      expect(await gists(again, bob, place)).toEqual(['later'])
    })

    test('a member that one commit removes and adds again reads its welcome in place of the commit, and goes on', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, bob, rejoin(bob, id))
      await mustSend(store, alice, commit(alice, id, { epoch: 1n, removed: [bob], added: [bob] }))
      await mustSend(store, alice, application(alice, id, { epoch: 2n, text: 'back' }))
      await mustSend(store, bob, application(bob, id, { epoch: 2n, text: 'here' }))
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect(await gists(current, bob)).toEqual(['welcome', 'own 1', 'welcome', 'back', 'own 2'])
        expect(await current.log.conversations(bob.id)).toEqual([id])
        expect((await current.log.roster(id))?.length).toBe(2)
      }
    })

    test.each([
      ['a nonce that is short', { nonce: new Uint8Array(15) }],
      ['a head that is long', { blindedHead: new Uint8Array(33) }],
      ['a signature that is long', { signature: new Uint8Array(65) }],
      ['bytes that are no statement', { statement: bytesOf('no statement') }],
      ['another device', { deviceKey: bytesOf('another') }],
      ['another group', { groupId: new Uint8Array(16) }],
    ])('%s is malformed', async (_, fields) => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      const outcome = await send(store, bob, rejoin(bob, id, fields))
      expect(outcome).toMatchObject({ accepted: false, reason: { case: 'malformed' } })
    })
  })
}
