// Each line to one other person names the newest list of theirs that its sender knows.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, type NewAccount } from '../../../../../services/endpoint/contacts/account.js'
import {
  compareList,
  tellOtherLists,
} from '../../../../../services/endpoint/messages/lists/compared-lists.js'
import { counted, encodeContent } from '../../../../../services/endpoint/messages/sealing/format.js'
import { withPeerList } from '../../../../../services/endpoint/messages/sealing/peer-list.js'
import { makeDeviceList, readDeviceList } from '../../../../../services/protocol/identity/device-list.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
import { openTestContext, pinned, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { listOf } from '../../../../support/known-accounts.js'

const bob = makeAccount('bob')
let alice: NewAccount
let phone: NewAccount
let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  alice = makeAccount('alice')
  phone = secondDevice(alice)
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob] })
})

/** A list of alice's that this device was not shown. */
function otherList({ number = 2, previous = listOf(alice).hash } = {}) {
  const { serverId, handle } = listOf(alice)
  const devices = [phone, alice].map(({ device }) => ({ deviceKey: device.publicKey, listedAt: 3 }))
  const content = { handle, serverId, number, previous, issuedAt: 2, devices }
  return readDeviceList(crypto, makeDeviceList(crypto, alice.account, content))
}
const nameOf = ({ hash }: { hash: Uint8Array }) => hash.subarray(0, 16)
/** Bob, or another device of alice's, says something of that epoch. */
const says = (
  peerList: Uint8Array,
  { epoch = group.live.held.epoch, isOurs = false }: { epoch?: bigint; isOurs?: boolean } = {},
) => {
  const { publicKey: accountKey } = (isOurs ? alice : bob).account
  const content = counted(encodeContent({ peerList }))
  compareList(testing.context, { group: group.live, content, accountKey, isOurs }, epoch)
}
const noted = () => testing.context.session.otherLists.length
const asked = () => testing.written((tx, { context }) => tellOtherLists(context, tx))
const learn = (list: ReturnType<typeof otherList>) =>
  testing.written((tx, { context }) => context.lists.learn(tx, { list, removals: [] }))
const notices = () => testing.told.flatMap(event => (event.type === 'notice' ? [event.notice] : []))
const TOLD = { code: 'other-list', from: 'bob' }

describe('a line', () => {
  const body = { case: 'deviceName', value: { name: 'laptop' } } as const
  const encoded = encodeContent({ count: 1n, body })

  test('of a direct conversation names the list of the other side', () => {
    const content = counted(withPeerList(testing.context, group.live, encoded))
    expect(content).toMatchObject({ count: 1n, body, peerList: nameOf(listOf(bob)) })
  })

  test('of a room, or where no list is known, names none', async () => {
    const room = await TestGroup.of(testing, { others: [bob], room: {} })
    expect(withPeerList(testing.context, room.live, encoded)).toBe(encoded)
    const elsewhere = await openTestContext(makeAccount('alice'))
    expect(withPeerList(elsewhere.context, group.live, encoded)).toBe(encoded)
  })
})

describe('a list that somebody knows and this device does not', () => {
  beforeEach(() => pinned(testing, bob))

  test('is told of once, when the server was asked and shows nothing newer', async () => {
    says(nameOf(otherList()))
    expect([noted(), notices()]).toEqual([1, []])
    await asked()
    expect([noted(), notices()]).toEqual([0, [TOLD]])
    says(nameOf(otherList()))
    await asked()
    expect(notices()).toEqual([TOLD])
    says(nameOf(otherList({ number: 3 })))
    says(nameOf(otherList({ number: 3 })))
    await asked()
    expect(notices()).toEqual([TOLD, TOLD])
  })

  test('is none where the server shows it then, or one behind it', async () => {
    says(nameOf(otherList()))
    await learn(otherList())
    await asked()
    says(nameOf(otherList({ number: 3 })))
    await learn(otherList({ number: 4, previous: otherList({ number: 3 }).hash }))
    await asked()
    // It may be one of those between the two.
    says(nameOf(otherList({ number: 5 })))
    await learn(otherList({ number: 7, previous: new Uint8Array(32) }))
    await asked()
    expect([noted(), notices()]).toEqual([0, []])
  })

  test('is none where it is the newest one here, or the one before', async () => {
    says(nameOf(listOf(alice)))
    await learn(otherList())
    says(nameOf(listOf(alice)))
    expect(noted()).toBe(0)
  })

  test('may be an old one where the group does not know the newest, or the line is of an epoch that is over', async () => {
    const { epoch } = group.live.held
    says(nameOf(otherList()), { epoch: epoch - 1n })
    await learn(otherList())
    says(nameOf(otherList({ number: 3 })))
    expect(noted()).toBe(0)
  })

  test('is nothing that another own device says, or that is no name of one', () => {
    says(nameOf(otherList()), { isOurs: true })
    says(nameOf(otherList()).subarray(1))
    says(new Uint8Array())
    expect(noted()).toBe(0)
  })

  test('is nobody’s business in a room', async () => {
    group = await TestGroup.of(testing, { others: [bob], room: {} })
    says(nameOf(otherList()))
    expect(noted()).toBe(0)
  })
})
