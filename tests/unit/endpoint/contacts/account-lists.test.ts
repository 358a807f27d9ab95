// All that a device knows of the devices of accounts, by signatures alone.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, restoreAccount } from '../../../../services/endpoint/contacts/account.js'
import { AccountLists, type Shown } from '../../../../services/endpoint/contacts/account-lists.js'
import { saveServer } from '../../../../services/endpoint/sync/server-record.js'
import { encodeLeafList } from '../../../../services/protocol/conversation/leaves.js'
import {
  MAX_HELD_LIST_BYTES,
  MAX_HELD_REMOVAL_BYTES,
} from '../../../../services/protocol/conversation/limits.js'
import { readDeviceList } from '../../../../services/protocol/identity/device-list.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { MAX_LIST_BYTES, SERVER_ID_BYTES } from '../../../../services/protocol/sizes.js'
import { DAY_MS, SECOND_MS } from '../../../../services/protocol/time.js'
import { type Device, Person } from '../../../support/chain-people.js'
import { shownList } from '../../../support/device-lists.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { longList, longRemoval, wrappedTo } from '../../../support/long-statements.js'

const bob = makeAccount('bob')
const phone = restoreAccount({ handle: 'bob', seed: bob.account.privateKey })
const tablet = restoreAccount({ handle: 'bob', seed: bob.account.privateKey })
const key = bob.account.publicKey
const HERE = new Uint8Array(SERVER_ID_BYTES).fill(1)

let testing: TestContext
let lists: AccountLists
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  lists = testing.context.lists
})

const learn = (shown: Shown, due?: { isDue: boolean }) =>
  testing.written((tx, { context }) => context.lists.learn(tx, context.lists.read(shown)!, due))
const used = () => lists.inUse(key)?.map(({ deviceKey }) => deviceKey)
const idsOf = (...devices: readonly (typeof bob)[]) => devices.map(({ device }) => device.publicKey)

test('of an account that nothing is known of there is nothing to say, and nothing to note', async () => {
  await testing.written((tx, { context }) => {
    context.lists.noteCompared(tx, key)
    context.lists.noteTold(tx, key)
  })
  expect([lists.get(key), lists.inUse(key), lists.leafData(key), lists.shown(key)]).toEqual(
    Array(4).fill(undefined),
  )
  expect([lists.isCompared(key), lists.isDue(key)]).toEqual([false, false])
})

test('a list is shown as it came, with the removals that count', async () => {
  const shown = shownList([bob, phone, tablet], { removals: [[bob, tablet]] })
  expect(await learn(shown)).toBe('first')
  expect(used()).toEqual(idsOf(bob, phone))
  expect(lists.shown(key)).toEqual(shown)
  expect(lists.leafData(key)).toEqual(encodeLeafList(readDeviceList(nodeCrypto, shown.deviceList)))
  expect(lists.get(key)).toBe(lists.get(key))
})

