// The name of a device among the devices of its account.

import { describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { deviceName, sealNames } from '../../../../../services/endpoint/messages/content/device-name.js'
import { DEVICE_NAME_LENGTH } from '../../../../../services/protocol/content/lengths.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const own = alice.device.publicKey

const ownGroup = (testing: TestContext) => TestGroup.of(testing, { others: [phone] })
const named = (name: string) => ({ body: { case: 'deviceName', value: { name } } as const })
const nameOfPhone = (testing: TestContext) => testing.context.devices.get(phone.device.publicKey)?.name

describe('the name of another device', () => {
  test('is kept and told of', async () => {
    const testing = await openTestContext(alice)
    const group = await ownGroup(testing)
    await group.take(phone, named('phone'))
    expect(nameOfPhone(testing)).toBe('phone')
    expect(testing.told).toEqual([{ type: 'devices' }])
    await group.take(phone, named('x'.repeat(DEVICE_NAME_LENGTH)))
    expect(nameOfPhone(testing)).toHaveLength(DEVICE_NAME_LENGTH)
  })

  test('that is too long is not', async () => {
    const testing = await openTestContext(alice)
    await (await ownGroup(testing)).take(phone, named('x'.repeat(DEVICE_NAME_LENGTH + 1)))
    expect(nameOfPhone(testing)).toBeUndefined()
    expect(testing.told).toEqual([])
  })

  test('is not taken in a conversation with others', async () => {
    const testing = await openTestContext(alice)
    const room = await TestGroup.of(testing, { others: [makeAccount('bob'), phone], room: {} })
    await room.take(phone, named('phone'))
    expect(nameOfPhone(testing)).toBeUndefined()
    expect(testing.told).toEqual([])
  })

  test('is owed a receipt, and is not taken from somebody who is blocked', () => {
    expect(deviceName).toMatchObject({ owesReceipt: true, fromBlocked: false })
  })
})

describe('the name of this device', () => {
  const call = (testing: TestContext, change: object) =>
    testing.written((tx, { context }) => context.devices.change(tx, own, { name: 'laptop', ...change }))
  const seal = (testing: TestContext) => testing.written((tx, unit) => sealNames(unit.context, tx))

  test('is told once, when it is due', async () => {
    const testing = await openTestContext(alice)
    const group = await ownGroup(testing)
    await seal(testing)
    await call(testing, { nameDue: false })
    await seal(testing)
    expect(group.sent()).toEqual([])
    await call(testing, { nameDue: true })
    await seal(testing)
    await seal(testing)
    expect(group.sent()).toMatchObject([{ case: 'deviceName', value: { name: 'laptop' } }])
    expect(testing.context.devices.get(own)?.nameDue).toBe(false)
  })

  test('waits for a group of own devices that is in use', async () => {
    const testing = await openTestContext(alice)
    await call(testing, { nameDue: true })
    await seal(testing)
    expect(testing.context.devices.get(own)?.nameDue).toBe(true)
    const group = await ownGroup(testing)
    await group.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    await seal(testing)
    expect(group.sent()).toEqual([])
    await group.enter({ name: 'active' })
    await seal(testing)
    expect(group.sent()).toHaveLength(1)
  })
})
