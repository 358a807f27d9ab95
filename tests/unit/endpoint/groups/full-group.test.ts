// A group that is nearly full: as many are added as there is room for.

import { expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  addAccount,
  addDevices,
  commitIntents,
  intend,
} from '../../../../services/endpoint/groups/intents.js'
import { transition } from '../../../../services/endpoint/groups/transition.js'
import { MAX_MEMBERS } from '../../../../services/endpoint/mls/engine.js'
import { claimOf, openTestContext } from '../../../support/endpoint-context.js'
import { keyPackageOf, learn } from '../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../support/group.js'

test('of more than there is room for, as many are added as can be, and it is said who is not', async () => {
  const testing = await openTestContext(makeAccount('alice'))
  const { engine } = testing.context
  // With this device there is room for one more.
  const others = Array.from({ length: MAX_MEMBERS - 2 }, (_, index) => makeAccount(`guest${index}`))
  const room = await TestGroup.of(testing, { others, room: {} })
  const newcomers = ['dave', 'erin'].map(handle => makeAccount(handle))
  await testing.written((_, unit) => learn(unit, newcomers))
  for (const newcomer of newcomers) {
    const { publicPackage } = await keyPackageOf(engine, newcomer)
    const change = addAccount(claimOf(newcomer), [publicPackage])
    await testing.written((tx, unit) => intend(unit.context, tx, room.in(unit), change))
  }
  const commit = () =>
    testing.written((tx, unit) => commitIntents(unit.context, tx, room.in(unit), testing.clock.now()))

  const { made, impossible } = await commit()
  const [dave] = newcomers
  expect(impossible).toEqual([{ handle: 'erin', cause: 'too-many-members' }])
  expect(made?.bundle.rosterChange).toEqual({
    addedDeviceIds: [dave!.device.publicKey],
    removedDeviceIds: [],
  })
  expect(made?.bundle.welcomes).toMatchObject([{ deviceIds: [dave!.device.publicKey] }])

  await testing.written((tx, unit) => {
    const live = room.in(unit)
    const { state } = engine.adopt(live.state, live.pending!)
    unit.context.groups.enter(tx, live, { state, held: live.heldAfter(state) })
    transition(unit.context, tx, live, { input: 'commit-won' })
  })
  expect(engine.members(room.live.state)).toHaveLength(MAX_MEMBERS)
  // A member with a further device finds no room either.
  const tablet = secondDevice(others[0]!)
  const { publicPackage } = await keyPackageOf(engine, tablet)
  await testing.written((tx, unit) => {
    learn(unit, [tablet])
    const { case: kind, value } = addDevices(claimOf(tablet), [tablet.device.publicKey])
    const change = { case: kind, value: { ...value, keyPackages: [publicPackage] } }
    intend(unit.context, tx, room.in(unit), change)
  })
  expect(await commit()).toEqual({
    made: undefined,
    impossible: [{ handle: undefined, cause: 'too-many-members' }],
  })
  expect(testing.context.intents.of(room)).toEqual([])
})
