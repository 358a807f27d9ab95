import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, restoreAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { LiveGroup } from '../../../../../services/endpoint/groups/state/groups.js'
import { DeviceLists } from '../../../../../services/endpoint/sync/keys/device-lists.js'
import { Scheduler } from '../../../../../services/endpoint/sync/scheduler.js'
import { accountKey } from '../../../../../services/protocol/keys.js'
import { shownList } from '../../../../support/device-lists.js'
import { claimOf, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { groupWithPerson } from '../../../../support/endpoint-groups.js'
import { FakeDirectory } from '../../../../support/fake-directory.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const bobsPhone = restoreAccount({ handle: 'bob', seed: bob.account.privateKey })
const phone = restoreAccount({ handle: 'alice', seed: alice.account.privateKey })

let endpoint: TestContext
let directory: FakeDirectory
let lists: DeviceLists
let nudges: number

beforeEach(async () => {
  endpoint = await openTestContext(alice)
  directory = new FakeDirectory(endpoint.context.engine, alice)
  directory.list(bob)
  nudges = 0
  lists = new DeviceLists({
    ...endpoint,
    exchange: directory.exchange,
    scheduler: new Scheduler(endpoint.clock),
    nudge: () => nudges++,
  })
})

const meet = (who: typeof bob) =>
  endpoint.written((tx, { context }) => void context.contacts.meet(tx, claimOf(who)))
const lookups = () => directory.calls.map(({ lookupHandles }) => lookupHandles)
const toAdd = (group: LiveGroup) => endpoint.context.intents.of(group).length

describe('who is looked up', () => {
  test('is everybody whose key is known, and this account, when a line comes up', async () => {
    await meet(bob)
    await endpoint.written(
      (tx, { context }) => void context.contacts.handles.expect(tx, 'carol', new Uint8Array(32)),
    )
    lists.restart()
    await lists.run()
    await lists.run()
    expect(lookups()).toEqual([['alice', 'bob']])
  })

  const keyOf = (at: number) => accountKey(new Uint8Array(new Uint32Array(8).fill(at + 1).buffer))

  /** So many have been met, and something was said with the last of them, the very last at the end. */
  async function meetMany(count: number, saidWith = 0): Promise<string[]> {
    const many = Array.from({ length: count }, (_, place) => `guest${String(place).padStart(3, '0')}`)
    await endpoint.written((tx, { context }) => {
      for (const [at, handle] of many.entries()) context.contacts.meet(tx, { handle, accountKey: keyOf(at) })
      for (let at = count - saidWith; at < count; at++) {
        endpoint.clock.pass(1)
        context.conversations.open(tx, keyOf(at))
      }
    })
    return many
  }
  const passPage = async () => {
    endpoint.clock.pass(5_000)
    await lists.run()
  }

  test('of many is looked up a part at a time, first those with whom something was said lately', async () => {
    const many = await meetMany(100, 18)
    const lately = many.slice(82).reverse()
    lists.restart()
    await lists.run()
    expect(lookups()).toEqual([['alice', ...lately.slice(0, 16), ...many.slice(0, 16)]])
    const before = nudges
    await passPage()
    expect(nudges).toBeGreaterThan(before)
    expect(lookups()[1]).toEqual([...lately.slice(16), ...many.slice(16, 80)])
    await passPage()
    expect(lookups()[2]).toEqual(many.slice(80))
    await passPage()
    expect(lookups()).toHaveLength(3)
  })

  test('begins again with a line that comes up meanwhile', async () => {
    const many = await meetMany(40)
    lists.restart()
    await lists.run()
    endpoint.clock.pass(1_000)
    lists.restart()
    await lists.run()
    endpoint.clock.pass(4_500)
    await lists.run()
    expect(lookups()).toHaveLength(2)
    endpoint.clock.pass(500)
    await lists.run()
    expect(lookups().slice(1)).toEqual([['alice', ...many.slice(0, 16)], many.slice(16)])
  })

  test('is the account that the server hints at', async () => {
    lists.changed('bob')
    expect(nudges).toBe(1)
    await lists.run()
    expect(lookups()).toEqual([['bob']])
  })

  test('is no more than 256 in one call', async () => {
    for (let each = 0; each < 300; each++) lists.changed(`handle${each}`)
    await lists.run()
    expect(lookups().map(handles => handles?.length)).toEqual([256, 44])
  })

  test('is at once who had no room in the answer', async () => {
    directory.lookupsAnswered = 2
    for (const handle of ['bob', 'carol', 'dave']) lists.changed(handle)
    await lists.run()
    expect(lookups()).toEqual([['bob', 'carol', 'dave'], ['dave']])
  })

  test('waits, each time twice as long, where the server answers for nobody', async () => {
    directory.lookupsAnswered = 0
    lists.changed('bob')
    await lists.run()
    for (const [index, wait] of [1_000, 2_000, 4_000].entries()) {
      endpoint.clock.pass(wait - 1)
      await lists.run()
      expect(lookups()).toHaveLength(index + 1)
      endpoint.clock.pass(1)
      await lists.run()
      expect(lookups()).toHaveLength(index + 2)
    }
  })

  test('is nobody while that is under way', async () => {
    lists.changed('bob')
    await Promise.all([lists.run(), lists.run()])
    expect(lookups()).toHaveLength(1)
  })
})

test('a device that is missing is to be added, and looked for again, each time after twice as long', async () => {
  const group = await groupWithPerson(endpoint, bob)
  directory.list(bobsPhone)
  lists.changed('bob')
  await lists.run()
  expect(toAdd(group)).toBe(1)
  for (const wait of [1_000, 2_000, 4_000]) {
    const before = lookups().length
    endpoint.clock.pass(wait - 1)
    await lists.run()
    expect(lookups()).toHaveLength(before)
    endpoint.clock.pass(1)
    await lists.run()
    expect(lookups()).toHaveLength(before + 1)
  }
  directory.devices.set('bob', [bob])
  endpoint.clock.pass(8_000)
  await lists.run()
  const settled = lookups().length
  endpoint.clock.pass(3_600_000)
  await lists.run()
  expect(lookups()).toHaveLength(settled)
})

test('many groups are compared, those with somebody in them alone', async () => {
  const groups: LiveGroup[] = []
  for (let each = 0; each < 20; each++)
    groups.push(await groupWithPerson(endpoint, each % 2 ? bob : makeAccount('carol')))
  directory.list(bobsPhone)
  lists.changed('bob')
  await lists.run()
  expect(groups.map(toAdd)).toEqual(groups.map((_, at) => at % 2))
})

describe('the groups are compared', () => {
  let group: LiveGroup
  beforeEach(async () => {
    group = await groupWithPerson(endpoint, bob)
    lists.changed('bob')
    await lists.run()
  })
  /** The work to be done was forgotten: only a comparison finds it again. */
  const forget = () =>
    endpoint.written((tx, { context }) => context.intents.dropAll(tx, context.groups.get(group.number)!))
  const lookAgain = async () => {
    await forget()
    lists.changed('bob')
    await lists.run()
    return toAdd(group)
  }

  test('when the list is another one, and as long as what it says is not done', async () => {
    directory.list(bobsPhone)
    expect([await lookAgain(), await lookAgain()]).toEqual([1, 1])
  })

  test('when the group is another one', async () => {
    directory.list(bobsPhone)
    await groupWithPerson(endpoint, bobsPhone)
    await lookAgain()
    const third = await groupWithPerson(endpoint, bob)
    lists.changed('bob')
    await lists.run()
    expect(toAdd(third)).toBe(1)
  })

  test('but not where neither is', async () => {
    const spoken = endpoint.context.groups.with(bob.account.publicKey, 'unreconciled')
    expect([spoken, endpoint.context.groups.with(bob.account.publicKey, 'all')]).toEqual([[], [group.number]])
    expect(await lookAgain()).toBe(0)
  })
})

describe('devices that this one has ended', () => {
  const own = alice.account.publicKey
  const learn = (isDue: boolean, ...removals: [typeof alice, typeof phone][]) =>
    endpoint.written((tx, { context }) => {
      const state = context.lists.read(shownList([alice, phone], { number: 9, removals }))!
      return context.lists.learn(tx, state, { isDue })
    })

  test('are told to the server once', async () => {
    await learn(true, [alice, phone])
    await lists.run()
    await lists.run()
    const { deviceList, removals } = shownList([alice, phone], { number: 9, removals: [[alice, phone]] })
    expect(directory.calls).toEqual([{ deviceList, deviceRemovals: removals }])
    expect(endpoint.context.lists.isDue(own)).toBe(false)
  })

  test('are told again when the line went down', async () => {
    await learn(true, [alice, phone])
    directory.downAt = 1
    await expect(lists.run()).rejects.toMatchObject({ name: 'RpcError' })
    expect(endpoint.context.lists.isDue(own)).toBe(true)
  })

  test('that the server has shown are not told to it', async () => {
    await learn(false, [alice, phone])
    await lists.run()
    expect(directory.calls).toEqual([])
  })
})

describe('what the server lists', () => {
  test('of this account is told: a device that was not known', async () => {
    directory.list(phone)
    lists.changed('alice')
    await lists.run()
    expect(endpoint.told.filter(({ type }) => type === 'devices')).toHaveLength(1)
    expect(endpoint.context.devices.get(phone.device.publicKey)?.issuedAtMs).toBeGreaterThan(0n)
    lists.changed('alice')
    await lists.run()
    expect(endpoint.told.filter(({ type }) => type === 'devices')).toHaveLength(1)
  })

  test('under another key than the pinned one is a change, which is looked into', async () => {
    await meet(makeAccount('bob'))
    lists.changed('bob')
    await lists.run()
    expect(endpoint.context.contacts.handles.hasChanged('bob')).toBe(true)
  })
})

test('what failed because of the line is due again with a new one', async () => {
  await meet(bob)
  directory.downAt = 1
  lists.restart()
  await expect(lists.run()).rejects.toMatchObject({ name: 'RpcError' })
  directory.downAt = Number.POSITIVE_INFINITY
  lists.restart()
  await lists.run()
  expect(lookups().at(-1)).toEqual(['alice', 'bob'])
})
