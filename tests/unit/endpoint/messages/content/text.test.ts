// Text that a person writes, where it arrives and where it comes back.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { HistoryLineSchema } from '../../../../../gen/parley/content/v1/chain_pb.js'
import { MessageKind } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { sequenceOf } from '../../../../../services/endpoint/ids.js'
import { checkText, text, writeText } from '../../../../../services/endpoint/messages/content/text.js'
import { waitingLines } from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { recordOf } from '../../../../../services/endpoint/vault/records.js'
import {
  makeTextStatement,
  type TextStatement,
} from '../../../../../services/protocol/conversation/text-statement.js'
import { nodeCrypto } from '../../../../../services/protocol/node/crypto.js'
import { TEXT_BYTES } from '../../../../../services/protocol/sizes.js'
import { openTestContext, pinned, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const phone = secondDevice(alice)

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob, phone], room: {} })
})

const history = () => testing.context.conversations.history(group.conversation)
const body = { case: 'text', value: { text: 'hello' } } as const

describe('a text that arrives', () => {
  test('is shown with who wrote it and when', async () => {
    await group.take(bob, { body, sentAtMs: 77n })
    expect(history()).toMatchObject([
      { kind: 'text', from: 'bob', own: false, text: 'hello', state: 'received', sentAt: new Date(77) },
    ])
    expect(history()[0]?.otherKey).toBeUndefined()
    expect(testing.told).toMatchObject([{ type: 'message', entry: { text: 'hello' } }])
  })

  test('of another device of this account is an own one, and is stored', async () => {
    await group.take(phone, { body })
    expect(history()).toMatchObject([{ from: 'alice', own: true, state: 'stored' }])
  })

  test('of somebody whose handle is another account’s is marked', async () => {
    await pinned(testing, makeAccount('bob'))
    await testing.written((tx, { context }) => context.contacts.accept(tx, 'bob'))
    await group.take(bob, { body })
    expect(history()).toMatchObject([{ from: expect.stringMatching(/^bob~.{8}$/), otherKey: true }])
  })

  test('after this account has left is not shown', async () => {
    await group.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await group.take(bob, { body })
    await group.take(phone, { body })
    expect(history()).toEqual([])
    expect(testing.told).toEqual([])
  })
})

describe('a text that its device has not signed for its place', () => {
  const place = () => ({
    ...{ conversationId: group.live.held.state.id, groupId: group.live.held.groupId },
    ...{ count: 3n, joinedEpoch: group.live.record.joinedEpoch, sentAt: 77 },
    text: 'hello',
  })
  const bobs = { accountKey: bob.account.publicKey, device: bob.device }
  const at = { count: 3n, sentAtMs: 77n }
  const saying = (signed: ReturnType<typeof makeTextStatement>) =>
    ({ ...at, body: { case: 'text', value: { signed } } }) as const
  const refused = { kind: 'unreadable', cause: { code: 'bad-content', from: 'bob' } }

  test('is shown where all of it is as in the content', async () => {
    await group.take(bob, saying(makeTextStatement(nodeCrypto, place(), bobs)))
    expect(history()).toMatchObject([{ text: 'hello' }])
    expect(testing.context.certificates.get(bob.device.publicKey)).toEqual(bob.certificate)
  })

  test.each<[string, () => Partial<TextStatement>]>([
    ['of another conversation', () => ({ conversationId: new Uint8Array(32) })],
    ['of another group', () => ({ groupId: new Uint8Array(16) })],
    ['of another count', () => ({ count: 4n })],
    ['of another stay', () => ({ joinedEpoch: 9n })],
    ['of another time', () => ({ sentAt: 78 })],
  ])('%s is not shown, and it is told', async (_, wrong) => {
    await group.take(bob, saying(makeTextStatement(nodeCrypto, { ...place(), ...wrong() }, bobs)))
    expect(history()).toMatchObject([refused])
    expect(testing.context.certificates.get(bob.device.publicKey)).toBeUndefined()
  })

  test.each([
    ['of another device of the account', { ...bobs, device: secondDevice(bob).device }],
    ['for another account', { ...bobs, accountKey: alice.account.publicKey }],
  ])('%s is not shown', async (_, writer) => {
    await group.take(bob, saying(makeTextStatement(nodeCrypto, place(), writer)))
    expect(history()).toMatchObject([refused])
  })

  test('is not shown without a signature, or with a wrong one', async () => {
    await group.take(bob, { body: { case: 'text', value: {} } })
    const signed = makeTextStatement(nodeCrypto, place(), bobs)
    await group.take(bob, saying({ ...signed, signature: new Uint8Array(64) }))
    expect(history()).toMatchObject([refused, refused])
  })

  test('that is said again keeps the count that it had', async () => {
    const again = { resentCount: 3n, count: 8n }
    const signed = makeTextStatement(nodeCrypto, place(), bobs)
    await group.take(bob, { ...saying(signed), ...again })
    const anew = makeTextStatement(nodeCrypto, { ...place(), count: 8n }, bobs)
    await group.take(bob, { ...saying(anew), ...again })
    expect(history()).toMatchObject([{ text: 'hello' }, refused])
  })
})

