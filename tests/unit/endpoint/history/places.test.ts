// The places of texts of a conversation that several groups carry.

import { beforeEach, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { Places } from '../../../../services/endpoint/history/places.js'
import { type ConversationNumber, sequenceOf } from '../../../../services/endpoint/ids.js'
import { openTestContext, pinned, type TestContext } from '../../../support/endpoint-context.js'

const bob = makeAccount('bob')

let testing: TestContext
let conversation: ConversationNumber
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  await pinned(testing, bob)
  conversation = await testing.written((tx, { context }) =>
    context.conversations.open(tx, bob.account.publicKey),
  )
})

/** A line that the server delivers with this number of its group. */
const comes = (number: bigint, kind = MessageKind.TEXT) =>
  testing.written((tx, { context }) =>
    context.conversations.append(tx, conversation, {
      ...{ kind, status: MessageStatus.RECEIVED, sequence: sequenceOf(number) },
    }),
  )
const places = () =>
  testing.context.conversations.history(conversation).map(({ sequence }) => Number(sequence))

test('are the numbers of the group, where that is one', async () => {
  for (const number of [5n, 6n, 900n]) await comes(number)
  expect(places()).toEqual([5, 6, 900])
})

test('go up in the order of delivery, whichever group gave them', async () => {
  // Two groups of one conversation, in one millisecond.
  for (const number of [500n, 501n, 502n, 500n, 501n, 503n, 900n]) await comes(number)
  expect(places()).toEqual([500, 501, 502, 503, 504, 505, 900])
})

test('of own texts are given when the server has them', async () => {
  const { id } = await testing.written((tx, { context }) =>
    context.conversations.append(tx, conversation, {
      ...{ kind: MessageKind.TEXT, own: true, status: MessageStatus.WAITING },
    }),
  )
  await comes(500n)
  await testing.written((tx, { context }) =>
    context.conversations.update(tx, id, { status: MessageStatus.STORED, sequence: sequenceOf(500n) }),
  )
  await comes(500n)
  expect(places()).toEqual([501, 500, 502])
})

test('of own texts that are said again are those of the first time', async () => {
  const { id } = await comes(500n)
  await testing.written((tx, { context }) =>
    context.conversations.update(tx, id, { status: MessageStatus.STORED, sequence: sequenceOf(900n) }),
  )
  expect(places()).toEqual([500])
})

test('of lines that nobody wrote are those of what they tell of', async () => {
  await comes(500n)
  await comes(500n, MessageKind.EVENT)
  await comes(501n)
  expect(places()).toEqual([500, 500, 501])
})

test('go on above those that are kept, after a restart', async () => {
  for (const number of [500n, 500n, 500n]) await comes(number)
  const next = await testing.written(tx => new Places().take(tx, conversation, sequenceOf(501n)))
  expect(next).toBe(503n)
})
