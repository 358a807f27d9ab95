import { expect } from '@jest/globals'
import { random, type TestDevice } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  rejectionOf,
} from '../support/contract-envelopes.js'
import { onAnyServer } from '../support/contract-server.js'
import type { Outgoing, TestStream } from '../support/contract-stream.js'
import { client, onEveryStore } from '../support/contract-suite.js'
import { type StatementFields, statementInit } from '../support/rejoin-statements.js'

function rejoin(conversationId: Uint8Array, device: TestDevice, init: StatementFields = {}): Outgoing {
  const drawn = { nonce: random(16), signature: random(64) }
  const value = statementInit({ groupId: conversationId, deviceKey: device.id, ...drawn, ...init })
  return { conversationId, envelope: { case: 'rejoin', value } }
}

const kinds = (stream: TestStream) => stream.envelopes().map(({ envelope }) => envelope.case)

async function accepted(stream: TestStream, outgoing: Outgoing): Promise<void> {
  const [number] = await stream.send(outgoing)
  await stream.until(() => acceptedTo(stream) >= number!)
}

onEveryStore('a rejoin request', () => {
  onAnyServer('is stored and shown to the others as it was sent, and to its sender as its own', async () => {
    const [anna, bert, carl] = await Promise.all([1, 2, 3].map(() => client.register()))
    const [first, second] = [await client.open(anna!), await client.open(bert!)]
    const id = await createConversation(first, [bert!, carl!])
    const request = rejoin(id, bert!)
    await accepted(second, request)
    await first.until(() => kinds(first).length === 2)
    await second.until(() => kinds(second).length === 2)
    expect(first.envelopes()[1]!.envelope).toMatchObject(request.envelope!)
    expect(second.envelopes()[1]!.envelope).toMatchObject({ case: 'own', value: { clientSequence: 1n } })
    const late = await client.open(carl!)
    await late.take('caughtUp')
    expect(kinds(late)).toEqual(['welcome', 'rejoin'])
    expect(late.envelopes()[1]!.envelope).toMatchObject(request.envelope!)
    for (const stream of [first, second, late]) stream.end()
  })

  onAnyServer('needs no epoch, and takes a number of its sender like every send', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const [first, second] = [await client.open(anna), await client.open(bert)]
    const id = await createConversation(first, [bert])
    for (const epoch of [1n, 2n, 3n, 4n]) await accepted(first, commit(id, { epoch }))
    const request = { ...rejoin(id, bert), clientSequence: 1n }
    for (const _ of [1, 2]) await second.send(request)
    await second.take('accepted')
    await second.send({ ...application(id, { epoch: 5n }), clientSequence: 2n })
    await first.until(() => kinds(first).length === 7)
    expect(kinds(first).slice(5)).toEqual(['rejoin', 'application'])
    for (const stream of [first, second]) stream.end()
  })

  onAnyServer('is malformed with a field that breaks its rule, or for another device or group', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const stream = await client.open(anna)
    const id = await createConversation(stream, [bert])
    for (const bad of [
      rejoin(id, anna, { nonce: random(15) }),
      rejoin(id, anna, { nonce: new Uint8Array() }),
      rejoin(id, anna, { blindedHead: random(31) }),
      rejoin(id, anna, { signature: random(63) }),
      rejoin(id, anna, { statement: random(200) }),
      rejoin(id, anna, { groupId: random(16) }),
      rejoin(id, bert),
    ])
      expect((await rejectionOf(stream, bad)).case).toBe('malformed')
    await accepted(stream, rejoin(id, anna))
    stream.end()
  })

  onAnyServer('is for members only', async () => {
    const [anna, carl] = [await client.register(), await client.register()]
    const [first, stranger] = [await client.open(anna), await client.open(carl)]
    const id = await createConversation(first)
    expect((await rejectionOf(stranger, rejoin(id, carl))).case).toBe('notAMember')
    expect((await rejectionOf(stranger, rejoin(random(16), carl))).case).toBe('unknownConversation')
    for (const stream of [first, stranger]) stream.end()
  })

  onAnyServer('is followed by a removal and a new welcome, and the device reads on from there', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const [first, second] = [await client.open(anna), await client.open(bert)]
    const id = await createConversation(first, [bert])
    await accepted(second, rejoin(id, bert))
    await accepted(first, commit(id, { epoch: 1n, removed: [bert] }))
    await accepted(first, application(id, { epoch: 2n }))
    expect((await rejectionOf(second, application(id, { epoch: 2n }))).case).toBe('notAMember')
    await accepted(first, commit(id, { epoch: 2n, added: [bert] }))
    await accepted(first, application(id, { epoch: 3n }))
    await accepted(second, application(id, { epoch: 3n }))
    const expected = ['welcome', 'own', 'commit', 'welcome', 'application', 'own']
    await second.until(() => kinds(second).length === expected.length)
    expect(kinds(second)).toEqual(expected)
    second.end()
    await second.ended
    const whole = await client.open(bert)
    await whole.take('caughtUp')
    expect(kinds(whole)).toEqual(expected)
    for (const stream of [first, whole]) stream.end()
  })
})
