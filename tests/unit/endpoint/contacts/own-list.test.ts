// The list of this account, and the removals that this device signs.

import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  changeKeyState,
  loadAccount,
  makeAccount,
  restoreAccount,
} from '../../../../services/endpoint/contacts/account.js'
import {
  certify,
  type ListWish,
  pendingState,
  removeDevice,
  signList,
} from '../../../../services/endpoint/contacts/own-list.js'
import { saveServer } from '../../../../services/endpoint/sync/server-record.js'
import { at } from '../../../../services/endpoint/vault/records.js'
import { parseVerifiedCertificate } from '../../../../services/protocol/identity/certificate.js'
import { readDeviceList } from '../../../../services/protocol/identity/device-list.js'
import { devicesInUse } from '../../../../services/protocol/identity/devices-in-use.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { SERVER_ID_BYTES } from '../../../../services/protocol/sizes.js'
import { SECOND_MS } from '../../../../services/protocol/time.js'
import { shownList } from '../../../support/device-lists.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'

const alice = makeAccount('alice')
const deviceOf = () => restoreAccount({ handle: 'alice', seed: alice.account.privateKey })
const [phone, tablet, laptop] = [deviceOf(), deviceOf(), deviceOf()]
const own = alice.device.publicKey
const HERE = new Uint8Array(SERVER_ID_BYTES).fill(1)

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
  await testing.written(tx => saveServer(tx, { serverId: HERE }))
})

const giveWords = () => testing.written(tx => changeKeyState(tx, { accountSeed: alice.account.privateKey }))
const listed = (devices: Parameters<typeof shownList>[0], init: Parameters<typeof shownList>[1] = {}) =>
  shownList(devices, { serverId: HERE, ...init })
const learn = (...shown: Parameters<typeof shownList>) =>
  testing.written((tx, { context }) => context.lists.learn(tx, context.lists.read(listed(...shown))!))
const sign = (wish: ListWish) => testing.written((tx, { context }) => signList(context, tx, wish))
const pending = () => testing.written(tx => pendingState(tx)?.list)
const idsOf = (...devices: readonly (typeof alice)[]) => devices.map(({ device }) => device.publicKey)
const ids = (devices: readonly { deviceKey: Uint8Array }[] = []) => devices.map(({ deviceKey }) => deviceKey)

describe('a list', () => {
  test('is signed with the words alone', async () => {
    await expect(sign({ place: 'last' })).rejects.toMatchObject({ why: { code: 'no-words' } })
    expect(await pending()).toBeUndefined()
  })

  test('that is the first names this device, by the time', async () => {
    await giveWords()
    await sign({ place: 'last' })
    const now = testing.clock.now()
    expect(await pending()).toMatchObject({
      ...{ accountKey: alice.account.publicKey, handle: 'alice', serverId: HERE },
      ...{ number: Math.trunc(now / SECOND_MS), issuedAt: now, previous: undefined },
      devices: [{ deviceKey: own, listedAt: now }],
    })
  })

  test('follows the one before it, and names that', async () => {
    await giveWords()
    const number = Math.trunc(testing.clock.now() / SECOND_MS) + 9
    await learn([phone], { number })
    await sign({ place: 'last' })
    const { hash } = readDeviceList(nodeCrypto, listed([phone], { number }).deviceList)
    expect(await pending()).toMatchObject({ number: number + 1, previous: hash })
  })

  test('names a server: none is signed before one is known', async () => {
    testing = await openTestContext(alice)
    await giveWords()
    await expect(sign({ place: 'last' })).rejects.toThrow('malformed')
  })

  test('names the others that are in use before this device, or behind it, or those alone that stay', async () => {
    await giveWords()
    await learn([phone, tablet, laptop], { removals: [[phone, laptop]] })
    await sign({ place: 'last' })
    expect(ids((await pending())?.devices)).toEqual(idsOf(phone, tablet, alice))
    await sign({ place: 'first' })
    expect(ids((await pending())?.devices)).toEqual(idsOf(alice, phone, tablet))
    await sign({ place: 'first', keep: idsOf(tablet, laptop) })
    expect(ids((await pending())?.devices)).toEqual(idsOf(alice, tablet))
  })

  test('names this device once, and since when it was listed', async () => {
    await giveWords()
    await learn([phone, alice])
    await sign({ place: 'first' })
    expect((await pending())?.devices).toEqual([
      { deviceKey: own, listedAt: 2 },
      { deviceKey: phone.device.publicKey, listedAt: 1 },
    ])
  })
})

test('the certificate of this device names the server from here on, and is as old as it was', async () => {
  await giveWords()
  const { issuedAt } = parseVerifiedCertificate(alice.certificate)
  const identity = () => testing.context.records.get('identity', at(0n))
  const before = identity()
  testing.clock.pass(5)
  await testing.written((tx, { context }) => certify(context.account, tx, HERE))
  expect(parseVerifiedCertificate(loadAccount(testing.context.records)!.certificate)).toMatchObject({
    ...{ accountKey: alice.account.publicKey, deviceKey: own, serverId: HERE, issuedAt },
  })
  expect(identity()).toMatchObject({
    createdAtMs: before?.createdAtMs,
    accountSeed: alice.account.privateKey,
    devicePrivateKey: alice.device.privateKey,
  })
})

describe('a device is removed', () => {
  const remove = (device: typeof alice, clock: { now(): number } = testing.clock) =>
    removeDevice({ ...testing.context, clock }, device.device.publicKey)
  const left = ({ list, removals }: ReturnType<typeof remove>) => ids(devicesInUse(list, removals))

  test('where it stands behind this one, or is this one', async () => {
    await learn([phone, alice, tablet])
    const state = remove(tablet)
    expect(left(state)).toEqual(idsOf(phone, alice))
    expect(state.removals).toMatchObject([{ signerKey: own, removedAt: testing.clock.now() }])
    expect(left(remove(alice))).toEqual(idsOf(phone, tablet))
    expect(() => remove(phone)).toThrow(expect.objectContaining({ why: { code: 'device-ahead' } }))
  })

  test('beside those that were before, and those who would come back by it', async () => {
    await learn([alice, phone, tablet, laptop], { removals: [[phone, tablet]] })
    const state = remove(phone)
    expect(left(state)).toEqual(idsOf(alice, laptop))
    expect(state.removals.map(({ deviceKey }) => deviceKey)).toEqual(idsOf(tablet, phone, tablet))
  })

  test.each<[string, () => Promise<unknown>]>([
    ['no list is known', async () => undefined],
    ['there are two lists', async () => [await learn([alice, phone]), await learn([alice, phone, tablet])]],
    ['this device is not listed', () => learn([phone])],
    ['neither is', () => learn([tablet])],
  ])('never where %s', async (_why, arrange) => {
    await arrange()
    expect(() => remove(phone)).toThrow(expect.objectContaining({ why: { code: 'device-ahead' } }))
  })

  test('or that fails as what is asked fails', async () => {
    await learn([alice, phone])
    const clock = {
      now(): number {
        throw new RangeError('no time')
      },
    }
    expect(() => remove(phone, clock)).toThrow('no time')
  })
})