describe('a text that is handed over', () => {
  const { give, take } = text.line!.handedOver!
  const signed = () => {
    const writer = { accountKey: alice.account.publicKey, device: alice.device }
    const { held } = group.live
    const place = { conversationId: held.state.id, groupId: held.groupId, count: 1n, joinedEpoch: 1n }
    return makeTextStatement(nodeCrypto, { ...place, sentAt: 7, text: 'hello' }, writer)
  }
  const line = () => {
    const { statement, signature } = signed()
    const sequence = sequenceOf(5n)
    return recordOf('messages', { kind: MessageKind.TEXT, statement, signature, sequence, sentAtMs: 7n })
  }

  test('is kept as its device signed it', () => {
    const { statement, signature } = line()
    const given = give(line(), alice.certificate)
    expect(take(given, group.live.held.state.id)).toMatchObject({
      ...{ certificate: alice.certificate, sentAtMs: 7n, sequence: 5n, fields: { statement, signature } },
      writer: { accountKey: alice.account.publicKey, deviceKey: alice.device.publicKey },
    })
    expect(take(given, new Uint8Array(32))).toBeUndefined()
  })

  test('is told where the certificate of its device is not known', () => {
    const from = { fromAccount: bob.account.publicKey, fromHandle: 'bob', fromDevice: bob.device.publicKey }
    const given = give({ ...line(), ...from }, undefined)
    const taken = take(given, new Uint8Array(32))
    expect(taken).toMatchObject({ sentAtMs: 7n, sequence: 5n, fields: { text: 'hello' } })
    expect(taken).not.toHaveProperty('certificate')
    expect(taken).not.toHaveProperty('toldBy')
  })

  test('is nothing where it is of another type, or nothing is in it', () => {
    expect(take({ case: undefined }, new Uint8Array(32))).toBeUndefined()
    const empty = create(HistoryLineSchema, { certificate: alice.certificate })
    expect(take({ case: 'text', value: empty }, new Uint8Array(32))).toBeUndefined()
  })
})

describe('a text that this side writes', () => {
  test('is saved as waiting, with who wrote it and when', async () => {
    const id = await testing.written((tx, { context }) => writeText(context, tx, group.conversation, 'mine'))
    expect(waitingLines(testing.context)).toEqual([id])
    const sentAt = new Date(testing.clock.now())
    expect(history()).toMatchObject([{ from: 'alice', own: true, text: 'mine', state: 'waiting', sentAt }])
    expect(testing.context.conversations.message(id)?.fromDevice).toEqual(alice.device.publicKey)
  })
})

test('the limit of a text counts bytes, and the error says both numbers', () => {
  expect(() => checkText('é'.repeat(TEXT_BYTES / 2))).not.toThrow()
  expect(() => checkText('é'.repeat(TEXT_BYTES / 2 + 1))).toThrow(
    expect.objectContaining({
      why: { code: 'text-too-long', bytes: TEXT_BYTES + 2, limit: TEXT_BYTES },
    }),
  )
  expect(() => checkText(`${'x'.repeat(TEXT_BYTES)}!`)).toThrow(
    expect.objectContaining({ why: { code: 'text-too-long', bytes: 65537, limit: 65536 } }),
  )
})

test('a text is owed a receipt, and is not taken from somebody who is blocked', () => {
  expect(text).toMatchObject({ owesReceipt: true, fromBlocked: false })
})
