import { beforeEach, describe, expect, test } from '@jest/globals'
import type { ClaimedDevice } from '../../../../../gen/parley/v1/key_exchange_pb.js'
import {
  makeAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import {
  addAccount,
  addDevices,
  type IntentChange,
  intend,
} from '../../../../../services/endpoint/groups/intents.js'
import type { LiveGroup } from '../../../../../services/endpoint/groups/state/groups.js'
import { takeClaim, wantedKeyPackages } from '../../../../../services/endpoint/sync/keys/claims.js'
import { claimOf, groupIn, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { claimedDevice, learn, putInPhase, roomWith } from '../../../../support/endpoint-groups.js'

const bob = makeAccount('bob')
const bobsPhone = restoreAccount({ handle: 'bob', seed: bob.account.privateKey })
const carol = makeAccount('carol')

let endpoint: TestContext
let room: LiveGroup

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  room = await roomWith(endpoint, [bob])
  endpoint.told.length = 0
})

const wish = (change: IntentChange, delayMs = 0) =>
  endpoint.written((tx, unit) => intend(unit.context, tx, groupIn(unit, room), change, delayMs))
const addDevicesOf = (...accounts: OwnAccount[]): IntentChange =>
  addDevices(
    claimOf(accounts[0]!),
    accounts.map(({ device }) => device.publicKey),
  )
const wanted = () => wantedKeyPackages(endpoint.context).map(({ handle }) => handle)
/** The claimed keys are taken in for the first intent. */
const take = (claimed: readonly ClaimedDevice[] | undefined) =>
  endpoint.written(async (tx, unit) => {
    const [first] = wantedKeyPackages(unit.context)
    await takeClaim(unit.context, tx, first!, claimed)
  })
/** The lists of their accounts have come with them. */
async function claim(...devices: OwnAccount[]): Promise<ClaimedDevice[]> {
  await endpoint.written((_, unit) => learn(unit, devices))
  return Promise.all(devices.map(device => claimedDevice(endpoint.context.engine, device)))
}
const intents = () => endpoint.context.intents.all().map(({ intent: { change } }) => change)

describe('key packages are wanted', () => {
  test('for those who are to be added, until they are there', async () => {
    await wish(addAccount({ handle: 'carol' }))
    await wish(addDevicesOf(bobsPhone))
    expect(wanted()).toEqual(['carol', 'bob'])
    await take(await claim(carol))
    expect(wanted()).toEqual(['bob'])
  })

  test('when it is time, and not before', async () => {
    await wish(addAccount({ handle: 'carol' }), 3_000)
    expect(wanted()).toEqual([])
    endpoint.clock.pass(3_000)
    expect(wanted()).toEqual(['carol'])
  })

  test('for active groups alone', async () => {
    await wish(addAccount({ handle: 'carol' }))
    await putInPhase(endpoint, room, { name: 'ended', why: 'removed' })
    expect(wanted()).toEqual([])
  })
})

describe('somebody who is to be added', () => {
  beforeEach(() => wish(addAccount({ handle: 'carol' })))

  test('is met, and their key packages stand in the intent', async () => {
    const claimed = await claim(carol)
    await take(claimed)
    expect(intents()).toMatchObject([
      { case: 'addAccount', value: { keyPackages: claimed.map(({ keyPackage }) => keyPackage) } },
    ])
    expect(endpoint.context.contacts.trust(carol.account.publicKey)).toBe('pinned')
  })

  test.each<[string, () => Promise<ClaimedDevice[] | undefined>, string]>([
    ['nobody goes by that handle', async () => undefined, 'nobody'],
    ['they have no device that can be reached', async () => [], 'no-device'],
    ['the devices are somebody else’s', () => claim(bob), 'no-device'],
  ])('is not, where %s, which is told', async (_, devices, code) => {
    await take(await devices())
    expect(intents()).toEqual([])
    expect(endpoint.told).toMatchObject([
      { notice: { code: 'not-added', handle: 'carol', peer: '#tea', why: { code } } },
    ])
  })

  test('is not, where they show another key than the pinned one, which is told', async () => {
    const former = makeAccount('carol')
    await endpoint.written(
      (tx, { context }) =>
        void context.contacts.meet(tx, { handle: 'carol', accountKey: former.account.publicKey }),
    )
    endpoint.told.length = 0
    await take(await claim(carol))
    expect(intents()).toEqual([])
    expect(endpoint.told).toMatchObject([{ notice: { code: 'not-added', why: { code: 'key-changed' } } }])
  })

  test('whose intent is gone meanwhile changes nothing', async () => {
    const [one] = wantedKeyPackages(endpoint.context)
    const claimed = await claim(carol)
    await endpoint.written(async (tx, unit) => {
      const group = groupIn(unit, room)
      unit.context.intents.drop(tx, group, one!.id)
      await takeClaim(unit.context, tx, { ...one!, group }, claimed)
    })
    expect(intents()).toEqual([])
  })
})

describe('a further device of somebody who is in it', () => {
  test('is added alone of those that were claimed', async () => {
    await wish(addDevicesOf(bobsPhone))
    const claimed = await claim(bob, bobsPhone)
    await take(claimed)
    expect(intents()).toMatchObject([
      {
        case: 'addDevices',
        value: { deviceIds: [bobsPhone.device.publicKey], keyPackages: [claimed[1]!.keyPackage] },
      },
    ])
  })

  test('that is certified by another account is not, and nobody is told', async () => {
    const impostor = makeAccount('bob')
    await wish(addDevicesOf(impostor))
    await take(await claim(impostor))
    expect(intents()).toEqual([])
    expect(endpoint.told).toEqual([])
  })

  test('is not added where its account is not there any more, and nobody is told', async () => {
    await wish(addDevicesOf(carol))
    await take(await claim(carol))
    expect(intents()).toEqual([])
    expect(endpoint.told).toEqual([])
  })
})
