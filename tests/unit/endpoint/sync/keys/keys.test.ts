import { create } from '@bufbuild/protobuf'
import { beforeEach, expect, test } from '@jest/globals'
import { LimitsSchema } from '../../../../../gen/parley/v1/chat_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { Background } from '../../../../../services/endpoint/sync/background.js'
import { Keys } from '../../../../../services/endpoint/sync/keys/keys.js'
import { Scheduler } from '../../../../../services/endpoint/sync/scheduler.js'
import { listed, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { FakeDirectory } from '../../../../support/fake-directory.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')

let endpoint: TestContext
let directory: FakeDirectory
let keys: Keys
let scheduler: Scheduler
let background: Background
let failures: unknown[]
let nudges: number

beforeEach(async () => {
  endpoint = await openTestContext(alice)
  directory = new FakeDirectory(endpoint.context.engine, alice)
  directory.list(bob)
  await listed(endpoint, [alice])
  failures = []
  nudges = 0
  scheduler = new Scheduler(endpoint.clock)
  background = new Background(error => void failures.push(error))
  keys = new Keys({
    ...endpoint,
    exchange: directory.exchange,
    ...{ scheduler, background, policy: 'block', stockSize: 4 },
    nudge: () => nudges++,
    emit: () => undefined,
  })
})

const openWithBob = () => endpoint.written((tx, { context }) => context.conversations.openAwaiting(tx, 'bob'))
const opened = () => keys.opened({ limits: create(LimitsSchema, { claimsPerCall: 1 }) })
const asked = async () => {
  keys.ask()
  await background.settled()
  const handles = directory.calls.flatMap(({ claimHandles, lookupHandles }) => {
    const asked = claimHandles ?? lookupHandles
    return asked ? [asked] : []
  })
  directory.calls.length = 0
  return handles
}

test('when the stream is open all is asked for that is due: who is to be reached, and who has which devices', async () => {
  await openWithBob()
  opened()
  expect((await asked()).sort()).toEqual([['alice'], ['bob', 'alice']])
  expect(await asked()).toEqual([])
})

test('somebody who may be reached now is looked for again', async () => {
  directory.devices.delete('bob')
  await openWithBob()
  opened()
  await asked()
  keys.lookAgain()
  expect(nudges).toBeGreaterThan(0)
  expect(await asked()).toEqual([['bob', 'alice']])
})

test('an account that has changed is looked up', async () => {
  keys.changed('bob')
  expect(await asked()).toEqual([['bob']])
})

test('a welcome has the stock looked at', async () => {
  keys.used()
  await background.settled()
  expect(directory.calls).toMatchObject([{}, { keyPackages: { length: 4 } }])
})

test('once another list of this account is known, the key packages at the server are replaced', async () => {
  keys.ask()
  await background.settled()
  await listed(endpoint, [alice], 2)
  directory.calls.length = 0
  keys.ask()
  await background.settled()
  expect(directory.calls).toMatchObject([{ keyPackages: { length: 4 }, replacesKeyPackages: true }])
})

test('a hint about another suite than that of this device is not for it', async () => {
  keys.drawn({ suite: 1, left: 0 })
  await background.settled()
  expect(directory.calls).toEqual([])
})

test('nothing is asked for once the endpoint stops', async () => {
  keys.changed('bob')
  scheduler.stop()
  expect(await asked()).toEqual([])
})

test('a line that is down is no failure; a vault that fails is', async () => {
  directory.downAt = 1
  keys.changed('bob')
  await asked()
  expect(failures).toEqual([])
  directory.downAt = Number.POSITIVE_INFINITY
  endpoint.disk.fail({ reason: 'full' })
  keys.drawn({ suite: 83, left: 0 })
  await background.settled()
  expect(failures).toMatchObject([{ name: 'VaultError' }])
})
