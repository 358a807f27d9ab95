// Devices that their accounts have ended.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind } from '../../../../../gen/parley/content/v1/room_pb.js'
import {
  makeAccount,
  type NewAccount,
  type OwnAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import type { Shown } from '../../../../../services/endpoint/contacts/account-lists.js'
import type { GroupPhase } from '../../../../../services/endpoint/groups/state/group.js'
import { endDevice } from '../../../../../services/endpoint/messages/content/ended-devices.js'
import { revoked } from '../../../../../services/endpoint/messages/content/revoked.js'
import { shownList } from '../../../../support/device-lists.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const tablet = secondDevice(bob)

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, tablet, phone] })
})

const idOf = ({ device }: OwnAccount) => device.publicKey
const shows = (from: OwnAccount, { deviceList, removals }: Shown) =>
  room.take(from, { body: { case: 'revoked', value: { deviceList, removals: [...removals] } } })
const toRemove = (group = room) =>
  testing.context.intents
    .of(group)
    .flatMap(({ intent }) => (intent.change.case === 'removeDevices' ? intent.change.value.deviceIds : []))
const leaving = () => room.live.record.leavingDeviceIds
const used = (account: OwnAccount) =>
  testing.context.lists.inUse(account.account.publicKey)?.map(({ deviceKey }) => deviceKey)

describe('a list that somebody shows', () => {
  const removed = () => shownList([bob, tablet], { removals: [[bob, tablet]] })

  test('with a removal has the device removed by whoever is first', async () => {
    await shows(bob, removed())
    expect([leaving(), toRemove()]).toEqual([[idOf(tablet)], [idOf(tablet)]])
    expect(used(bob)).toEqual([idOf(bob)])
    expect(testing.told).toEqual([])
  })

  test('without the device does so, too, and is noted once, whoever shows it', async () => {
    for (const from of [bob, tablet, phone, bob]) await shows(from, shownList([bob]))
    expect([leaving(), toRemove()]).toEqual([[idOf(tablet)], [idOf(tablet)]])
  })

  test('of this account is told of', async () => {
    await testing.written((tx, { context }) =>
      context.lists.learn(tx, context.lists.read(shownList([alice, phone]))!),
    )
    await shows(phone, shownList([alice, phone], { removals: [[phone, phone]] }))
    expect(used(alice)).toEqual([idOf(alice)])
    expect(testing.told).toEqual([{ type: 'devices' }])
    expect(toRemove()).toEqual([idOf(phone)])
  })

  test('that is older than the known one removes nobody, and brings nobody back', async () => {
    await shows(bob, shownList([bob, tablet], { number: 3 }))
    await shows(tablet, shownList([tablet], { number: 2 }))
    expect([leaving(), toRemove()]).toEqual([[], []])
    await shows(bob, shownList([bob], { number: 4 }))
    await shows(tablet, shownList([bob, tablet], { number: 3 }))
    expect([leaving(), used(bob)]).toEqual([[idOf(tablet)], [idOf(bob)]])
  })

  test.each<[string, () => Shown]>([
    ['of another account under this handle', () => shownList([makeAccount('bob')])],
    ['of an account that is not in the group', () => shownList([makeAccount('carol')])],
    ['with a removal by a device that stands behind', () => shownList([bob, tablet], { removals: [] })],
    ['that is none', () => ({ deviceList: Uint8Array.of(1, 2, 3), removals: [] })],
    ['of another server', () => shownList([bob], { serverId: new Uint8Array(16).fill(3) })],
  ])('%s removes nobody', async (_, make) => {
    await testing.written(tx => tx.put('server', { group: 0n, id: 0n }, { serverId: new Uint8Array(16) }))
    await shows(bob, make())
    expect([leaving(), toRemove()]).toEqual([[], []])
    expect(testing.told).toEqual([])
  })

  test('is owed a receipt, and is taken from somebody who is blocked', () => {
    expect(revoked).toMatchObject({ owesReceipt: true, fromBlocked: true })
  })
})

describe('a device that this one ends', () => {
  const listed = (...devices: NewAccount[]) =>
    testing.written((tx, { context }) => context.lists.learn(tx, context.lists.read(shownList(devices))!))
  const endPhone = () => testing.written((tx, unit) => endDevice(unit.context, tx, idOf(phone)))

  test('is told of in every group that it is in, and removed there; the server is to be told', async () => {
    const withBob = await TestGroup.of(testing, { others: [bob] })
    await listed(alice, phone)
    await endPhone()
    expect(room.sent()).toMatchObject([{ case: 'revoked', value: { removals: [expect.any(Uint8Array)] } }])
    expect(toRemove()).toEqual([idOf(phone)])
    expect([withBob.sent(), toRemove(withBob)]).toEqual([[], []])
    expect(testing.context.lists.isDue(alice.account.publicKey)).toBe(true)
    expect(used(alice)).toEqual([idOf(alice)])
  })

  test('stands behind it: one ahead is refused, and nothing is said', async () => {
    await listed(phone, alice)
    await expect(endPhone()).rejects.toMatchObject({ why: { code: 'device-ahead' } })
    expect([room.sent(), toRemove()]).toEqual([[], []])
  })

  test('brings nobody back whom it alone had removed', async () => {
    const watch = secondDevice(alice)
    await testing.written((tx, { context }) => {
      const shown = shownList([alice, phone, watch], { removals: [[phone, watch]] })
      return context.lists.learn(tx, context.lists.read(shown)!)
    })
    await endPhone()
    expect(used(alice)).toEqual([idOf(alice)])
    expect(testing.context.lists.shown(alice.account.publicKey)?.removals).toHaveLength(3)
  })

  test.each<GroupPhase>([
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'ended', why: 'removed' },
  ])('is not told of in a group that is $name', async phase => {
    await listed(alice, phone)
    await room.enter(phase)
    await endPhone()
    expect([room.sent(), toRemove()]).toEqual([[], []])
  })
})
