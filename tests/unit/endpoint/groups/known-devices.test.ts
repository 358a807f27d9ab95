// This device knows of the devices of a group's accounts besides what the group holds.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { isNews, learnedLedger, wrongLeaf } from '../../../../services/endpoint/groups/known-devices.js'
import { heldOf } from '../../../../services/protocol/conversation/ledger.js'
import { makeDeviceRemoval } from '../../../../services/protocol/identity/device-removal.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { learn } from '../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../support/group.js'
import { listOf, relist } from '../../../support/known-accounts.js'

const idOf = ({ device }: OwnAccount) => device.publicKey
const keyOf = ({ account }: OwnAccount) => account.publicKey
const alice = makeAccount('alice')

let bob: ReturnType<typeof makeAccount>
let tablet: ReturnType<typeof makeAccount>
let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  bob = makeAccount('bob')
  tablet = secondDevice(bob)
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob, tablet] })
})

const know = (...accounts: OwnAccount[]) => testing.written((_, unit) => learn(unit, accounts))
/** One of bob's devices ends another one of his, which this device hears of. */
const hearsRemoval = async (by: OwnAccount, of: OwnAccount) => {
  const list = listOf(bob)
  const encoded = makeDeviceRemoval(crypto, by.device, { list, deviceKey: idOf(of), removedAt: 5 })
  await testing.written((tx, { context }) => {
    const come = context.lists.read({ deviceList: list.encoded, removals: [encoded] })
    context.lists.learn(tx, come!)
  })
  return encoded
}
const lists = () => testing.context.lists
const held = () => group.live.held
const learned = (...accounts: OwnAccount[]) => learnedLedger(lists(), held().ledger, accounts.map(keyOf))

test('where the group knows all that is known here, there is no news, and no leaf is wrong', () => {
  expect(learned(alice, bob, bob, makeAccount('dave'))).toEqual({
    ...{ lists: [], removals: [], ledger: held().ledger },
  })
  expect(isNews(lists(), held(), keyOf(bob))).toBe(false)
  expect(wrongLeaf(lists(), held())).toBeUndefined()
})

describe('a newer list', () => {
  beforeEach(async () => {
    relist(bob, [idOf(bob)])
    await know(bob)
  })

  test('is news of its account alone, once', () => {
    const { lists: told, removals, ledger } = learned(bob, bob)
    expect([told, removals]).toEqual([[listOf(bob).encoded], []])
    expect(heldOf(ledger, keyOf(bob))?.devices.lists.map(({ list }) => list.encoded)).toEqual([
      listOf(bob).encoded,
    ])
    expect(learned(alice).lists).toEqual([])
    expect([bob, alice].map(each => isNews(lists(), held(), keyOf(each)))).toEqual([true, false])
  })

  test('makes the leaf wrong of the device that is not on it, in whatever is asked for', () => {
    expect(wrongLeaf(lists(), held())?.deviceKey).toEqual(idOf(tablet))
    expect(wrongLeaf(lists(), held(), keyOf(bob))?.deviceKey).toEqual(idOf(tablet))
    expect(wrongLeaf(lists(), held(), keyOf(alice))).toBeUndefined()
  })
})

test('a removal is news as well, and makes the leaf wrong of the device that it ends', async () => {
  const encoded = await hearsRemoval(bob, tablet)
  const { lists: told, removals, ledger } = learned(bob)
  expect([told, removals]).toEqual([[], [encoded]])
  expect(learnedLedger(lists(), ledger, [keyOf(bob)])).toEqual({ lists: [], removals: [], ledger })
  expect(isNews(lists(), held(), keyOf(bob))).toBe(true)
  expect(wrongLeaf(lists(), held())?.deviceKey).toEqual(idOf(tablet))
})

test('a newer list and its removals are told together', async () => {
  relist(bob, [idOf(bob), idOf(tablet)])
  const encoded = await hearsRemoval(bob, tablet)
  const { lists: told, removals } = learned(bob)
  expect([told, removals]).toEqual([[listOf(bob).encoded], [encoded]])
})
