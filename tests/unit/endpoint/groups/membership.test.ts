// A group as it stands.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind } from '../../../../gen/parley/content/v1/room_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  accountsIn,
  isOwn,
  isOwnDevicesGroup,
  membershipOf,
  settingsOf,
} from '../../../../services/endpoint/groups/membership.js'
import { deviceKey } from '../../../../services/protocol/keys.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { foundGroup } from '../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

describe('a group stands', () => {
  test('with its settings and members, its place, and those who want to go', async () => {
    const room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob] })
    const leaving = [deviceKey(new Uint8Array(32).fill(1))]
    await room.change({ leavingDeviceIds: leaving })
    const { conversationId } = room.live.record
    expect(membershipOf(testing.context, room.live)).toMatchObject({
      ...{ settings: { kind: GroupKind.ROOM, name: 'tea' }, leaving, conversationId, epoch: 1n },
      members: [{ signatureKey: alice.device.publicKey }, { signatureKey: bob.device.publicKey }],
    })
  })
})

describe('settings', () => {
  test('are of two people where there are none, or none that we know', async () => {
    const direct = await TestGroup.of(testing, { others: [bob] })
    expect(settingsOf(testing.context, direct.live).kind).toBe(GroupKind.DIRECT)
    const founded = { others: [bob], settings: Uint8Array.of(0xff) }
    const { state } = await foundGroup(testing.context.engine, alice, founded)
    await testing.written((tx, unit) => unit.context.groups.enter(tx, direct.in(unit), state))
    expect(settingsOf(testing.context, direct.live).kind).toBe(GroupKind.DIRECT)
  })

  test('tell a group of own devices', async () => {
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [phone] })
    const room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [phone] })
    expect(isOwnDevicesGroup(testing.context, own.live)).toBe(true)
    expect(isOwnDevicesGroup(testing.context, room.live)).toBe(false)
  })
})

describe('accounts', () => {
  test('are each there once, with all their devices, in the order of their first leaves', async () => {
    const other = makeAccount('bob')
    const tablet = secondDevice(bob)
    const room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, phone, other, tablet] })
    const names = accountsIn(testing.context, room.live).map(({ handle, accountKey, devices }) => ({
      ...{ handle, accountKey, devices },
    }))
    expect(names).toEqual([
      {
        ...{ handle: 'alice', accountKey: alice.account.publicKey },
        devices: [alice.device.publicKey, phone.device.publicKey],
      },
      {
        ...{ handle: 'bob', accountKey: bob.account.publicKey },
        devices: [bob.device.publicKey, tablet.device.publicKey],
      },
      { handle: 'bob', accountKey: other.account.publicKey, devices: [other.device.publicKey] },
    ])
  })

  test('are this one by the key alone', () => {
    expect(isOwn(testing.context, { accountKey: alice.account.publicKey })).toBe(true)
    expect(isOwn(testing.context, { accountKey: makeAccount('alice').account.publicKey })).toBe(false)
  })
})
