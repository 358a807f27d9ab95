// A device says again, in the group that takes the place of another one, what not all members have of it.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { MessageId } from '../../../../../services/endpoint/events.js'
import { NO_KEY, sequenceOf } from '../../../../../services/endpoint/ids.js'
import { sayAgain, sayLateAgain } from '../../../../../services/endpoint/messages/content/say-again.js'
import { sealLine } from '../../../../../services/endpoint/messages/sealing/seal.js'
import {
  failWaiting,
  waitFor,
  waitingLines,
} from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { sameKey } from '../../../../../services/protocol/keys.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob, tablet, carol], room: {} })
  for (const text of ['one', 'two', 'three']) await write(text)
})

/** The server has it. */
const write = (text: string) =>
  testing.written(async (tx, unit) => {
    const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
    const { id } = unit.context.conversations.append(tx, room.conversation, init)
    waitFor(tx, id)
    await sealLine(unit.context, tx, room.in(unit), id)
    unit.context.conversations.update(tx, id, { status: MessageStatus.STORED, sequence: sequenceOf(1n) })
  })
const confirmed = (by: OwnAccount, count: bigint) =>
  room.take(by, {
    body: { case: 'receipt', value: { delivered: [{ deviceId: alice.device.publicKey, count }] } },
  })
/** The server has shown another group in place of this one. */
const succeeded = () =>
  room.change({
    successors: [
      {
        $typeName: 'parley.vault.v1.Successor',
        ...{ conversationId: new Uint8Array(16), by: NO_KEY, listedAtMs: 0n },
      },
    ],
  })
const again = () => testing.written((tx, unit) => sayAgain(unit.context, tx, room.in(unit)))
const lines = () => testing.context.conversations.history(room.conversation)
const waiting = () =>
  waitingLines(testing.context).map(id => lines().find(({ id: { message } }) => message === id.message)?.text)

describe('what this device has said', () => {
  test('waits again where nobody has confirmed it, in the order of before', async () => {
    await again()
    expect(waiting()).toEqual(['one', 'two', 'three'])
    // Some have them, so they are what they were.
    expect(lines().map(({ state }) => state)).toEqual(['stored', 'stored', 'stored'])
    expect(testing.context.records.keys('undelivered')).toEqual([])
  })

  test('is left alone as far as every other member has it, on some device', async () => {
    await confirmed(tablet, 2n)
    await confirmed(carol, 1n)
    await again()
    expect(waiting()).toEqual(['two', 'three'])
  })

  test('is said again although all who are there have it, where a member has no device there', async () => {
    for (const by of [bob, carol]) await confirmed(by, 3n)
    await testing.written((tx, unit) => {
      const group = room.in(unit)
      const leaves = group.held.leaves.filter(({ deviceKey }) => !sameKey(deviceKey, carol.device.publicKey))
      unit.context.groups.enter(tx, group, { state: group.state, held: { ...group.held, leaves } })
    })
    await again()
    expect(waiting()).toEqual(['one', 'two', 'three'])
  })

  test('is said again where the server stored it behind a group that takes the place of its own', async () => {
    const late = () =>
      testing.written((tx, unit) => sayLateAgain(unit.context, tx, room.in(unit), lines()[1]!.id))
    await late()
    expect(waiting()).toEqual([])
    await succeeded()
    await late()
    await late()
    expect(waiting()).toEqual(['two'])
  })

  test('is not said again by one who has left meanwhile', async () => {
    await succeeded()
    await room.enter({ name: 'ended', why: 'left' })
    await testing.written((tx, unit) => sayLateAgain(unit.context, tx, room.in(unit), lines()[1]!.id))
    expect(waiting()).toEqual([])
  })

  test('has not failed where nothing can be said any more', async () => {
    await again()
    await testing.written((tx, unit) => failWaiting(unit.context, tx, room.conversation, 'not-in-room'))
    expect(waiting()).toEqual([])
    expect(lines().map(({ state }) => state)).toEqual(['stored', 'stored', 'stored'])
  })

  test('is sealed again in the group where it is said, and is what it was', async () => {
    await again()
    const [id] = waitingLines(testing.context) as [MessageId]
    await testing.written((tx, unit) => sealLine(unit.context, tx, room.in(unit), id))
    expect(waiting()).toEqual(['two', 'three'])
    expect(testing.outbox.items()).toHaveLength(4)
    expect(lines()[0]?.state).toBe('stored')
  })

  test('is said again once', async () => {
    await again()
    await again()
    expect(waiting()).toEqual(['one', 'two', 'three'])
    expect(testing.context.records.list('sent')).toEqual([])
  })
})
