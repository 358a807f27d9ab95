// Text that a person writes, where it arrives and where it comes back.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind } from '../../../../../gen/parley/content/v1/room_pb.js'
import { MessageKind } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { checkText, text, writeText } from '../../../../../services/endpoint/messages/content/text.js'
import { waitingLines } from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { recordOf } from '../../../../../services/endpoint/vault/records.js'
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
  group = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, phone] })
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

describe('a text that is handed over', () => {
  const taken = (value: string) => text.line?.handedOver?.take({ case: 'text', value })

  test('is kept as it was given', () => {
    const line = recordOf('messages', { kind: MessageKind.TEXT, text: 'hello' })
    const given = text.line!.handedOver!.give(line)
    expect(text.line?.handedOver?.take(given)).toEqual({ text: 'hello' })
  })

  test('is none that is longer than a text can be', () => {
    expect(taken('é'.repeat(TEXT_BYTES / 2))).toBeDefined()
    expect(taken('é'.repeat(TEXT_BYTES / 2 + 1))).toBeUndefined()
    expect(text.line?.handedOver?.take({ case: undefined })).toBeUndefined()
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
