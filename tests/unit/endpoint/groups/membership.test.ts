// The accounts of a group, and their devices in it.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  accountIn,
  accountsIn,
  adminKeys,
  isAdmin,
  isOwn,
  isOwnDevicesGroup,
  isRoom,
} from '../../../../services/endpoint/groups/membership.js'
import type { Held } from '../../../../services/endpoint/groups/state/held.js'
import { heldOf } from '../../../../services/protocol/conversation/ledger.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const carol = makeAccount('carol')

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

test('a group is of own devices, of two people, or a room', async () => {
  const own = await TestGroup.of(testing, { others: [phone] })
  const direct = await TestGroup.of(testing, { others: [bob] })
  const room = await TestGroup.of(testing, { others: [phone], room: {} })
  const groups = [own, direct, room].map(({ live }) => live)
  expect(groups.map(isOwnDevicesGroup)).toEqual([true, false, false])
  expect(groups.map(isRoom)).toEqual([false, false, true])
})

test('admins are those whom the chain says', async () => {
  const { live } = await TestGroup.of(testing, { others: [bob, carol], by: bob, room: { admins: [carol] } })
  const { state } = live.held
  expect(adminKeys(state)).toEqual([bob, carol].map(({ account }) => account.publicKey))
  const areAdmins = [alice, bob, makeAccount('bob')].map(({ account }) =>
    isAdmin(state, { accountKey: account.publicKey }),
  )
  expect(areAdmins).toEqual([false, true, false])
})

describe('accounts', () => {
  test('are each there once, with all their devices, in the order in which they came', async () => {
    const other = makeAccount('bob')
    const tablet = secondDevice(bob)
    const { live } = await TestGroup.of(testing, { others: [bob, phone, other, tablet], room: {} })
    const expected = [
      {
        ...{ handle: 'alice', accountKey: alice.account.publicKey },
        devices: [alice.device.publicKey, phone.device.publicKey],
      },
      {
        ...{ handle: 'bob', accountKey: bob.account.publicKey },
        devices: [bob.device.publicKey, tablet.device.publicKey],
      },
      { handle: 'bob', accountKey: other.account.publicKey, devices: [other.device.publicKey] },
    ]
    expect(accountsIn(testing.context, live)).toEqual(expected)
    expect(accountIn(testing.context, live, other.account.publicKey)).toEqual(expected[2])
    expect(accountIn(testing.context, live, carol.account.publicKey)).toBeUndefined()
  })

  test('are there without a device, too, by the name of their list if there is one', async () => {
    const { live } = await TestGroup.of(testing, { others: [bob, carol], room: {} })
    const accountKeys = [bob, carol].map(({ account }) => account.publicKey)
    const only = [heldOf(live.held.ledger, bob.account.publicKey)!]
    const shown = (held: Held) => {
      const { engine: real } = testing.context
      const engine = { ...real, members: () => real.members(live.state).slice(0, 1) }
      const group = Object.create(live, { held: { value: held } })
      return accountsIn({ engine }, group).slice(1)
    }
    const [bobs, carols] = accountKeys
    expect(shown(live.held)).toEqual([
      { handle: 'bob', accountKey: bobs, devices: [] },
      { handle: 'carol', accountKey: carols, devices: [] },
    ])
    const ledger = { ...live.held.ledger, accounts: only }
    expect(shown({ ...live.held, ledger }).map(({ handle }) => handle)).toEqual(['bob', ''])
  })

  test('are this one by the key alone', () => {
    expect(isOwn(testing.context, { accountKey: alice.account.publicKey })).toBe(true)
    expect(isOwn(testing.context, { accountKey: makeAccount('alice').account.publicKey })).toBe(false)
  })
})
