// Which of the changes that this device is to commit go into its next commit.

import { fromBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import type { Intent } from '../../../../services/endpoint/groups/intent-list.js'
import {
  addAccount,
  addDevices,
  changeSettings,
  removeDevices,
} from '../../../../services/endpoint/groups/intents.js'
import { giveUp, type Impossible, mayRemove, planOf } from '../../../../services/endpoint/groups/plan.js'
import { claimOf, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { adminOf, secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const dave = makeAccount('dave')
/** In the order of their leaves. */
const MEMBERS = [alice, bob, tablet, carol]
const idOf = ({ device }: OwnAccount) => device.publicKey

let testing: TestContext
let room: TestGroup
let impossible: Impossible[]
const open = async (admins = [alice, carol]) => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, tablet, carol], admins })
  impossible = []
}
beforeEach(() => open())

const removal = (...accounts: OwnAccount[]): Intent['change'] => removeDevices(accounts.map(idOf))
const addition = (handle: string, ...keyPackages: number[]): Intent['change'] => {
  const known = [alice, bob, carol].find(account => account.handle === handle)
  return addAccount(
    known ? claimOf(known) : { handle },
    keyPackages.map(fill => Uint8Array.of(fill)),
  )
}
const devices = (accounts: OwnAccount[], ...keyPackages: number[]): Intent['change'] => ({
  case: 'addDevices',
  value: {
    ...addDevices(claimOf(bob), accounts.map(idOf)).value,
    keyPackages: keyPackages.map(fill => Uint8Array.of(fill)),
  },
})
type SettingsChange = Parameters<typeof changeSettings>[0]
const settings = (change: SettingsChange): Intent['change'] => changeSettings(change)

const wish = (change: Intent['change'], alone = false) =>
  testing.written((tx, unit) => unit.context.intents.add(tx, room.in(unit), { change, alone }))
/** The changes that would be committed, people by their handles. */
const plan = async () => {
  const made = await testing.written((tx, unit) =>
    planOf(unit.context, tx, room.in(unit), { due: unit.context.intents.of(room), impossible }),
  )
  return (
    made && {
      ids: made.ids.map(Number),
      ...(made.add.length > 0 && { add: made.add.map(([fill]) => fill) }),
      ...(made.remove.length > 0 && { remove: made.remove.map(leaf => MEMBERS[leaf] ?? leaf) }),
      ...(made.settings && { settings: fromBinary(GroupSettingsSchema, made.settings) }),
    }
  )
}
const intended = () => testing.context.intents.of(room).map(({ id }) => Number(id))

test('nothing is planned where nothing is due, even if somebody has asked to be removed', async () => {
  await room.change({ leavingDeviceIds: [idOf(bob)] })
  expect(await plan()).toBeUndefined()
})

describe('a removal', () => {
  test('goes with others, each device once', async () => {
    await wish(removal(bob, tablet))
    await wish(removal(bob))
    await wish(removal(carol, dave))
    expect(await plan()).toEqual({ ids: [1, 2, 3], remove: [bob, tablet, carol] })
  })

  test('leaves out this device, which nobody can remove by a commit of its own', async () => {
    await wish(removal(alice, bob))
    expect(await plan()).toEqual({ ids: [1], remove: [bob] })
  })

  test('goes before those who come', async () => {
    await wish(addition('dave', 1))
    await wish(removal(bob))
    expect(await plan()).toEqual({ ids: [2], remove: [bob] })
    expect(intended()).toEqual([1, 2])
  })

  test('of those who have asked for it goes before others come, with what else is removed', async () => {
    await room.change({ leavingDeviceIds: [idOf(bob), idOf(carol), idOf(carol), idOf(alice), idOf(dave)] })
    await wish(addition('dave', 1))
    expect(await plan()).toEqual({ ids: [], remove: [bob, carol] })
    await wish(removal(bob, tablet))
    expect(await plan()).toEqual({ ids: [2], remove: [bob, tablet, carol] })
  })

  test('that the others would refuse keeps back none that they would not', async () => {
    await open([carol])
    await room.change({ leavingDeviceIds: [idOf(bob)] })
    await wish(removal(tablet))
    await wish(removal(bob))
    expect(await plan()).toEqual({ ids: [2], remove: [bob] })
    expect([impossible, intended()]).toEqual([[{ handle: undefined, cause: 'policy' }], [2]])
  })
})

