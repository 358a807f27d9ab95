import { describe, expect, test } from '@jest/globals'
import type { OutgoingEnvelope } from '../../gen/parley/v1/chat_pb.js'
import type { AppendOutcome, Store } from '../../services/server/store/store.js'
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

const reasonOf = (outcome: AppendOutcome | undefined) =>
  outcome?.accepted === false ? outcome.reason.case : 'accepted'

async function people(store: Store): Promise<{ alice: TestDevice; bob: TestDevice; carol: TestDevice }> {
  const [alice, bob, carol] = [
    await register(store, 'alice'),
    await register(store, 'bob'),
    await register(store, 'carol'),
  ]
  return { alice, bob, carol }
}

export function rejectionSuite(open: OpenStore): void {
  describe('client sequences', () => {
    test('a repeated send is accepted again and not stored again, also after a restart', async () => {
      const { store, reopen } = await open()
      const { alice, bob } = await people(store)
      const id = await converse(store, alice, bob)
      const hello = application(alice, id, { text: 'hello' })
      await mustSend(store, alice, hello)
      await mustSend(store, alice, hello)
      const again = await reopen()
      await mustSend(again, alice, hello)
      expect(await gists(again, bob)).toEqual(['welcome', 'hello'])
      expect(await again.log.clientSequence(alice.id)).toBe(2n)
      expect(await again.log.clientSequence(bob.id)).toBe(0n)
    })

    test('after a rejection the rest of the call is out of order until that number comes again', async () => {
      const { store } = await open()
      const { alice, bob } = await people(store)
      const id = await converse(store, alice, bob)
      const sends = [
        application(alice, id, { text: 'one', clientSequence: 2n }),
        application(alice, newConversationId(), { clientSequence: 3n }),
        application(alice, id, { text: 'three', clientSequence: 4n }),
      ]
      const outcomes = await store.log.append(alice.id, sends)
      expect(outcomes.map(reasonOf)).toEqual(['accepted', 'unknownConversation', 'outOfOrder'])
      expect(outcomes[2]).toMatchObject({ reason: { value: { expected: 3n } } })
      const repaired = [application(alice, id, { text: 'two', clientSequence: 3n }), sends[2]!]
      expect((await store.log.append(alice.id, repaired)).map(reasonOf)).toEqual(['accepted', 'accepted'])
      expect(await gists(store, bob)).toEqual(['welcome', 'one', 'two', 'three'])
    })

    test('two calls that send the same number at once store it once', async () => {
      const { store } = await open()
      const { alice, bob } = await people(store)
      const id = await converse(store, alice, bob)
      const hello = application(alice, id, { text: 'hello' })
      const outcomes = await Promise.all([1, 2, 3].map(() => store.log.append(alice.id, [hello])))
      expect(outcomes.flat().map(reasonOf)).toEqual(['accepted', 'accepted', 'accepted'])
      expect(await gists(store, bob)).toEqual(['welcome', 'hello'])
    })
  })

  describe('epochs', () => {
    test('one of the commits made in the same epoch is accepted; `after` is past the one that won', async () => {
      const { store } = await open()
      const { alice, bob } = await people(store)
      const id = await converse(store, alice, bob)
      const outcomes = await Promise.all(
        [alice, bob].map(device => send(store, device, commit(device, id, { epoch: 1n }))),
      )
      expect(outcomes.map(reasonOf).sort()).toEqual(['accepted', 'staleEpoch'])
      const lost = outcomes.findIndex(outcome => !outcome.accepted)
      const outcome = outcomes[lost]
      if (outcome?.accepted !== false) throw new Error('both were accepted')
      expect(outcome).toMatchObject({
        reason: { value: { currentEpoch: 2n } },
        after: expect.any(Number),
      })
      const loser = [alice, bob][lost]!
      expect((await gists(store, loser)).at(-1)).toBe('commit')
      expect(await gists(store, loser, outcome.after)).toEqual([])
    })

    test('a read that begins once a stale epoch is told reaches `after`; other rejections have none', async () => {
      const { store } = await open()
      const { alice, bob } = await people(store)
      const id = await converse(store, alice, bob)
      for (let epoch = 1n; epoch < 20n; epoch += 1n) {
        await mustSend(store, alice, commit(alice, id, { epoch }))
        const late = commit(bob, id, { epoch, clientSequence: 1n })
        const unknown = application(bob, newConversationId(), { clientSequence: 1n })
        const [stale, other] = await store.log.append(bob.id, [late, unknown])
        if (stale?.accepted !== false || !stale.after)
          throw new Error('a stale epoch has no place to wait for')
        const { place } = await readAll(store, bob, undefined, { maxEnvelopes: 1 + Number(epoch % 3n) })
        expect(place).toBeGreaterThanOrEqual(stale.after)
        expect(other).toMatchObject({ accepted: false, reason: { case: 'unknownConversation' } })
        expect(other).not.toHaveProperty('after')
      }
    })

    test('content may be as many epochs behind as the limit says, and not ahead', async () => {
      const { store } = await open()
      const { alice, bob } = await people(store)
      const id = await converse(store, alice, bob)
      for (const epoch of [1n, 2n, 3n]) await mustSend(store, alice, commit(alice, id, { epoch }))
      const at = (epoch: bigint) => send(store, bob, application(bob, id, { epoch })).then(reasonOf)
      expect([await at(1n), await at(2n), await at(4n), await at(5n)]).toEqual([
        'staleEpoch',
        'accepted',
        'accepted',
        'staleEpoch',
      ])
      expect(await at(2n ** 64n - 1n)).toBe('staleEpoch')
    })

    test('content is of an epoch in which everybody was there who is there now', async () => {
      const { store } = await open()
      const { alice, bob, carol } = await people(store)
      const id = await converse(store, alice, bob)
      const at = (epoch: bigint) => send(store, bob, application(bob, id, { epoch })).then(reasonOf)
      await mustSend(store, alice, commit(alice, id, { epoch: 1n }))
      expect(await at(1n)).toBe('accepted')
      await mustSend(store, alice, commit(alice, id, { epoch: 2n, added: [carol] }))
      expect([await at(1n), await at(2n), await at(3n)]).toEqual(['staleEpoch', 'staleEpoch', 'accepted'])
      await mustSend(store, alice, commit(alice, id, { epoch: 3n, removed: [carol] }))
      expect([await at(2n), await at(3n)]).toEqual(['staleEpoch', 'accepted'])
    })
  })

  describe('rejections', () => {
    const id = bytesOf('conversation', 16)
    type Case = [string, (who: Record<'alice' | 'bob' | 'carol', TestDevice>) => OutgoingEnvelope, string]
    const cases: Case[] = [
      ['no such conversation', ({ alice }) => application(alice, newConversationId()), 'unknownConversation'],
      [
        'a commit to no conversation',
        ({ alice }) => commit(alice, newConversationId()),
        'unknownConversation',
      ],
      [
        'a conversation that exists',
        ({ alice }) => commit(alice, id, { creates: true }),
        'conversationExists',
      ],
      ['content of a stranger', ({ carol }) => application(carol, id), 'notAMember'],
      [
        'a commit of a stranger',
        ({ carol }) => commit(carol, id, { epoch: 1n, added: [carol] }),
        'notAMember',
      ],
      ['long content', ({ alice }) => application(alice, id, { text: 'x'.repeat(1_001) }), 'tooLarge'],
      [
        'a large bundle',
        ({ alice }) => commit(alice, id, { epoch: 1n, with: { commit: bytesOf('large', 5_000) } }),
        'tooLarge',
      ],
      [
        'an unknown device',
        ({ alice }) => {
          const dave = { id: bytesOf('dave'), handle: 'dave', sent: 0n }
          return commit(alice, id, { epoch: 1n, added: [dave] })
        },
        'unknownDevice',
      ],
      ['no client sequence', ({ alice }) => application(alice, id, { clientSequence: 0n }), 'malformed'],
      ['a short conversation id', ({ alice }) => application(alice, id.slice(1)), 'malformed'],
      ['empty content', ({ alice }) => application(alice, id, { text: '' }), 'malformed'],
      [
        'an empty commit',
        ({ alice }) => commit(alice, id, { epoch: 1n, with: { commit: new Uint8Array() } }),
        'malformed',
      ],
      ['a member added', ({ alice, bob }) => commit(alice, id, { epoch: 1n, added: [bob] }), 'malformed'],
      [
        'a stranger removed',
        ({ alice, carol }) => commit(alice, id, { epoch: 1n, removed: [carol] }),
        'malformed',
      ],
      ['oneself removed', ({ alice }) => commit(alice, id, { epoch: 1n, removed: [alice] }), 'malformed'],
      [
        'one removed twice',
        ({ alice, bob }) => commit(alice, id, { epoch: 1n, removed: [bob, bob] }),
        'malformed',
      ],
      [
        'one added without a welcome',
        ({ alice, carol }) => commit(alice, id, { epoch: 1n, added: [carol], with: { welcomes: [] } }),
        'malformed',
      ],
      [
        'one welcomed twice',
        ({ alice, carol }) => {
          const welcomes = [{ deviceIds: [carol.id, carol.id], welcome: bytesOf('welcome') }]
          return commit(alice, id, { epoch: 1n, added: [carol], with: { welcomes } })
        },
        'malformed',
      ],
      [
        'a conversation that begins late',
        ({ alice }) => commit(alice, newConversationId(), { creates: true, epoch: 1n }),
        'malformed',
      ],
    ]

    test.each(cases)('%s', async (_name, make, expected) => {
      const { store } = await open({ applicationBytes: 1_000, commitBundleBytes: 4_000 })
      const who = await people(store)
      await mustSend(store, who.alice, commit(who.alice, id, { creates: true, added: [who.bob] }))
      const { place } = await readAll(store, who.bob)
      const sender = expected === 'notAMember' ? who.carol : who.alice
      expect(reasonOf(await send(store, sender, make(who)))).toBe(expected)
      expect(await gists(store, who.bob, place)).toEqual([])
      await mustSend(store, who.alice, application(who.alice, id, { text: 'fine' }))
      expect(await gists(store, who.bob, place)).toEqual(['fine'])
    })

    test('an ephemeral envelope is not for the log', async () => {
      const { store } = await open()
      const { alice, bob } = await people(store)
      const conversation = await converse(store, alice, bob)
      const envelope = application(alice, conversation)
      const value = { $typeName: 'parley.v1.EphemeralEnvelope', epoch: 1n, ciphertext: id } as const
      envelope.envelope = { case: 'ephemeral', value }
      expect(reasonOf(await send(store, alice, envelope))).toBe('malformed')
    })

    test('members of a conversation and conversations of a device are limited', async () => {
      const { store } = await open({ devicesPerConversation: 2, conversationsPerDevice: 2 })
      const { alice, bob, carol } = await people(store)
      const first = await converse(store, alice, bob)
      const third = commit(alice, first, { epoch: 1n, added: [carol] })
      expect(reasonOf(await send(store, alice, third))).toBe('tooManyMembers')
      await mustSend(store, alice, commit(alice, first, { epoch: 1n, added: [carol], removed: [bob] }))
      await converse(store, alice)
      const tooMany = await send(store, alice, commit(alice, newConversationId(), { creates: true }))
      expect(tooMany).toMatchObject({
        reason: { case: 'tooManyConversations', value: { deviceId: alice.id } },
      })
      const forAlice = await send(
        store,
        bob,
        commit(bob, newConversationId(), { creates: true, added: [alice] }),
      )
      // The creator pays, and nobody who is added.
      expect(forAlice.accepted).toBe(true)
      await converse(store, bob, alice)
      expect(reasonOf(await send(store, bob, commit(bob, newConversationId(), { creates: true })))).toBe(
        'tooManyConversations',
      )
    })

    test('an unregistered device is a member nowhere', async () => {
      const { store } = await open()
      const ghost = { id: bytesOf('ghost'), handle: 'ghost', sent: 0n }
      expect(reasonOf(await send(store, ghost, commit(ghost, id, { creates: true })))).toBe('notAMember')
      expect((await readAll(store, ghost)).envelopes).toEqual([])
    })
  })
}
