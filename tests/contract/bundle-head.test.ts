import { expect } from '@jest/globals'
import type { BundleHead } from '../../gen/parley/v1/chat_pb.js'
import { isHeadOfCommit, isHeadOfWelcome, readBundleHead } from '../../services/protocol/log/bundle-head.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { random } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  rejectionOf,
} from '../support/contract-envelopes.js'
import { signedCommit } from '../support/contract-head.js'
import { onAnyServer } from '../support/contract-server.js'
import type { Outgoing, TestStream } from '../support/contract-stream.js'
import { client, onEveryStore } from '../support/contract-suite.js'

async function accepted(stream: TestStream, outgoing: Outgoing): Promise<void> {
  const [number] = await stream.send(outgoing)
  await stream.until(() => acceptedTo(stream) >= number!)
}

onEveryStore('the head of a commit bundle', () => {
  onAnyServer('reaches the members with the commit, and the added with the welcome', async () => {
    const [anna, bert, carl] = [await client.register(), await client.register(), await client.register()]
    const [first, second] = [await client.open(anna), await client.open(bert)]
    const conversationId = await createConversation(first, [bert])
    await accepted(first, commit(conversationId, { epoch: 1n, added: [carl] }))
    const late = await client.open(carl)
    await late.take('caughtUp')
    await second.until(() => second.envelopes().length === 2)
    const [welcome, change] = [late.envelopes()[0]?.envelope, second.envelopes()[1]?.envelope]
    if (welcome?.case !== 'welcome' || change?.case !== 'commit') throw new Error('they were not delivered')
    for (const { head, headSignature } of [welcome.value, change.value])
      expect(readBundleHead(nodeCrypto, { head, headSignature })?.deviceId).toEqual(Uint8Array.from(anna.id))
    const head = readBundleHead(nodeCrypto, welcome.value)!
    expect(change.value.head).toEqual(welcome.value.head)
    expect(isHeadOfCommit(nodeCrypto, head, { conversationId, commit: change.value })).toBe(true)
    expect(isHeadOfWelcome(nodeCrypto, head, { conversationId, welcome: welcome.value })).toBe(true)
    for (const stream of [first, second, late]) stream.end()
  })

  onAnyServer.each<[string, Partial<BundleHead>]>([
    ['conversation', { conversationId: random(16) }],
    ['epoch', { epoch: 7n }],
    ['commit', { commitHash: random(32) }],
    ['welcome', { welcomeHashes: [random(32)] }],
    ['roster change', { rosterChangeHash: random(32) }],
    ['device', { deviceId: random(32) }],
  ])('of another %s is malformed, and the right one is taken then', async (_, change) => {
    const [anna, bert] = [await client.register(), await client.register()]
    const stream = await client.open(anna)
    const creation = commit(random(16), { epoch: 0n, creates: true, added: [bert] })
    expect((await rejectionOf(stream, signedCommit(anna, creation, change))).case).toBe('malformed')
    await accepted(stream, creation)
    stream.end()
  })

  onAnyServer(
    'of another device, without a signature or absent is malformed; what follows is out of order',
    async () => {
      const [anna, bert] = [await client.register(), await client.register()]
      const stream = await client.open(anna)
      const id = await createConversation(stream, [bert])
      const change = commit(id, { epoch: 1n })
      const foreign = signedCommit(bert, change)
      if (foreign.envelope?.case !== 'commit') throw new Error('it is no commit')
      const { value } = foreign.envelope
      const bad: Outgoing[] = [
        foreign,
        ...[random(40), Uint8Array.of(0)].map(head => ({
          conversationId: id,
          envelope: { case: 'commit' as const, value: { ...value, head } },
        })),
      ]
      for (const outgoing of bad) expect((await rejectionOf(stream, outgoing)).case).toBe('malformed')
      const numbers = await stream.send(foreign, application(id))
      await stream.until(
        () => stream.frames.filter(({ case: which }) => which === 'rejected').length > bad.length,
      )
      const last = stream.frames.findLast(frame => frame.case === 'rejected')
      if (last?.case !== 'rejected') throw new Error('nothing was rejected')
      expect(last.value.sends.map(({ clientSequence, reason }) => [clientSequence, reason.case])).toEqual([
        [numbers[0], 'malformed'],
        [numbers[1], 'outOfOrder'],
      ])
      stream.end()
    },
  )

  onAnyServer('that succeeds a conversation is put into its order, which takes no more commits', async () => {
    const [anna, bert, carl] = [await client.register(), await client.register(), await client.register()]
    const [first, second, third] = [await client.open(anna), await client.open(bert), await client.open(carl)]
    const old = await createConversation(first, [bert, carl])
    const id = random(16)
    const creation = commit(id, { epoch: 0n, creates: true, added: [bert] })
    await accepted(first, signedCommit(anna, creation, { succeeds: old, succeedsEpoch: 1n }))
    const kinds = (stream: TestStream) => stream.envelopes().map(({ envelope }) => envelope.case)
    await second.until(() => kinds(second).length === 3)
    await third.until(() => kinds(third).length === 2)
    await first.until(() => kinds(first).length === 3)
    expect([kinds(first), kinds(second), kinds(third)]).toEqual([
      ['own', 'successor', 'own'],
      ['welcome', 'successor', 'welcome'],
      ['welcome', 'successor'],
    ])
    const told = third.envelopes()[1]!
    expect(told.conversationId).toEqual(old)
    if (told.envelope.case !== 'successor') throw new Error('it was told of no successor')
    expect(told.envelope.value.conversationId).toEqual(id)
    const head = readBundleHead(nodeCrypto, told.envelope.value)
    expect(head).toMatchObject({ succeeds: old, succeedsEpoch: 1n, deviceId: Uint8Array.from(anna.id) })
    const over = await rejectionOf(third, commit(old, { epoch: 1n }))
    expect(over).toMatchObject({ case: 'succeeded', value: { conversationId: id } })
    await accepted(third, application(old))
    for (const stream of [first, second, third]) stream.end()
  })
})