describe('a list is read', () => {
  test('where it is of this server, or this server is not known', async () => {
    const here = shownList([bob], { serverId: HERE })
    expect(lists.read(here)?.list.accountKey).toEqual(key)
    await testing.written(tx => saveServer(tx, { host: 'memory' }))
    expect(lists.read(here)?.list.accountKey).toEqual(key)
    await testing.written(tx => saveServer(tx, { serverId: HERE }))
    expect(lists.read(here)?.list.accountKey).toEqual(key)
    expect(lists.read(shownList([bob]))).toBeUndefined()
  })

  test('where its signature holds', () => {
    const { deviceList } = shownList([bob])
    const altered = deviceList.slice()
    altered[altered.length - 1]! ^= 1
    expect(lists.read({ deviceList: altered, removals: [] })).toBeUndefined()
    expect(lists.read({ deviceList: new Uint8Array(), removals: [] })).toBeUndefined()
  })

  test('without the removals that do not hold, or are of another list', () => {
    const other = shownList([bob, phone], { number: 2, removals: [[bob, phone]] })
    const { deviceList, removals } = shownList([bob, phone], { removals: [[bob, phone]] })
    const read = lists.read({ deviceList, removals: [...other.removals, Uint8Array.of(1), ...removals] })
    expect(read?.removals.map(({ encoded }) => encoded)).toEqual(removals)
  })

  test('where groups have room for it, and for its removals, without what nobody has signed', () => {
    const eve = new Person(nodeCrypto, 1, 2)
    const [first, second] = eve.devices as [Device, Device]
    const removal = (size: number) => longRemoval(eve, { of: second, by: first, size })
    const deviceList = eve.list.encoded
    const wrapped = wrappedTo(MAX_LIST_BYTES, deviceList)
    const removals = [removal(MAX_HELD_REMOVAL_BYTES + 1), wrappedTo(900, removal(MAX_HELD_REMOVAL_BYTES))]
    const read = lists.read({ deviceList: wrapped, removals })
    expect([read?.list.encoded, read?.removals.map(({ encoded }) => encoded)]).toEqual([
      deviceList,
      [removal(MAX_HELD_REMOVAL_BYTES)],
    ])
    const long = (size: number) => lists.read({ deviceList: longList(eve, deviceList, size), removals: [] })
    expect(long(MAX_HELD_LIST_BYTES)).toBeDefined()
    expect(long(MAX_HELD_LIST_BYTES + 1)).toBeUndefined()
  })

  test('where its number is the next one, or of no later time than tomorrow', async () => {
    const tomorrow = Math.trunc((testing.clock.now() + DAY_MS) / SECOND_MS)
    expect(lists.read(shownList([bob], { number: tomorrow + 1 }))).toBeUndefined()
    await learn(shownList([bob], { number: tomorrow }))
    expect(lists.read(shownList([bob], { number: tomorrow + 1 }))?.list.number).toBe(tomorrow + 1)
    expect(lists.read(shownList([bob], { number: tomorrow + 2 }))).toBeUndefined()
  })

  test('or fails as what is asked fails', () => {
    const clock = {
      now(): number {
        throw new RangeError('no time')
      },
    }
    expect(() => new AccountLists(testing.context.records, clock).read(shownList([bob]))).toThrow('no time')
  })
})

describe('of two lists', () => {
  test('the one with the higher number counts, whichever came first', async () => {
    await learn(shownList([bob], { number: 2 }))
    expect(await learn(shownList([bob, phone], { number: 1 }))).toBe('none')
    expect(used()).toEqual(idsOf(bob))
    expect(await learn(shownList([bob, phone, tablet], { number: 3 }))).toBe('newer')
    expect(used()).toEqual(idsOf(bob, phone, tablet))
  })

  test('with one number both count, and what is on one alone is not in use', async () => {
    await learn(shownList([bob, phone]))
    expect(await learn(shownList([bob, tablet]))).toBe('forked')
    expect(used()).toEqual(idsOf(bob))
    expect(lists.get(key)?.lists).toHaveLength(2)
  })

  test('that are the same, the removals of both count', async () => {
    await learn(shownList([bob, phone, tablet], { removals: [[bob, phone]] }))
    expect(await learn(shownList([bob, phone, tablet], { removals: [[bob, tablet]] }))).toBe('removals')
    expect(used()).toEqual(idsOf(bob))
    expect(lists.shown(key)?.removals).toHaveLength(2)
  })
})

test('a list that changes is compared anew; one that says nothing new is not', async () => {
  const note = () => testing.written((tx, { context }) => context.lists.noteCompared(tx, key))
  await learn(shownList([bob]))
  await note()
  await learn(shownList([bob]))
  expect(lists.isCompared(key)).toBe(true)
  await learn(shownList([bob, phone], { number: 2 }))
  expect(lists.isCompared(key)).toBe(false)
})

test('the server is told once, also where a newer list comes before that', async () => {
  await learn(shownList([bob]))
  expect(lists.isDue(key)).toBe(false)
  await learn(shownList([bob], { number: 2 }), { isDue: true })
  await learn(shownList([bob], { number: 3 }))
  expect(lists.isDue(key)).toBe(true)
  await testing.written((tx, { context }) => context.lists.noteTold(tx, key))
  expect([lists.isDue(key), used()]).toEqual([false, idsOf(bob)])
})

test('what is read outside of a unit of work cannot be changed in it', async () => {
  await expect(testing.written(tx => lists.learn(tx, lists.read(shownList([bob]))!))).rejects.toThrow(
    'not of this unit',
  )
})
