// Text that a person writes, where it arrives and where it comes back.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind } from '../../../../../gen/parley/content/v1/room_pb.js'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { MessageId } from '../../../../../services/endpoint/events.js'
import { countOf, type MessageNumber, messageNumber } from '../../../../../services/endpoint/ids.js'
import { text } from '../../../../../services/endpoint/messages/content/text.js'
import { sealText } from '../../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor, waitingTexts } from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
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

  test('of somebody whose pinned key is another one is marked', async () => {
    const other = makeAccount('bob').account.publicKey
    await testing.written((tx, { context }) => context.contacts.meet(tx, 'bob', other))
    await group.take(bob, { body })
    expect(history()).toMatchObject([{ from: 'bob', otherKey: true }])
  })

  test('after this account has left is not shown', async () => {
    await group.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await group.take(bob, { body })
    await group.take(phone, { body })
    expect(history()).toEqual([])
    expect(testing.told).toEqual([])
  })
})

/** A text of this device, sealed. */
async function sealed(): Promise<MessageId> {
  return await testing.written(async (tx, unit) => {
    const init = { kind: MessageKind.TEXT, own: true, text: 'mine', status: MessageStatus.WAITING }
    const { id } = unit.context.conversations.append(tx, group.conversation, init)
    waitFor(tx, id)
    await sealText(unit.context, tx, group.in(unit), id)
    return id
  })
}

describe('a text that the server does not take', () => {
  const putBack = (message: MessageNumber, failure?: 'not-in-room') =>
    testing.written((tx, unit) =>
      text.putBack?.(unit.context, tx, { group: group.in(unit), count: countOf(1n), message, failure }),
    )
  const isUndelivered = () =>
    testing.context.records.has('undelivered', { group: group.number, id: countOf(1n) })

  test('waits to be sealed again', async () => {
    const id = await sealed()
    expect([waitingTexts(testing.context), isUndelivered()]).toEqual([[], true])
    await putBack(id.message)
    expect([waitingTexts(testing.context), isUndelivered()]).toEqual([[id], false])
    expect(history()).toMatchObject([{ text: 'mine', state: 'waiting' }])
  })

  test('never goes out where it cannot, and says why', async () => {
    const id = await sealed()
    await putBack(id.message, 'not-in-room')
    expect([waitingTexts(testing.context), isUndelivered()]).toEqual([[], false])
    expect(history()).toMatchObject([{ text: 'mine', state: 'failed' }])
    expect(testing.told.at(-1)).toMatchObject({ type: 'state', id, state: 'failed', failure: 'not-in-room' })
  })

  test('is left alone where it was said again for somebody', async () => {
    await sealed()
    await putBack(messageNumber(0n))
    expect([waitingTexts(testing.context), isUndelivered()]).toEqual([[], true])
  })
})

test('a text is owed a receipt, and is not taken from somebody who is blocked', () => {
  expect(text).toMatchObject({ owesReceipt: true, fromBlocked: false })
})
