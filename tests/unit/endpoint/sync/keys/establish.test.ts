import { beforeEach, expect, test } from '@jest/globals'
import type { ClaimedDevice } from '../../../../../gen/parley/v1/key_exchange_pb.js'
import {
  makeAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import type { ConversationNumber } from '../../../../../services/endpoint/ids.js'
import { establish } from '../../../../../services/endpoint/sync/keys/establish.js'
import { listed, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { claimedDevice, learn } from '../../../../support/endpoint-groups.js'
import { listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const alicesPhone = restoreAccount({ handle: 'alice', seed: alice.account.privateKey })
const bob = makeAccount('bob')
const bobsPhone = restoreAccount({ handle: 'bob', seed: bob.account.privateKey })

let endpoint: TestContext
let conversation: ConversationNumber

beforeEach(async () => {
  endpoint = await openTestContext(alice)
  conversation = await endpoint.written((tx, unit) => {
    learn(unit, [alice])
    return unit.context.conversations.openAwaiting(tx, 'bob')
  })
})

/** The lists of their accounts have come with them. */
async function claim(...devices: OwnAccount[]): Promise<ClaimedDevice[]> {
  await endpoint.written((_, unit) => learn(unit, devices))
  return Promise.all(devices.map(device => claimedDevice(endpoint.context.engine, device)))
}
const open = (claimed: readonly ClaimedDevice[], own: readonly ClaimedDevice[] = []) =>
  endpoint.written((tx, { context }) => establish(context, tx, { conversation, claimed, own }))
const group = () => endpoint.context.groups.of(conversation)[0]
/** The devices that will be in it when its first commit has won. */
const invited = () => {
  const { engine } = endpoint.context
  const live = group()!
  return engine.members(engine.adopt(live.state, live.pending!).state).map(({ signatureKey }) => signatureKey)
}
const hex = (keys: readonly Uint8Array[]) => keys.map(key => Buffer.from(key).toString('hex')).sort()
const idsOf = (...devices: OwnAccount[]) => devices.map(({ device }) => device.publicKey)

test('a conversation gets a group with all devices of both, whose first commit waits to be sent', async () => {
  expect(await open(await claim(bob, bobsPhone), await claim(alicesPhone))).toBe('created')
  expect(group()?.phase.name).toBe('creating')
  expect(endpoint.outbox.items()).toMatchObject([
    { item: { group: group()?.number, what: { case: 'commit' } } },
  ])
  expect(hex(invited())).toEqual(hex(idsOf(alice, alicesPhone, bob, bobsPhone)))
  expect(endpoint.context.contacts.trust(bob.account.publicKey)).toBe('pinned')
})

test('somebody without a device that can be reached gets none', async () => {
  expect(await open([])).toBe('no-device')
  const [device] = await claim(bob)
  expect(await open([{ ...device!, keyPackage: Uint8Array.of(1) }])).toBe('no-device')
  expect(group()).toBeUndefined()
})

test('devices of somebody else, which the server shows as theirs, get none', async () => {
  const mallory = makeAccount('mallory')
  expect(await open(await claim(mallory))).toBe('no-device')
  expect(endpoint.context.contacts.get(mallory.account.publicKey)).toBeUndefined()
})

test('somebody who shows another key than the pinned one gets none', async () => {
  await endpoint.written(
    (tx, { context }) => void context.contacts.meet(tx, { handle: 'bob', accountKey: bob.account.publicKey }),
  )
  expect(await open(await claim(makeAccount('bob')))).toBe('blocked')
  expect(group()).toBeUndefined()
})

test('devices of two accounts get none: one of them is not whom it shows', async () => {
  expect(await open(await claim(bob, makeAccount('bob')))).toBe('blocked')
  expect(group()).toBeUndefined()
})

test('own devices that are not in use, or that are another account’s, are left out', async () => {
  const own = await claim(alicesPhone, makeAccount('alice'))
  await listed(endpoint, [alice], listOf(alice).number + 1)
  await open(await claim(bob), own)
  expect(hex(invited())).toEqual(hex(idsOf(alice, bob)))
})
