// A conversation goes on in another one, also where its last commits were such that nobody took.

import { expect } from '@jest/globals'
import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import { random, type TestDevice } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  leave,
  rejectionOf,
} from '../support/contract-envelopes.js'
import { signedCommit } from '../support/contract-head.js'
import { onAnyServer, onOwnServer } from '../support/contract-server.js'
import type { Outgoing, TestStream } from '../support/contract-stream.js'
import { client, onEveryStore, withOwnServer } from '../support/contract-suite.js'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

interface Succession {
  old: Uint8Array
  /** Of the old one; by default after its creation and one commit. */
  epoch?: bigint
  id?: Uint8Array
  added?: readonly TestDevice[]
}

/** A conversation of the maker and the added in the place of the old one. */
function successor(
  maker: TestDevice,
  { old, epoch = 2n, id = random(16), added = [] }: Succession,
): Outgoing {
  const creation = commit(id, { epoch: 0n, creates: true, added })
  return signedCommit(maker, creation, { succeeds: old, succeedsEpoch: epoch })
}

async function accepted(stream: TestStream, ...outgoing: Outgoing[]): Promise<void> {
  const numbers = await stream.send(...outgoing)
  await stream.until(() => acceptedTo(stream) >= numbers.at(-1)!)
}

const people = (count: number): Promise<TestDevice[]> =>
  Promise.all(Array.from({ length: count }, () => client.register()))

const kinds = (stream: TestStream) => stream.envelopes().map(({ envelope }) => envelope.case)

/** In the order in which they are delivered: what each is, and of which of two conversations. */
const story = (envelopes: readonly Envelope[], old: Uint8Array): string[] =>
  envelopes.map(
    ({ conversationId, envelope }) =>
      `${Buffer.compare(conversationId, old) === 0 ? 'old' : 'new'} ${envelope.case}`,
  )

const shows = (stream: TestStream, count: number) => stream.until(() => kinds(stream).length >= count)