describe('an addition', () => {
  test('goes with others', async () => {
    await wish(addition('dave', 1, 2))
    await wish(devices([tablet, dave], 3))
    expect(await plan()).toEqual({ ids: [1, 2], add: [1, 2, 3] })
  })

  test('waits for key packages, and keeps nobody else waiting', async () => {
    await wish(addition('dave'))
    await wish(devices([dave]))
    await wish(addition('erin', 4))
    expect(await plan()).toEqual({ ids: [3], add: [4] })
    expect(intended()).toEqual([1, 2, 3])
  })

  test('is pointless where all of them are there', async () => {
    await wish(addition('carol', 1))
    await wish(devices([bob, tablet], 2))
    expect(await plan()).toBeUndefined()
    expect([intended(), impossible]).toEqual([[], []])
  })
})

describe('a change that is committed by itself', () => {
  test('takes nothing with it', async () => {
    await wish(removal(bob), true)
    await wish(removal(carol))
    await wish(removal(tablet), true)
    expect(await plan()).toEqual({ ids: [1], remove: [bob] })
  })

  test('is not taken along', async () => {
    await wish(addition('dave', 1))
    await wish(addition('erin', 2), true)
    await wish(addition('frank', 3))
    expect(await plan()).toEqual({ ids: [1, 3], add: [1, 3] })
  })
})

test('a change that only a newer version knows waits for that version', async () => {
  await wish({ case: undefined })
  await wish(removal(bob))
  expect(await plan()).toEqual({ ids: [2], remove: [bob] })
  expect(intended()).toEqual([1, 2])
})

describe('settings', () => {
  const admins = [adminOf(alice), adminOf(carol)]
  const after = { kind: GroupKind.ROOM, name: 'tea', topic: '', admins }

  test('go first, and alone', async () => {
    await wish(removal(bob))
    await wish(settings({ name: 'coffee' }))
    await wish(settings({ name: 'milk' }))
    expect(await plan()).toMatchObject({ ids: [2], settings: { ...after, name: 'coffee' } })
    expect(await plan()).not.toHaveProperty('remove')
  })

  test.each<[string, SettingsChange, object]>([
    ['the name', { name: 'coffee' }, { name: 'coffee' }],
    ['the topic', { topic: 'hot' }, { topic: 'hot' }],
    ['how much newcomers see', { historyDays: 7 }, { history: { days: 7 } }],
    ['who is an admin', { makeAdmin: bob.account.publicKey }, { admins: [...admins, adminOf(bob)] }],
    ['who is none any more', { unmakeAdmin: carol.account.publicKey }, { admins: [adminOf(alice)] }],
  ])('change %s and leave the rest', async (_, change, changed) => {
    await wish(settings(change))
    expect(await plan()).toMatchObject({ ids: [1], settings: { ...after, ...changed } })
  })

  test('lose the admins who have left, by the way', async () => {
    await open([alice, dave, makeAccount('carol')])
    await wish(settings({ topic: 'hot' }))
    expect(await plan()).toMatchObject({ settings: { topic: 'hot', admins: [adminOf(alice)] } })
  })

  test.each<[string, SettingsChange]>([
    ['make an admin of one', { makeAdmin: carol.account.publicKey }],
    ['make an admin of somebody who is not there', { makeAdmin: makeAccount('dave').account.publicKey }],
    ['unmake an admin who is none', { unmakeAdmin: bob.account.publicKey }],
    ['say the same', { name: 'tea', historyDays: 0 }],
  ])('that %s are pointless', async (_, change) => {
    await wish(settings(change))
    await wish(removal(bob))
    expect(await plan()).toEqual({ ids: [2], remove: [bob] })
    expect(intended()).toEqual([2])
  })

  test('are nothing to change in a conversation of two', async () => {
    room = await TestGroup.of(testing, { others: [bob] })
    await wish(settings({ name: 'coffee' }))
    expect([await plan(), intended()]).toEqual([undefined, []])
  })
})

test('what is given up says whom it would have added', async () => {
  await wish(addition('dave', 1))
  await wish(removal(bob))
  const ids = testing.context.intents.of(room).map(({ id }) => id)
  const given: Impossible[] = []
  for (const id of [...ids, ...ids])
    given.push(
      await testing.written((tx, unit) => giveUp(unit.context, tx, room.in(unit), { id, why: 'policy' })),
    )
  // The second time nothing is known of them.
  expect(given.map(({ handle }) => handle)).toEqual(['dave', undefined, undefined, undefined])
  expect(given[0]!.cause).toBe('policy')
  expect(intended()).toEqual([])
})

test('the others take from an admin what they do not take from another member', async () => {
  const may = (...remove: number[]) => mayRemove(testing.context, room.live, remove)
  expect(may(1, 3)).toBe(true)
  await open([carol])
  expect([may(), may(1)]).toEqual([true, false])
  await room.change({ leavingDeviceIds: [idOf(bob)] })
  expect([may(1), may(1, 2)]).toEqual([true, false])
})
