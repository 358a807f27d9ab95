// Devices that their account has ended: the groups that they are in are told.

import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  makeAccount,
  type NewAccount,
  type OwnAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import { refresh } from '../../../../../services/endpoint/groups/intents.js'
import type { GroupPhase } from '../../../../../services/endpoint/groups/state/group.js'
import {
  endDevice,
  tellList,
  tellOwnList,
} from '../../../../../services/endpoint/messages/lists/ended-devices.js'
import { shownList } from '../../../../support/device-lists.js'
import { listed, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const tablet = secondDevice(bob)

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob, tablet, phone], room: {} })
})

const idOf = ({ device }: OwnAccount) => device.publicKey
const keyOf = ({ account }: OwnAccount) => account.publicKey
/** The number of a list that is newer than all that the test's groups know. */
const newer = (of: OwnAccount) => listOf(of).number + 1
const intended = (group = room) => testing.context.intents.of(group).map(({ intent }) => intent)
const used = (account: OwnAccount) =>
  testing.context.lists.inUse(keyOf(account))?.map(({ deviceKey }) => deviceKey)

describe('a device that this one ends', () => {
  const endPhone = () => testing.written((tx, unit) => endDevice(unit.context, tx, idOf(phone)))
  const own = (...devices: NewAccount[]) => listed(testing, devices, newer(alice))

  test('is ended by a removal that every group is to be told, and the server', async () => {
    const withBob = await TestGroup.of(testing, { others: [bob] })
    await own(alice, phone)
    await endPhone()
    for (const group of [room, withBob])
      expect(intended(group)).toMatchObject([{ change: refresh(keyOf(alice)), notBeforeMs: 0n }])
    expect(testing.context.lists.isDue(keyOf(alice))).toBe(true)
    expect(testing.context.lists.shown(keyOf(alice))?.removals).toHaveLength(1)
    expect(used(alice)).toEqual([idOf(alice)])
    expect(testing.told).toEqual([{ type: 'devices' }])
  })

  test('stands behind it: one ahead is refused, and nobody is told', async () => {
    await own(phone, alice)
    await expect(endPhone()).rejects.toMatchObject({ why: { code: 'device-ahead' } })
    expect(intended()).toEqual([])
  })

  test('brings nobody back whom it alone had removed', async () => {
    const watch = secondDevice(alice)
    await testing.written((tx, { context }) => {
      const number = newer(alice)
      const shown = shownList([alice, phone, watch], { number, removals: [[phone, watch]] })
      return context.lists.learn(tx, context.lists.read(shown)!)
    })
    await endPhone()
    expect(used(alice)).toEqual([idOf(alice)])
    expect(testing.context.lists.shown(keyOf(alice))?.removals).toHaveLength(3)
  })

  test.each<GroupPhase>([
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'broken', succeedAtMs: 0, leaveDue: false },
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'ended', why: 'removed' },
  ])('is not told of in a group that is $name', async phase => {
    await own(alice, phone)
    await room.enter(phase)
    await endPhone()
    expect(intended()).toEqual([])
  })
})

describe('the list of this account', () => {
  const tell = () => testing.written((tx, unit) => tellOwnList(unit.context, tx))

  test('is no news to a group that knows it', async () => {
    await tell()
    expect(intended()).toEqual([])
  })

  test('is told by a device that is on it, and by none that is not', async () => {
    await listed(testing, [phone], newer(alice))
    await tell()
    expect(intended()).toEqual([])
    await listed(testing, [phone, alice], newer(alice) + 1)
    await tell()
    expect(intended()).toHaveLength(1)
  })

  test('is told once, however often it comes up', async () => {
    await listed(testing, [alice], newer(alice))
    for (let time = 0; time < 3; time++) await tell()
    expect(intended()).toHaveLength(1)
  })
})

describe('the list of somebody else', () => {
  const tell = (account: OwnAccount, delayMs?: number) =>
    testing.written((tx, unit) => tellList(unit.context, tx, room.in(unit), keyOf(account), delayMs))

  test('is told where the group does not know it, after a while if others may do so', async () => {
    expect(await tell(bob)).toBe(false)
    await listed(testing, [bob], newer(bob))
    expect(await tell(bob, 70)).toBe(true)
    expect(intended()).toMatchObject([
      { change: refresh(keyOf(bob)), notBeforeMs: BigInt(testing.clock.now() + 70) },
    ])
  })

  test('does not stand in the way of another one’s', async () => {
    await listed(testing, [bob], newer(bob))
    await listed(testing, [alice, phone], newer(alice))
    expect([await tell(alice), await tell(bob)]).toEqual([true, true])
    expect(intended().map(({ change }) => change)).toEqual([refresh(keyOf(alice)), refresh(keyOf(bob))])
  })

  test('of nobody who is in the group, or in one that is over, is not told', async () => {
    const dave = makeAccount('dave')
    await listed(testing, [bob], newer(bob))
    expect(await tell(dave)).toBe(false)
    await room.enter({ name: 'ended', why: 'removed' })
    expect(await tell(bob)).toBe(false)
    expect(intended()).toEqual([])
  })
})