onEveryStore('a successor', () => {
  onAnyServer('is made by one of those whom a bad commit has removed, with all of them', async () => {
    const [mallory, anna, bert, carl] = (await people(4)) as [TestDevice, TestDevice, TestDevice, TestDevice]
    const [bad, first, second] = [
      await client.open(mallory),
      await client.open(anna),
      await client.open(bert),
    ]
    const old = await createConversation(bad, [anna, bert, carl])
    await accepted(bad, commit(old, { epoch: 1n, removed: [anna, bert, carl] }))
    await accepted(bad, application(old, { epoch: 2n }))
    await shows(first, 2)
    expect((await rejectionOf(first, application(old, { epoch: 2n }))).case).toBe('notAMember')
    const id = random(16)
    await accepted(first, successor(anna, { old, id, added: [bert, carl] }))
    await accepted(first, application(old, { epoch: 2n }))
    const late = await client.open(carl)
    await late.take('caughtUp')
    await Promise.all([shows(bad, 5), shows(first, 5), shows(second, 5)])
    const told = ['old welcome', 'old commit', 'old successor', 'new welcome', 'old application']
    for (const stream of [second, late]) expect(story(stream.envelopes(), old)).toEqual(told)
    expect(story(first.envelopes(), old)).toEqual([...told.slice(0, 3), 'new own', 'old own'])
    expect(story(bad.envelopes(), old)).toEqual([
      ...['old own', 'old own', 'old own'],
      ...['old successor', 'old application'],
    ])
    // It stands in one place of the order, for all.
    const places = [bad, first, second, late].map(
      stream => stream.envelopes().find(({ envelope }) => envelope.case === 'successor')?.sequence,
    )
    expect(new Set(places).size).toBe(1)
    for (const stream of [bad, first, second, late]) stream.end()
  })

  onAnyServer('is made by any of them, also after another one, and behind that', async () => {
    const [mallory, anna, bert] = (await people(3)) as [TestDevice, TestDevice, TestDevice]
    const [bad, first, second] = [
      await client.open(mallory),
      await client.open(anna),
      await client.open(bert),
    ]
    const old = await createConversation(bad, [anna, bert])
    await accepted(bad, commit(old, { epoch: 1n, removed: [anna, bert] }))
    const wrong = random(16)
    await accepted(bad, successor(mallory, { old, id: wrong, added: [anna] }))
    const last = random(16)
    await accepted(second, successor(bert, { old, id: last, added: [anna] }))
    await accepted(bad, commit(wrong, { epoch: 1n }))
    expect(await rejectionOf(bad, commit(old, { epoch: 2n }))).toMatchObject({
      ...{ case: 'succeeded', value: { conversationId: last } },
    })
    const expected = [
      ...['old welcome', 'old commit', 'old successor', 'new welcome'],
      ...['old successor', 'new welcome', 'new commit'],
    ]
    await shows(first, expected.length)
    expect(story(first.envelopes(), old)).toEqual(expected)
    first.end()
    await first.ended
    // From the beginning, all at once, as it was live.
    const again = await client.open(anna, { ack: false })
    await again.take('caughtUp')
    expect(story(again.envelopes(), old)).toEqual(expected)
    for (const stream of [bad, second, again]) stream.end()
  })

  onAnyServer(
    'is made by one of those whom a bad commit has removed, whatever was committed behind it',
    async () => {
      const [mallory, anna, bert, carl] = (await people(4)) as [
        TestDevice,
        TestDevice,
        TestDevice,
        TestDevice,
      ]
      const [bad, first, second] = [
        await client.open(mallory),
        await client.open(anna),
        await client.open(bert),
      ]
      const old = await createConversation(bad, [anna, bert, carl])
      await accepted(bad, commit(old, { epoch: 1n, removed: [anna, bert, carl] }), commit(old, { epoch: 2n }))
      // One that was removed has not seen the last commit.
      await accepted(first, successor(anna, { old, added: [bert] }))
      await accepted(first, application(old, { epoch: 3n }))
      const told = ['old welcome', 'old commit', 'old successor']
      await Promise.all([shows(bad, 5), shows(first, 5), shows(second, 5)])
      expect(story(first.envelopes(), old)).toEqual([...told, 'new own', 'old own'])
      expect(story(second.envelopes(), old)).toEqual([...told, 'new welcome', 'old application'])
      expect(story(bad.envelopes(), old)).toEqual([
        ...['old own', 'old own', 'old own'],
        ...['old successor', 'old application'],
      ])
      // One that the new conversation does not add is where it was, and may make another one.
      const third = await client.open(carl)
      await third.take('caughtUp')
      expect(story(third.envelopes(), old)).toEqual(['old welcome', 'old commit'])
      await accepted(third, successor(carl, { old, epoch: 3n, added: [mallory] }))
      await shows(third, 4)
      expect(story(third.envelopes(), old)).toEqual([...told, 'new own'])
      for (const stream of [bad, first, second, third]) stream.end()
    },
  )

  onAnyServer('puts nobody back whom an earlier commit has removed and that it does not add', async () => {
    const [anna, bert, carl] = (await people(3)) as [TestDevice, TestDevice, TestDevice]
    const [first, second] = [await client.open(anna), await client.open(bert)]
    const old = await createConversation(first, [bert, carl])
    await accepted(first, commit(old, { epoch: 1n, removed: [bert] }), commit(old, { epoch: 2n }))
    await accepted(first, commit(old, { epoch: 3n, removed: [carl] }))
    const third = await client.open(carl)
    await accepted(third, successor(carl, { old, epoch: 4n }))
    const other = await createConversation(first, [bert])
    await shows(second, 3)
    expect(story(second.envelopes(), old)).toEqual(['old welcome', 'old commit', 'new welcome'])
    expect(second.envelopes().at(-1)?.conversationId).toEqual(other)
    for (const stream of [first, second, third]) stream.end()
  })

  onOwnServer('is not made by one that was removed longer ago than the retention', async () => {
    const weekMs = 7 * 24 * HOUR_MS
    let now = Date.now() - weekMs
    const limits = { retentionSeconds: weekMs / 2_000 }
    await withOwnServer({ storeNow: () => now, limits, retentionEveryMs: 20 }, async own => {
      const [anna, bert, carl] = [await own.register(), await own.register(), await own.register()]
      const [first, second, third] = [await own.open(anna), await own.open(bert), await own.open(carl)]
      const old = await createConversation(first, [bert, carl])
      await accepted(first, commit(old, { epoch: 1n, removed: [bert] }))
      now += weekMs
      await accepted(first, commit(old, { epoch: 2n, removed: [carl] }), commit(old, { epoch: 3n }))
      // Asked, in an epoch that there was not, until the server has forgotten.
      const refusal = async () => (await rejectionOf(second, successor(bert, { old, epoch: 9n }))).case
      let answer = await refusal()
      while (answer === 'staleEpoch') answer = await refusal()
      expect(answer).toBe('notAMember')
      await accepted(third, successor(carl, { old, epoch: 4n }))
      for (const stream of [first, second, third]) stream.end()
    })
  })

  onAnyServer('is not made by one that left by itself, whoever removed its leaf', async () => {
    const [anna, bert, carl] = (await people(3)) as [TestDevice, TestDevice, TestDevice]
    const [first, second] = [await client.open(anna), await client.open(bert)]
    const old = await createConversation(first, [bert, carl])
    await accepted(second, leave(old, bert))
    const refused = (epoch: bigint) => rejectionOf(second, successor(bert, { old, epoch }))
    expect((await refused(1n)).case).toBe('notAMember')
    await accepted(first, commit(old, { epoch: 1n, removed: [bert, carl] }))
    expect((await refused(2n)).case).toBe('notAMember')
    // It stays away when the others are put back.
    const third = await client.open(carl)
    await accepted(third, successor(carl, { old, added: [bert] }))
    await shows(second, 3)
    expect(story(second.envelopes(), old)).toEqual(['old welcome', 'old own', 'new welcome'])
    for (const stream of [first, second, third]) stream.end()
  })

  onAnyServer('is made in an epoch that there was', async () => {
    const [anna, bert] = (await people(2)) as [TestDevice, TestDevice]
    const [first, second] = [await client.open(anna), await client.open(bert)]
    const old = await createConversation(first, [bert])
    await accepted(first, commit(old, { epoch: 1n, removed: [bert] }))
    const ahead = await rejectionOf(second, successor(bert, { old, epoch: 3n }))
    expect(ahead).toMatchObject({ case: 'staleEpoch', value: { currentEpoch: 2n } })
    expect(kinds(second)).toEqual(['welcome', 'commit'])
    for (const stream of [first, second]) stream.end()
  })

  onOwnServer('is the only one of its maker in a minute, and keeps no other from making one', async () => {
    let now = Date.now()
    await withOwnServer({ storeNow: () => now }, async own => {
      const [mallory, anna] = [await own.register(), await own.register()]
      const [bad, first] = [await own.open(mallory), await own.open(anna)]
      const old = await createConversation(bad, [anna])
      const another = (maker: TestDevice) => successor(maker, { old, epoch: 1n })
      await accepted(bad, another(mallory))
      now += 1_000
      for (const retryAfterMs of [MINUTE_MS - 1_000, MINUTE_MS - 2_000]) {
        const reason = await rejectionOf(bad, another(mallory))
        expect(reason).toMatchObject({ case: 'tooManySuccessors', value: { retryAfterMs } })
        now += 1_000
      }
      await accepted(first, another(anna))
      expect((await rejectionOf(first, another(anna))).case).toBe('tooManySuccessors')
      now += MINUTE_MS - 3_000
      await accepted(bad, another(mallory))
      expect((await rejectionOf(first, another(anna))).case).toBe('tooManySuccessors')
      for (const stream of [bad, first]) stream.end()
    })
  })
})
