// An account leaves a group, or one of its devices does.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind } from '../../../../../gen/parley/content/v1/room_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { leave } from '../../../../../services/endpoint/messages/content/leave.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { saidIn } from '../../../../support/said.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const phone = secondDevice(alice)

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, tablet, phone] })
})

const leaves = (account: boolean) => ({ body: { case: 'leave', value: { account } } }) as const
const ids = (...accounts: (typeof alice)[]) => accounts.map(({ device }) => device.publicKey)
const removals = () =>
  testing.context.intents
    .of(room)
    .map(({ intent }) => (intent.change.case === 'removeDevices' ? intent.change.value.deviceIds : []))
const lines = () => testing.context.conversations.history(room.conversation).map(saidIn)

test('somebody who leaves is removed with all their devices, and anybody may do that', async () => {
  await room.take(bob, leaves(true))
  expect(room.live.record.leavingDeviceIds).toEqual(ids(bob, tablet))
  expect(removals()).toEqual([ids(bob, tablet)])
  expect(room.live.phase.name).toBe('active')
})

test('a device that leaves is removed, and its account stays', async () => {
  await room.take(tablet, leaves(false))
  expect(room.live.record.leavingDeviceIds).toEqual(ids(tablet))
  expect(removals()).toEqual([ids(tablet)])
})

describe('this account', () => {
  test('has left where another device of it says so, and waits to be removed', async () => {
    await room.take(phone, leaves(true))
    expect(room.live.phase).toEqual({ name: 'leaving', leaveDue: false, commitOut: false })
    expect(lines()).toEqual(['you have left'])
    expect(room.live.record.leavingDeviceIds).toEqual(ids(alice, phone))
    expect(removals()).toEqual([])
  })

  test('has not left where only another device of it goes', async () => {
    await room.take(phone, leaves(false))
    expect(room.live.phase.name).toBe('active')
    expect(lines()).toEqual([])
    expect(removals()).toEqual([ids(phone)])
  })

  test('says again that it leaves, where the server did not take that', async () => {
    await room.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await testing.written((tx, unit) => leave.putBack?.(unit.context, tx, room.in(unit)))
    expect(room.live.phase).toMatchObject({ name: 'leaving', leaveDue: true })
  })
})

test('leaving is owed a receipt, and is taken from somebody who is blocked', () => {
  expect(leave).toMatchObject({ owesReceipt: true, fromBlocked: true })
})
