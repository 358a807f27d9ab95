import { beforeEach, expect, test } from '@jest/globals'
import {
  makeAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import { OwnGroup } from '../../../../../services/endpoint/sync/keys/own-group.js'
import { Scheduler } from '../../../../../services/endpoint/sync/scheduler.js'
import { listed as learned, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { learn } from '../../../../support/endpoint-groups.js'
import { FakeDirectory } from '../../../../support/fake-directory.js'
import { listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const phone = restoreAccount({ handle: 'alice', seed: alice.account.privateKey })

let endpoint: TestContext
let directory: FakeDirectory
let ownGroup: OwnGroup
let looks: number
let nudges: number

beforeEach(async () => {
  endpoint = await openTestContext(alice)
  directory = new FakeDirectory(endpoint.context.engine, alice)
  looks = 0
  nudges = 0
  ownGroup = new OwnGroup({
    ...endpoint,
    exchange: directory.exchange,
    scheduler: new Scheduler(endpoint.clock),
    nudge: () => nudges++,
    lookAgain: () => looks++,
  })
})

/** The devices are known in this order, the oldest first. */
const known = (...devices: OwnAccount[]) =>
  endpoint.written((tx, unit) => {
    learn(unit, devices)
    for (const [at, { device }] of devices.entries())
      unit.context.devices.change(tx, device.publicKey, { issuedAtMs: BigInt(at + 1) })
  })
const listed = (...devices: OwnAccount[]) =>
  devices.map(({ handle, account, device }) => ({
    ...{ handle, accountKey: account.publicKey, deviceKey: device.publicKey, listedAt: 1 },
  }))
const groups = () =>
  endpoint.context.groups
    .all()
    .filter(({ record }) => endpoint.context.conversations.kind(record.conversation) === 'own-devices')

test('the oldest device makes it at once, and its first commit is sent', async () => {
  await known(alice, phone)
  directory.list(phone)
  await ownGroup.look(listed(alice, phone))
  expect(groups()).toMatchObject([{ phase: { name: 'creating' } }])
  expect(endpoint.outbox.items()).toHaveLength(1)
  expect(nudges).toBe(1)
})

test('a younger one waits two seconds for each that is older, and looks again then', async () => {
  await known(phone, alice)
  directory.list(phone)
  await ownGroup.look(listed(alice, phone))
  expect({ calls: directory.calls, groups: groups() }).toEqual({ calls: [], groups: [] })
  endpoint.clock.pass(2_000)
  expect(looks).toBe(0)
  endpoint.clock.pass(1)
  expect(looks).toBe(1)
  await ownGroup.look(listed(alice, phone))
  expect(groups()).toHaveLength(1)
})

test('a device that has published no key package yet is looked for again, and not at once', async () => {
  await known(alice, phone)
  await ownGroup.look(listed(alice, phone))
  expect(groups()).toEqual([])
  await ownGroup.look(listed(alice, phone))
  expect(directory.calls).toHaveLength(1)
  endpoint.clock.pass(2_001)
  expect(looks).toBeGreaterThan(0)
  directory.list(phone)
  await known(alice, phone)
  await ownGroup.look(listed(alice, phone))
  expect(groups()).toHaveLength(1)
})

test('a device that is alone makes none, and asks nobody', async () => {
  await known(alice)
  await ownGroup.look(listed(alice))
  expect({ calls: directory.calls, groups: groups() }).toEqual({ calls: [], groups: [] })
})

test('a device that its account has ended makes none', async () => {
  await known(alice, phone)
  directory.list(phone)
  await learned(endpoint, [phone], listOf(phone).number + 1)
  await ownGroup.look(listed(alice, phone))
  expect({ calls: directory.calls, groups: groups() }).toEqual({ calls: [], groups: [] })
})

test('with a new line the turns begin anew', async () => {
  await known(phone, alice)
  directory.list(phone)
  await ownGroup.look(listed(alice, phone))
  endpoint.clock.pass(2_001)
  ownGroup.restart()
  await ownGroup.look(listed(alice, phone))
  expect(groups()).toEqual([])
})
