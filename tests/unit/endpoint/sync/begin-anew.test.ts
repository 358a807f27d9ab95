// A direct conversation that nobody answers is begun anew when its writer goes on.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { sequenceOf } from '../../../../services/endpoint/ids.js'
import { sealLine } from '../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { beginAnew } from '../../../../services/endpoint/sync/begin-anew.js'
import { DAY_MS } from '../../../../services/protocol/time.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const laptop = secondDevice(alice)
const bob = makeAccount('bob')

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob, laptop] })
  for (const text of ['one', 'two']) await write(text)
})

/** The server has it. */
const write = (text: string) =>
  testing.written(async (tx, unit) => {
    const sentAtMs = BigInt(testing.clock.now())
    const init = { kind: MessageKind.TEXT, own: true, text, sentAtMs, status: MessageStatus.WAITING }
    const { id } = unit.context.conversations.append(tx, group.conversation, init)
    waitFor(tx, id)
    await sealLine(unit.context, tx, group.in(unit), id)
    unit.context.conversations.update(tx, id, { status: MessageStatus.STORED, sequence: sequenceOf(1n) })
  })
const anew = () =>
  testing.written((tx, { context }) => {
    const isBegun = beginAnew(context, tx, group.conversation)
    return [isBegun, context.groups.get(group.number)!.phase.name, waitingLines(context).length]
  })
const NOT_YET = [false, 'active', 0]

test('is left alone for a day, and begun anew then with all that was said in it', async () => {
  testing.clock.pass(DAY_MS - 1)
  expect(await anew()).toEqual(NOT_YET)
  testing.clock.pass(1)
  expect(await anew()).toEqual([true, 'ended', 2])
  // Nothing is left that it could be begun anew from.
  expect(await anew()).toEqual([false, 'ended', 2])
})

test('is left alone twice as long where it was begun anew before', async () => {
  await TestGroup.of(testing, { others: [bob] })
  testing.clock.pass(2 * DAY_MS - 1)
  expect(await anew()).toEqual(NOT_YET)
  testing.clock.pass(1)
  expect(await anew()).toEqual([true, 'ended', 2])
})

test('waits for a commit of this device, which the server may have', async () => {
  testing.clock.pass(DAY_MS)
  await testing.written((tx, unit) => unit.context.groups.move(tx, group.in(unit), { input: 'commit-made' }))
  expect(await anew()).toEqual([true, 'committing', 0])
  await testing.written((tx, unit) => unit.context.groups.move(tx, group.in(unit), { input: 'commit-won' }))
  expect(await anew()).toEqual([true, 'ended', 2])
})

test('counts no word of another device of this account as an answer', async () => {
  await testing.written((tx, unit) => {
    const live = group.in(unit)
    const sender = live.sender(laptop.device.publicKey)
    unit.context.groups.saveSender(tx, live, { ...sender, heardAtMs: 1n })
  })
  testing.clock.pass(DAY_MS)
  expect(await anew()).toEqual([true, 'ended', 2])
})

describe('is never begun anew', () => {
  test('where the other side has said something, or that something has come', async () => {
    const heardAtMs = BigInt(testing.clock.now())
    const hear = (deviceId: typeof bob.device.publicKey) =>
      testing.written((tx, unit) => {
        const live = group.in(unit)
        unit.context.groups.saveSender(tx, live, { ...live.sender(deviceId), heardAtMs })
      })
    await hear(bob.device.publicKey)
    testing.clock.pass(9 * DAY_MS)
    expect(await anew()).toEqual(NOT_YET)
  })

  test('where the other side has left it: they have declined', async () => {
    await testing.written((tx, unit) =>
      unit.context.groups.change(tx, group.in(unit), { goneDeviceIds: [bob.device.publicKey] }),
    )
    testing.clock.pass(9 * DAY_MS)
    expect(await anew()).toEqual(NOT_YET)
  })

  test('where nothing was said in it, nor as a room', async () => {
    const room = await TestGroup.of(testing, { others: [bob], room: {} })
    testing.clock.pass(9 * DAY_MS)
    const begun = (conversation: typeof group.conversation) =>
      testing.written((tx, { context }) => beginAnew(context, tx, conversation))
    expect(await begun(room.conversation)).toBe(false)
    await testing.written(tx => tx.deleteGroup('undelivered', group.number))
    expect(await begun(group.conversation)).toBe(false)
  })
})
