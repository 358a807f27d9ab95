// Devices that their accounts have revoked.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind } from '../../../../../gen/parley/content/v1/room_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { GroupPhase } from '../../../../../services/endpoint/groups/state/group.js'
import { revoked } from '../../../../../services/endpoint/messages/content/revoked.js'
import { revoke, sealRevocations } from '../../../../../services/endpoint/messages/content/revoked-devices.js'
import { makeRevocation } from '../../../../../services/protocol/identity/revocation.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
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
const revocationOf = ({ handle, account, device }: OwnAccount) =>
  makeRevocation(crypto, { handle, account, deviceKey: device.publicKey, revokedAt: 5 })
const shows = (from: OwnAccount, deviceRevocation: Uint8Array) =>
  room.take(from, { body: { case: 'revoked', value: { deviceRevocation } } })
const removals = (group = room) =>
  testing.context.intents
    .of(group)
    .flatMap(({ intent }) => (intent.change.case === 'removeDevices' ? intent.change.value.deviceIds : []))
const leaving = () => room.live.record.leavingDeviceIds

describe('a revocation that somebody shows', () => {
  test('has the device removed by whoever is first, and never added again', async () => {
    await shows(bob, revocationOf(tablet))
    expect([leaving(), removals()]).toEqual([[idOf(tablet)], [idOf(tablet)]])
    expect(testing.context.contacts.get(bob.account.publicKey)?.revokedDeviceIds).toEqual([idOf(tablet)])
    expect(testing.told).toEqual([])
  })

  test('is noted once, however often it is shown', async () => {
    for (const from of [bob, tablet, bob]) await shows(from, revocationOf(tablet))
    expect([leaving(), removals()]).toEqual([[idOf(tablet)], [idOf(tablet)]])
  })

  test('of a device of this account is told of', async () => {
    await shows(phone, revocationOf(phone))
    expect(testing.context.devices.isRevoked(idOf(phone))).toBe(true)
    expect(testing.told).toEqual([{ type: 'devices' }])
    expect(removals()).toEqual([idOf(phone)])
  })

  test('of a device that is not in the group is kept for later', async () => {
    const lost = secondDevice(bob)
    await shows(bob, revocationOf(lost))
    expect(testing.context.contacts.get(bob.account.publicKey)?.revokedDeviceIds).toEqual([idOf(lost)])
    expect([leaving(), removals()]).toEqual([[], []])
  })

  test.each<[string, () => Uint8Array]>([
    ['signed by another account', () => revocationOf({ ...bob, account: makeAccount('bob').account })],
    ['of an account that is not in the group', () => revocationOf(makeAccount('carol'))],
    ['that is none', () => Uint8Array.of(1, 2, 3)],
  ])('%s changes nothing', async (_, make) => {
    await shows(bob, make())
    expect([leaving(), removals()]).toEqual([[], []])
    expect(testing.told).toEqual([])
  })

  test('is owed a receipt, and is taken from somebody who is blocked', () => {
    expect(revoked).toMatchObject({ owesReceipt: true, fromBlocked: true })
  })
})

const revokePhone = () => testing.written((tx, unit) => revoke(unit.context, tx, idOf(phone)))
/** The revocation of the phone, as it is said. */
const said = () => {
  const deviceRevocation = testing.context.devices.get(idOf(phone))!.revocation
  return { case: 'revoked', value: { deviceRevocation } }
}
const isDue = () => testing.context.devices.get(idOf(phone))?.revocationDue

describe('a device that this one revokes', () => {
  test('is told of in every group that it is in, and removed there', async () => {
    const withBob = await TestGroup.of(testing, { others: [bob] })
    await revokePhone()
    expect(room.sent()).toMatchObject([said()])
    expect(removals()).toEqual([idOf(phone)])
    expect([withBob.sent(), removals(withBob)]).toEqual([[], []])
    expect(testing.context.devices.get(idOf(phone))).toMatchObject({ revocationDone: false })
  })

  test.each<GroupPhase>([
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'ended', why: 'removed' },
  ])('is not told of in a group that is $name', async phase => {
    await room.enter(phase)
    await revokePhone()
    expect([room.sent(), removals()]).toEqual([[], []])
  })

  test('is told of to the other devices as soon as there is a group with them', async () => {
    await revokePhone()
    expect(isDue()).toBe(true)
    const seal = () => testing.written((tx, unit) => sealRevocations(unit.context, tx))
    await seal()
    expect(isDue()).toBe(true)
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [secondDevice(alice)] })
    await seal()
    await seal()
    expect(isDue()).toBe(false)
    expect(own.sent()).toMatchObject([said()])
  })

  test('is known to the other devices by the group that it is in itself', async () => {
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [phone] })
    await revokePhone()
    expect(isDue()).toBe(false)
    expect(own.sent()).toHaveLength(1)
  })
})
