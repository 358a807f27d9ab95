import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { intend, removeAccount } from '../../../../services/endpoint/groups/intents.js'
import type { GroupChange, LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { countOf } from '../../../../services/endpoint/ids.js'
import { OUTBOX_WINDOW } from '../../../../services/endpoint/messages/sealing/outbox.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { sealDue } from '../../../../services/endpoint/sync/seal-due.js'
import { groupIn, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWithPerson, putInPhase, roomWith } from '../../../support/endpoint-groups.js'

const bob = makeAccount('bob')

let endpoint: TestContext
let group: LiveGroup
beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  group = await groupWithPerson(endpoint, bob)
  await change({ committedAtMs: BigInt(endpoint.clock.now()) })
})

const seal = (receipts = false) =>
  endpoint.written((_, unit) => sealDue(unit, { now: endpoint.clock.now(), receipts }))
const owesUpdate = () => change({ committedAtMs: 0n })
const write = (...texts: string[]) =>
  endpoint.written((tx, { context }) => {
    for (const text of texts) {
      const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
      waitFor(tx, context.conversations.append(tx, group.record.conversation, init).id)
    }
  })
const change = (changed: GroupChange) =>
  endpoint.written((tx, unit) => unit.context.groups.change(tx, groupIn(unit, group), changed))
const kinds = () => endpoint.outbox.items().map(({ item }) => item.what.case)
const owe = () =>
  endpoint.written((tx, unit) => {
    const live = groupIn(unit, group)
    unit.context.groups.saveSender(tx, live, {
      ...live.sender(bob.device.publicKey),
      received: countOf(1n),
      owed: countOf(1n),
    })
  })

describe('texts', () => {
  test('are sealed in the order they were typed, and wait no more', async () => {
    await write('one', 'two', 'three')
    await seal()
    const messages = endpoint.outbox
      .items()
      .map(({ item }) => item.what.case === 'content' && item.what.value.message)
    expect(messages).toEqual([...messages].sort())
    expect(messages).toHaveLength(3)
    expect(waitingLines(endpoint.context)).toEqual([])
  })

  test('wait as soon as the outbox is full', async () => {
    await write(...Array.from({ length: OUTBOX_WINDOW + 5 }, (_, at) => `text ${at}`))
    await seal()
    expect(kinds()).toHaveLength(OUTBOX_WINDOW)
    expect(waitingLines(endpoint.context)).toHaveLength(5)
  })

  test('wait for somebody who is blocked, or whose group cannot be written in', async () => {
    await write('one')
    await endpoint.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    await seal()
    await endpoint.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, false))
    await change({ rejoinAskedMs: BigInt(endpoint.clock.now()) })
    await putInPhase(endpoint, group, { name: 'out-of-sync', askDue: false, leaveDue: false })
    await seal()
    expect(kinds()).toEqual([])
    expect(waitingLines(endpoint.context)).toHaveLength(1)
  })
})

describe('updates', () => {
  test('are committed before the texts are sealed, so that these go out in the epoch before', async () => {
    await owesUpdate()
    await write('one')
    await seal()
    expect(kinds()).toEqual(['commit', 'content'])
    expect(endpoint.context.groups.get(group.number)?.phase.name).toBe('committing')
  })

  test('are committed once, as long as the server has not said what became of it', async () => {
    await owesUpdate()
    await seal()
    await seal()
    expect(kinds()).toEqual(['commit'])
  })

  test('are not told to somebody who is blocked', async () => {
    await owesUpdate()
    await endpoint.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    await seal()
    expect(kinds()).toEqual([])
  })
})

test('what this device is to change is committed in place of an update', async () => {
  await owesUpdate()
  const room = await roomWith(endpoint, [bob])
  await endpoint.written((tx, unit) => {
    intend(unit.context, tx, groupIn(unit, room), removeAccount(bob.account.publicKey))
  })
  await seal()
  const ofRoom = endpoint.outbox.items().filter(({ item }) => item.group === room.number)
  expect(ofRoom).toMatchObject([{ item: { what: { case: 'commit', value: { intents: [1n] } } } }])
})

test('receipts are sealed when they are due, and once', async () => {
  await owe()
  await seal(false)
  expect(kinds()).toEqual([])
  await seal(true)
  await seal(true)
  expect(kinds()).toEqual(['content'])
})

test('a group that was lost so lately that it had to wait is asked for when that is over', async () => {
  await change({ rejoinAskedMs: BigInt(endpoint.clock.now()) })
  await putInPhase(endpoint, group, { name: 'out-of-sync', askDue: true, leaveDue: false })
  await seal()
  expect(kinds()).toEqual([])
  endpoint.clock.pass(60_001)
  await seal()
  expect(kinds()).toEqual(['rejoin'])
})

test('that this account leaves is said when it is due', async () => {
  group = await roomWith(endpoint, [bob])
  await putInPhase(endpoint, group, { name: 'leaving', leaveDue: true, commitOut: false })
  await seal()
  expect(kinds()).toEqual(['content'])
  expect(endpoint.context.groups.get(group.number)?.phase).toEqual({
    name: 'leaving',
    leaveDue: false,
    commitOut: false,
  })
})
