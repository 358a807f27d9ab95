// Texts that are typed and not sealed yet.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { ConversationNumber } from '../../../../../services/endpoint/ids.js'
import {
  failWaiting,
  waitFor,
  waitingLines,
  waitNoMore,
} from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'

let testing: TestContext
let bob: ConversationNumber
let carol: ConversationNumber
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  ;[bob, carol] = (await testing.written((tx, { context }) =>
    ['bob', 'carol'].map(handle => context.conversations.openAwaiting(tx, handle)),
  )) as [ConversationNumber, ConversationNumber]
})

const type = (conversation: ConversationNumber, text: string) =>
  testing.written((tx, { context }) => {
    const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
    const { id } = context.conversations.append(tx, conversation, init)
    waitFor(tx, id)
    return id
  })
const waiting = () => waitingLines(testing.context)
const states = (conversation: ConversationNumber) =>
  testing.context.conversations.history(conversation).map(({ state }) => state)

describe('texts that wait', () => {
  test('stand in the order in which they were typed, through all conversations', async () => {
    const ids = [await type(carol, 'one'), await type(bob, 'two'), await type(carol, 'three')]
    expect(waiting()).toEqual(ids)
  })

  test('wait until they are sealed', async () => {
    const [one, two] = [await type(bob, 'one'), await type(bob, 'two')]
    await testing.written(tx => waitNoMore(tx, one))
    expect(waiting()).toEqual([two])
  })

  test('fail with their conversation, and say why', async () => {
    await type(bob, 'one')
    const other = await type(carol, 'two')
    testing.told.length = 0
    await testing.written((tx, { context }) => failWaiting(context, tx, bob, 'not-in-room'))
    expect(waiting()).toEqual([other])
    expect([states(bob), states(carol)]).toEqual([['failed'], ['waiting']])
    expect(testing.told).toMatchObject([{ type: 'state', state: 'failed', failure: 'not-in-room' }])
  })

  test('that were typed in the same unit of work fail, too', async () => {
    await testing.written((tx, { context }) => {
      const init = { kind: MessageKind.TEXT, own: true, text: 'now', status: MessageStatus.WAITING }
      waitFor(tx, context.conversations.append(tx, bob, init).id)
      failWaiting(context, tx, bob, 'not-in-room')
    })
    expect([waiting(), states(bob)]).toEqual([[], ['failed']])
  })
})
