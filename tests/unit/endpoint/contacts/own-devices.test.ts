// The devices of this account, as far as this one knows them.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  checkRevocable,
  checkWaits,
  labelOf,
  nameDevice,
  viewDevices,
} from '../../../../services/endpoint/contacts/own-devices.js'
import { DEVICE_NAME_LENGTH } from '../../../../services/protocol/content/lengths.js'
import { deviceFingerprint } from '../../../../services/protocol/identity/fingerprint.js'
import { type DeviceKey, deviceKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'

const alice = makeAccount('alice')
const own = alice.device.publicKey
const id = (fill: number) => deviceKey(new Uint8Array(32).fill(fill))

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

type Change = Parameters<TestContext['context']['devices']['change']>[2]
const change = (deviceId: DeviceKey, what: Change) =>
  testing.written((tx, { context }) => context.devices.change(tx, deviceId, what))
const devices = () => testing.context.devices

describe('devices', () => {
  test('are known from the first change on, and keep what is not changed', async () => {
    expect(devices().get(id(1))).toBeUndefined()
    await change(id(1), { name: 'phone' })
    await change(id(1), { issuedAtMs: 5n })
    await change(id(2), { name: 'tablet' })
    expect(devices().get(id(1))).toMatchObject({ deviceId: id(1), name: 'phone', issuedAtMs: 5n })
    expect(devices().all()).toHaveLength(2)
  })

  test('are revoked once they were in use and are not', async () => {
    expect(devices().isRevoked(id(1))).toBe(false)
    await change(id(1), { name: 'phone' })
    expect(devices().isRevoked(id(1))).toBe(false)
    await change(id(1), { isEnded: true })
    expect(devices().isRevoked(id(1))).toBe(true)
  })

  test('that no list names stand in one order on all devices of the account: the oldest first', async () => {
    await change(id(3), { issuedAtMs: 7n })
    await change(id(2), { issuedAtMs: 9n })
    await change(id(1), { issuedAtMs: 9n })
    expect(
      devices()
        .all()
        .map(({ deviceId }) => deviceId),
    ).toEqual([id(3), id(1), id(2)])
  })

  test('stand in the order of the list, those that it leaves out behind', async () => {
    const settle = (...fills: number[]) =>
      testing.written((tx, { context }) =>
        context.devices.settle(
          tx,
          fills.map(fill => ({ deviceKey: id(fill), listedAt: 10 - fill })),
          own,
        ),
      )
    const order = () =>
      devices()
        .all()
        .map(({ deviceId, isEnded }) => [deviceId[0], isEnded])
    expect(await settle(1, 2, 3)).toBe(true)
    expect(await settle(1, 2, 3)).toBe(false)
    expect(order()).toEqual([1, 2, 3].map(fill => [fill, false]))
    expect(devices().get(id(2))?.issuedAtMs).toBe(8n)
    expect(await settle(3, 1)).toBe(true)
    expect(order()).toEqual([
      [3, false],
      [1, false],
      [2, true],
    ])
    expect(await settle(2)).toBe(true)
    expect(devices().isRevoked(id(2))).toBe(false)
  })

  test('are seen by a person with what is known of them', async () => {
    await change(own, { name: 'laptop', issuedAtMs: 1n })
    await change(id(1), { issuedAtMs: 2n, lastHeardMs: 3n, isEnded: true })
    expect(viewDevices(devices(), own)).toEqual([
      {
        ...{ id: own, name: 'laptop', fingerprint: deviceFingerprint(crypto, own), isThis: true },
        ...{ since: new Date(1), lastHeard: undefined, isRevoked: false, waitsForHistory: false },
      },
      {
        ...{ id: id(1), name: '', fingerprint: deviceFingerprint(crypto, id(1)), isThis: false },
        ...{ since: new Date(2), lastHeard: new Date(3), isRevoked: true, waitsForHistory: false },
      },
    ])
  })
})

describe('the history', () => {
  const OWN = 0
  const settle = (...fills: number[]) =>
    testing.written((tx, { context }) =>
      context.devices.settle(
        tx,
        fills.map(fill => ({ deviceKey: fill === OWN ? own : id(fill), listedAt: 10 })),
        own,
      ),
    )
  const has = (...fills: number[]) =>
    fills.map(fill => devices().mayHaveHistory(fill === OWN ? own : id(fill)))
  const waiting = () =>
    viewDevices(devices(), own).flatMap(({ id, waitsForHistory }) => (waitsForHistory ? [id] : []))

  test('is not waited for by the first device, nor by those that were there before this one', async () => {
    await settle(OWN)
    expect(has(OWN)).toEqual([true])
    testing = await openTestContext(alice)
    await settle(1, 2)
    await settle(1, 2, OWN)
    expect([has(1, 2, OWN), waiting()]).toEqual([[true, true, false], [own]])
  })

  test('is waited for by those that come later, wherever they stand and whatever a certificate says', async () => {
    await settle(OWN)
    await change(id(3), { name: 'known by its name' })
    await settle(1, OWN, 2, 3)
    expect([has(1, OWN, 2, 3), waiting()]).toEqual([
      [false, true, false, false],
      [id(1), id(2), id(3)],
    ])
    await change(id(2), { mayHaveHistory: true, handedOverAtMs: 7n })
    await settle(1, OWN, 3, 2)
    expect(waiting()).toEqual([id(1), id(3)])
  })

  test('is waited for anew by one that was ended and comes back, also where this one was', async () => {
    await settle(1)
    await settle(1, OWN)
    await change(id(1), { handedOverAtMs: 7n })
    await settle(OWN)
    expect([has(1), waiting()]).toEqual([[false], []])
    expect(devices().get(id(1))?.handedOverAtMs).toBe(0n)
    await settle(OWN, 1)
    expect(has(1)).toEqual([false])
    await settle(2)
    await settle(2, OWN, 3)
    expect(has(2, OWN, 3)).toEqual([false, false, false])
  })

  test('is given to a device that waits for it, and to no other one', async () => {
    await settle(OWN)
    await settle(OWN, 1, 2, 3)
    await change(id(2), { isEnded: true })
    await change(id(3), { mayHaveHistory: true })
    const codeOf = (deviceId: DeviceKey) => {
      try {
        return checkWaits(devices(), own, deviceId)
      } catch (error) {
        return (error as { why: { code: string } }).why.code
      }
    }
    expect([id(1), id(9), own, id(2), id(3)].map(codeOf)).toEqual([
      undefined,
      'not-your-device',
      'this-device',
      'already-revoked',
      'has-history',
    ])
  })
})

test('a device is called by its name, or by the beginning of its fingerprint', () => {
  expect(labelOf({ name: 'phone', deviceId: id(1) })).toBe('phone')
  const label = labelOf({ name: '', deviceId: id(1) })
  expect(label).toMatch(/^SHA256:.{8}$/)
  expect(deviceFingerprint(crypto, id(1)).startsWith(label)).toBe(true)
})

describe('a name', () => {
  const name = (text: string) =>
    testing.written((tx, { context }) => nameDevice(context.devices, tx, own, text))

  test('is kept, and to be told', async () => {
    await name('laptop')
    expect(devices().get(own)).toMatchObject({ name: 'laptop', nameDue: true })
    await name('x'.repeat(DEVICE_NAME_LENGTH))
    expect(devices().get(own)?.name).toHaveLength(DEVICE_NAME_LENGTH)
  })

  test.each(['', '   ', 'x'.repeat(DEVICE_NAME_LENGTH + 1)])('"%s" is refused', async text => {
    await expect(name(text)).rejects.toMatchObject({
      why: { code: 'bad-device-name', characters: DEVICE_NAME_LENGTH },
    })
    expect(devices().get(own)).toBeUndefined()
  })
})

describe('a device that is to be revoked', () => {
  const codeOf = (deviceId: DeviceKey) => {
    try {
      return checkRevocable(devices(), own, deviceId)
    } catch (error) {
      return (error as { why: { code: string } }).why.code
    }
  }

  test('is a known one of this account, not this one, and not revoked yet', async () => {
    await change(own, { name: 'laptop' })
    await change(id(1), { name: 'phone' })
    await change(id(2), { isEnded: true })
    expect([id(1), id(9), own, id(2)].map(codeOf)).toEqual([
      undefined,
      'not-your-device',
      'this-device',
      'already-revoked',
    ])
  })
})
