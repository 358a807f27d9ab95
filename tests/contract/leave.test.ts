import { expect } from '@jest/globals'
import { verifyLeave } from '../../services/protocol/log/roster-leave.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { random } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  leave,
  rejectionOf,
} from '../support/contract-envelopes.js'
import { onAnyServer } from '../support/contract-server.js'
import type { Outgoing, TestStream } from '../support/contract-stream.js'
import { client, onEveryStore } from '../support/contract-suite.js'

const kinds = (stream: TestStream) => stream.envelopes().map(({ envelope }) => envelope.case)

async function accepted(stream: TestStream, outgoing: Outgoing): Promise<void> {
  const [number] = await stream.send(outgoing)
  await stream.until(() => acceptedTo(stream) >= number!)
}

onEveryStore('a device that leaves by itself', () => {
  onAnyServer('is shown nothing more of it, and the others what it signed', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const [first, second] = [await client.open(anna), await client.open(bert)]
    const id = await createConversation(first, [bert])
    await accepted(second, leave(id, bert))
    await first.until(() => kinds(first).length === 2)
    const [, told] = first.envelopes()
    if (told?.envelope.case !== 'leave') throw new Error('anna was told of no leave')
    const said = { conversationId: id, leave: told.envelope.value }
    expect(verifyLeave(nodeCrypto, said)).toBe(true)
    expect(said.leave.deviceId).toEqual(Uint8Array.from(bert.id))
    await accepted(first, application(id))
    await accepted(first, commit(id, { epoch: 1n, removed: [bert] }))
    await accepted(first, commit(id, { epoch: 2n, added: [bert] }))
    const expected = ['welcome', 'own', 'welcome']
    await second.until(() => kinds(second).length === expected.length)
    expect(kinds(second)).toEqual(expected)
    for (const stream of [first, second]) stream.end()
  })

  onAnyServer('had been a member, in its own name, since the epoch that it names', async () => {
    const [anna, bert, carl] = [await client.register(), await client.register(), await client.register()]
    const [first, stranger] = [await client.open(anna), await client.open(carl)]
    const id = await createConversation(first, [bert])
    expect((await rejectionOf(stranger, leave(id, carl))).case).toBe('notAMember')
    expect((await rejectionOf(stranger, leave(random(16), carl))).case).toBe('unknownConversation')
    expect((await rejectionOf(first, leave(id, bert))).case).toBe('malformed')
    expect((await rejectionOf(first, leave(id, anna, 2n))).case).toBe('staleEpoch')
    await accepted(first, leave(id, anna))
    for (const stream of [first, stranger]) stream.end()
  })
})
