// A person has agreed that a new device is handed the history: the devices of the account tell each other.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import { historyGiven, sealGiven } from '../../../../../services/endpoint/messages/content/history-given.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const [phone, tablet] = [secondDevice(alice), secondDevice(alice)]
const idOf = ({ device }: OwnAccount) => device.publicKey

let testing: TestContext
/** Of this device, the phone, which may have the history, and the tablet. */
let own: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  own = await TestGroup.of(testing, { others: [phone, tablet] })
  await change(alice, { mayHaveHistory: true })
  await change(phone, { mayHaveHistory: true })
  await change(tablet, { name: 'tablet' })
})

type Change = Parameters<TestContext['context']['devices']['change']>[2]
const change = (of: OwnAccount, what: Change) =>
  testing.written((tx, { context }) => context.devices.change(tx, idOf(of), what))
const given = (deviceId: Uint8Array) => ({ body: { case: 'historyGiven', value: { deviceId } } }) as const
const tells = (from: OwnAccount, of: Uint8Array = idOf(tablet), group = own) => group.take(from, given(of))
const seal = () => testing.written((tx, unit) => sealGiven(unit.context, tx))
const devices = () => testing.context.devices

describe('that a person has agreed here', () => {
  test('is told in the group of own devices, once', async () => {
    await seal()
    expect(own.sent()).toEqual([])
    await change(tablet, { givenDue: true })
    await seal()
    await seal()
    expect(own.sent()).toMatchObject([{ case: 'historyGiven', value: { deviceId: idOf(tablet) } }])
  })

  test('is told as soon as the device is in that group, too', async () => {
    const later = secondDevice(alice)
    await change(later, { givenDue: true })
    await seal()
    expect([own.sent(), devices().get(idOf(later))?.givenDue]).toEqual([[], true])
  })
})

describe('that a person has agreed at another device', () => {
  test('holds for the device that is named, which has waited', async () => {
    await tells(phone)
    const handedOverAtMs = BigInt(testing.clock.now())
    expect(devices().get(idOf(tablet))).toMatchObject({
      mayHaveHistory: true,
      handedOverAtMs,
      givenDue: false,
    })
    expect(testing.told).toContainEqual({ type: 'devices' })
    testing.clock.pass(5)
    await tells(phone)
    expect(devices().get(idOf(tablet))?.handedOverAtMs).toBe(handedOverAtMs)
  })

  test('holds for this one, which has waited', async () => {
    await change(alice, { mayHaveHistory: false })
    await tells(phone, idOf(alice))
    expect(devices().mayHaveHistory(idOf(alice))).toBe(true)
  })

  test.each<[string, () => Promise<void>]>([
    ['by a device that waits itself', () => tells(tablet)],
    ['of a device that is not known', () => tells(phone, idOf(secondDevice(alice)))],
    ['of what is no device', () => tells(phone, new Uint8Array(31))],
    [
      'of a device that was ended',
      async () => {
        await change(tablet, { isEnded: true })
        await tells(phone)
      },
    ],
    [
      'elsewhere than among the own devices',
      async () => tells(phone, idOf(tablet), await TestGroup.of(testing, { others: [bob, phone] })),
    ],
  ])('and is told %s counts for nothing', async (_, act) => {
    await act()
    expect(
      devices()
        .all()
        .filter(each => each.mayHaveHistory),
    ).toHaveLength(2)
    expect(devices().mayHaveHistory(idOf(tablet))).toBe(false)
    expect(testing.told).not.toContainEqual({ type: 'devices' })
  })
})

test('it is owed a receipt, and is not taken from somebody who is blocked', () => {
  expect(historyGiven).toMatchObject({ owesReceipt: true, fromBlocked: false })
})
