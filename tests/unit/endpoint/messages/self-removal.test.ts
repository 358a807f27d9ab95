// A person leaves a room.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { leaveBy } from '../../../../services/endpoint/groups/self-removal.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { leaveGroup, sealLeave } from '../../../../services/endpoint/messages/self-removal.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../support/group.js'
import { saidIn } from '../../../support/said.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')

let testing: TestContext
let room: TestGroup
async function open(...others: (typeof alice)[]): Promise<void> {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others, room: {} })
}
beforeEach(() => open(bob, phone))

const type = (text: string, conversation = room.conversation) =>
  testing.written((tx, { context }) => {
    const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
    waitFor(tx, context.conversations.append(tx, conversation, init).id)
  })
const leave = () => testing.written((tx, unit) => leaveGroup(unit.context, tx, room.in(unit)))
/** As the others read what was sealed last. */
const statement = () => {
  const body = room.sent().at(-1)
  return body?.case === 'leave'
    ? leaveBy(room.live, alice.account.publicKey, body.value.statement)
    : undefined
}
const lines = () => testing.context.conversations.history(room.conversation)

describe('leaving', () => {
  test('is said behind what was typed before, and shown as the last line', async () => {
    await type('goodbye')
    await leave()
    expect(room.sent()).toMatchObject([{ case: 'text', value: { text: 'goodbye' } }, { case: 'leave' }])
    expect(statement()).toMatchObject({
      ...{ accountKey: alice.account.publicKey, deviceKey: alice.device.publicKey },
      ...{ conversationId: room.live.held.state.id, added: 1 },
    })
    expect(room.live.phase).toEqual({ name: 'leaving', leaveDue: false, commitOut: false })
    expect(lines().map(saidIn)).toEqual(['goodbye', 'you have left'])
  })

  test('says nothing of what waits in other conversations', async () => {
    const direct = await TestGroup.of(testing, { others: [bob] })
    await type('for bob', direct.conversation)
    await leave()
    expect(room.sent().map(({ case: name }) => name)).toEqual(['leave'])
    expect(waitingLines(testing.context)).toHaveLength(1)
  })

  test('a room that nobody else is in ends it', async () => {
    await open(phone)
    await type('to nobody')
    await leave()
    expect(room.live.phase).toEqual({ name: 'ended', why: 'left' })
    expect(room.sent().map(({ case: name }) => name)).toEqual(['text'])
  })

  test('without the state waits to be said, and what was typed never goes out', async () => {
    await type('too late')
    await room.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    await leave()
    expect(room.sent()).toEqual([])
    expect(room.live.phase).toEqual({ name: 'out-of-sync', askDue: false, leaveDue: true })
    expect(lines()).toMatchObject([{ text: 'too late', state: 'failed' }, { kind: 'event' }])
  })
})

describe('that this account leaves', () => {
  const say = () => testing.written((tx, unit) => sealLeave(unit.context, tx, room.in(unit)))

  test('is said once it can be, and once', async () => {
    await room.enter({ name: 'leaving', leaveDue: true, commitOut: true })
    await say()
    await say()
    expect(room.sent()).toHaveLength(1)
    expect(statement()?.accountKey).toEqual(alice.account.publicKey)
    expect(room.live.phase).toEqual({ name: 'leaving', leaveDue: false, commitOut: true })
  })

  test('is not said where it does not', async () => {
    await say()
    expect(room.sent()).toEqual([])
  })
})
