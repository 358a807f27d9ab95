// A device that goes is removed by the first of the others, in their turn.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { LeaveSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { GroupKind } from '../../../../gen/parley/content/v1/room_pb.js'
import {
  makeAccount,
  type NewAccount,
  type OwnAccount,
} from '../../../../services/endpoint/contacts/account.js'
import { myTurnMs, removeWhenOurTurn, takeLeave } from '../../../../services/endpoint/groups/self-removal.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const idOf = ({ device }: OwnAccount) => device.publicKey

let testing: TestContext
/** In the order of carol, this device, bob, the tablet. */
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, tablet, carol], by: carol })
})

const remove = (...accounts: OwnAccount[]) =>
  testing.written((tx, unit) => removeWhenOurTurn(unit.context, tx, room.in(unit), accounts.map(idOf)))
const intents = () =>
  testing.context.intents.of(room).map(({ intent }) => ({
    devices: intent.change.case === 'removeDevices' ? intent.change.value.deviceIds : [],
    inMs: Number(intent.notBeforeMs) - testing.clock.now(),
  }))
const leaving = () => room.live.record.leavingDeviceIds

describe('this device', () => {
  test('waits for those before it who could do the same', async () => {
    await remove(bob)
    expect(leaving()).toEqual([idOf(bob)])
    expect(intents()).toEqual([{ devices: [idOf(bob)], inMs: 300 }])
  })

  test('does it at once where it is the first of those who stay', async () => {
    expect(myTurnMs(testing.context, room.live, [idOf(carol)])).toBe(0)
    await remove(carol)
    expect(testing.context.intents.of(room)).toMatchObject([{ intent: { notBeforeMs: 0n } }])
  })

  test('waits for so long at most', async () => {
    const many = Array.from({ length: 36 }, (_, index) => makeAccount(`person-${index}`))
    const [first, ...others] = many as [NewAccount, ...NewAccount[]]
    const large = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: many, by: first })
    const last = { ...testing.context, engine: { ...testing.context.engine, ownLeaf: () => 36 } }
    expect(myTurnMs(last, large.live, [])).toBe(10_000)
    expect(myTurnMs(last, large.live, others.slice(0, 33).map(idOf))).toBe(900)
  })

  test('does nothing for nobody, nor for itself but to note that it goes', async () => {
    await remove()
    expect([leaving(), intents()]).toEqual([[], []])
    await remove(bob, alice)
    expect([leaving(), intents()]).toEqual([[idOf(bob), idOf(alice)], []])
  })

  test('adds to those who go already', async () => {
    await remove(carol)
    await remove(bob)
    expect(leaving()).toEqual([idOf(carol), idOf(bob)])
  })
})

describe('somebody who leaves', () => {
  const leaves = (from: OwnAccount, account: boolean) =>
    testing.written((tx, unit) =>
      takeLeave(unit.context, tx, room.in(unit), idOf(from), create(LeaveSchema, { account })),
    )

  test('goes with all devices, or with one', async () => {
    await leaves(tablet, false)
    expect(leaving()).toEqual([idOf(tablet)])
    await leaves(bob, true)
    expect(leaving()).toEqual([idOf(tablet), idOf(bob), idOf(tablet)])
  })

  test('and is not there any more goes unnoticed', async () => {
    await leaves(makeAccount('dave'), true)
    expect([leaving(), intents()]).toEqual([[], []])
  })
})
