// This device learns from groups what they hold of the devices of accounts.

import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  makeAccount,
  type NewAccount,
  type OwnAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import { refresh } from '../../../../../services/endpoint/groups/intents.js'
import { learnList, learnLists } from '../../../../../services/endpoint/messages/lists/learned-lists.js'
import {
  EMPTY_LEDGER,
  type Ledger,
  withList,
  withRemoval,
} from '../../../../../services/protocol/conversation/ledger.js'
import { readDeviceList } from '../../../../../services/protocol/identity/device-list.js'
import { readDeviceRemoval } from '../../../../../services/protocol/identity/device-removal.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
import { shownList } from '../../../../support/device-lists.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

type Shown = ReturnType<typeof shownList>
const ledgerOf = (...shown: Shown[]): Ledger => {
  let ledger = EMPTY_LEDGER
  for (const { deviceList, removals } of shown) {
    ledger = withList(ledger, readDeviceList(crypto, deviceList))!
    for (const each of removals) ledger = withRemoval(ledger, readDeviceRemoval(crypto, each))!
  }
  return ledger
}
const learn = (ledger: Ledger, before?: Ledger) =>
  testing.written((tx, { context }) => learnLists(context, tx, { ledger }, before && { ledger: before }))
const used = ({ account }: OwnAccount) =>
  testing.context.lists.inUse(account.publicKey)?.map(({ deviceKey }) => deviceKey)
const ids = (...accounts: OwnAccount[]) => accounts.map(({ device }) => device.publicKey)

test('the lists of all accounts of a group are known from here on', async () => {
  await learn(ledgerOf(shownList([bob, tablet]), shownList([carol])))
  expect([used(bob), used(carol)]).toEqual([ids(bob, tablet), ids(carol)])
})

test('a removal is, also of a list that was known', async () => {
  await learn(ledgerOf(shownList([bob, tablet])))
  await learn(ledgerOf(shownList([bob, tablet], { removals: [[bob, tablet]] })))
  expect(used(bob)).toEqual(ids(bob))
})

test('a group that knows less takes nothing back', async () => {
  await learn(ledgerOf(shownList([bob, tablet], { number: 2, removals: [[bob, tablet]] })))
  const { changes } = testing.context.lists
  await learn(ledgerOf(shownList([bob, tablet], { number: 2 })))
  await learn(ledgerOf(shownList([tablet, bob], { number: 1 })))
  expect([used(bob), testing.context.lists.changes]).toEqual([ids(bob), changes])
})

test('an account of which nothing is new since the epoch before is not looked at again', async () => {
  const before = ledgerOf(shownList([bob]))
  await learn({ ...before, accounts: [...before.accounts, ...ledgerOf(shownList([carol])).accounts] }, before)
  expect([used(bob), used(carol)]).toEqual([undefined, ids(carol)])
})

test('a list of another server is none', async () => {
  await testing.written(tx => tx.put('server', { group: 0n, id: 0n }, { serverId: new Uint8Array(16) }))
  await learn(ledgerOf(shownList([bob], { serverId: new Uint8Array(16).fill(3) })))
  expect(used(bob)).toBeUndefined()
})

describe('removals are compared one by one', () => {
  const watch = secondDevice(bob)

  test('so that another one than is known is learned, though it is but one, too', async () => {
    const of = (removed: OwnAccount) => shownList([bob, tablet, watch], { removals: [[bob, removed]] })
    await learn(ledgerOf(of(tablet)))
    await learn(ledgerOf(of(watch)))
    expect(used(bob)).toEqual(ids(bob))
  })
})

describe('a list that is learned', () => {
  let room: TestGroup
  beforeEach(async () => {
    room = await TestGroup.of(testing, { by: carol, others: [carol, bob, tablet], room: {} })
  })
  const learnOf = (
    devices: readonly NewAccount[],
    { removals }: { removals?: [NewAccount, NewAccount][] } = {},
  ) =>
    testing.written((tx, { context }) => {
      const number = listOf(devices[0]!).number + 1
      return learnList(
        context,
        tx,
        context.lists.read(shownList(devices, { number, ...(removals && { removals }) }))!,
      )
    })
  const intended = () => testing.context.intents.of(room).map(({ intent }) => intent)

  test('is told to the groups with a device that it ends, in the turn of this device', async () => {
    expect(await learnOf([bob])).toBe('newer')
    // Behind the one who made the room.
    expect(intended()).toMatchObject([
      { change: refresh(bob.account.publicKey), notBeforeMs: BigInt(testing.clock.now() + 300) },
    ])
  })

  test('is not where it ends nobody who is there', async () => {
    await learnOf([bob, tablet, secondDevice(bob)])
    expect(intended()).toEqual([])
  })

  test('is, of this account, whatever it says', async () => {
    await learnOf([alice])
    expect(intended()).toMatchObject([{ change: refresh(alice.account.publicKey) }])
  })

  test('is nothing new a second time', async () => {
    await learnOf([bob])
    expect(await learnOf([bob])).toBe('none')
    expect(intended()).toHaveLength(1)
  })
})
