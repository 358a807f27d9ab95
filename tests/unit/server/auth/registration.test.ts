import { beforeEach, describe, expect, test } from '@jest/globals'
import { changeAccount, type RegistrationOptions } from '../../../../services/server/auth/registration.js'
import { LIMITS } from '../../../../services/server/limits.js'
import { openMemoryStore } from '../../../../services/server/store/memory/store.js'
import { makeDevice, makeList, makeRemoval, type TestDevice } from '../../../support/contract-device.js'
import { FaultyStore } from '../../../support/faulty-store.js'

let store: FaultyStore
/** The cluster was told this, in words. */
let told: string[]
let names: Map<string, string>

beforeEach(() => {
  store = new FaultyStore(openMemoryStore({ limits: { devicesPerAccount: 2 } }))
  told = []
  names = new Map()
})

const nameOf = (id: Uint8Array) => names.get(String(id)) ?? 'a stranger'

function options(of: Partial<RegistrationOptions> = {}): RegistrationOptions {
  return {
    directory: store.directory,
    serverId: store.serverId,
    limits: { ...LIMITS, devicesPerAccount: 2 },
    registration: 'open',
    operatorHandle: 'operator',
    isOperator: () => false,
    cluster: {
      closeSession: (device, reason) => void told.push(`close ${nameOf(device)}: ${reason}`),
      accountChanged: (handle, revoked) =>
        void told.push(`${handle} changed, without ${revoked.map(nameOf).join()}`),
    },
    ...of,
  }
}

function named(name: string, of?: Parameters<typeof makeDevice>[0]): TestDevice {
  const device = makeDevice(of)
  names.set(String(device.id), name)
  return device
}

interface Asked {
  list?: Uint8Array
  removals?: Uint8Array[]
  inviteToken?: string
}

/** A device comes with a list: of all that were made for its account, unless another is given. */
async function call(device: TestDevice, asked: Asked = {}, of: Partial<RegistrationOptions> = {}) {
  const { list = listOf(device), removals: deviceRemovals = [], inviteToken = '' } = asked
  const registered = await store.directory.device(device.id)
  return await changeAccount(
    options(of),
    { id: device.id, registered },
    { deviceCertificate: new Uint8Array(), deviceList: list, deviceRemovals, inviteToken },
  )
}

const listOf = (device: TestDevice, devices?: TestDevice[]) =>
  makeList(device, { serverId: store.serverId, ...(devices && { devices }) })

/** Why the device is not registered; undefined: it is. */
const come = async (...asked: Parameters<typeof call>) => (await call(...asked))?.case

describe('a registration', () => {
  test('is told of when an account has another device, and not with the first or again', async () => {
    const phone = named('phone')
    const laptop = named('laptop', phone)
    const list = listOf(phone)
    for (const device of [phone, laptop, laptop]) expect(await come(device, { list })).toBeUndefined()
    expect(told).toEqual([`${phone.handle} changed, without `])
  })

  test('says why it is refused, and asks the store for none that breaks a rule', async () => {
    expect(await come(named('x', { handle: 'Anna' }))).toBe('handleInvalid')
    expect(await come(named('x', { handle: 'operator' }))).toBe('handleReserved')
    expect(store.calls('change')).toBe(0)
    const anna = named('anna', { handle: 'anna' })
    expect(await come(anna, {}, { registration: 'closed' })).toBe('registrationClosed')
    expect(await come(anna, {}, { registration: 'invite' })).toBe('inviteNeeded')
    expect(await come(anna, { inviteToken: 'x' }, { registration: 'invite' })).toBe('inviteInvalid')
    expect(await come(anna)).toBeUndefined()
    expect(await come(named('x', { handle: 'anna' }))).toBe('handleTaken')
    await store.admission.ban({ handle: 'bert' })
    expect(await come(named('x', { handle: 'bert' }))).toBe('banned')
  })

  test('of one device too many shows the account its devices', async () => {
    const phone = named('phone')
    await come(phone)
    const list = listOf(named('laptop', phone))
    expect(await come(phone, { list })).toBeUndefined()
    const refusal = await call(named('third', phone))
    expect(refusal).toMatchObject({
      case: 'tooManyDevices',
      value: { limit: 2, account: { deviceList: list, removals: [] } },
    })
  })

  test('under the operator’s handle is the operator’s, who comes in whatever the rules for others', async () => {
    const operator = named('operator', { handle: 'operator' })
    const closed = { registration: 'closed' } as const
    expect(await come(operator, {}, closed)).toBe('handleReserved')
    expect(await come(operator, {}, { ...closed, isOperator: () => true })).toBeUndefined()
    // The account keeps it on a server whose operator is another since.
    expect(await come(operator, {}, closed)).toBeUndefined()
  })
})

describe('a change of the devices', () => {
  async function twoDevices(): Promise<[TestDevice, TestDevice]> {
    const phone = named('phone')
    const laptop = named('laptop', phone)
    const list = listOf(phone)
    for (const device of [phone, laptop]) await come(device, { list })
    told = []
    return [phone, laptop]
  }
  const removing = (device: TestDevice, ...removals: Uint8Array[]) =>
    call(device, { list: new Uint8Array(), removals })

  test('ends the sessions of those that are out, and is told', async () => {
    const [phone, laptop] = await twoDevices()
    const next = named('next', phone)
    expect(await come(next, { list: listOf(next, [phone, next]) })).toBeUndefined()
    expect(told).toEqual(['close laptop: revoked', `${phone.handle} changed, without laptop`])
    expect(await come(laptop, { list: new Uint8Array() })).toBe('deviceRevoked')
  })

  test('changes nothing where one of several removals does not hold', async () => {
    const [phone, laptop] = await twoDevices()
    const good = makeRemoval(phone, laptop)
    const foreign = makeRemoval(named('mallory'), laptop)
    const calls = store.calls('change')
    await expect(removing(phone, good, foreign)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect([told, store.calls('change')]).toEqual([[], calls])
  })

  test('comes from a registered device without a list, too', async () => {
    const [phone, laptop] = await twoDevices()
    expect(await removing(phone, makeRemoval(phone, laptop))).toBeUndefined()
    expect((await store.directory.device(laptop.id))?.blocked).toBe('revoked')
  })

  test('that is not durable is told to nobody', async () => {
    const [phone, laptop] = await twoDevices()
    store.failNext('change', 'lost')
    await expect(removing(phone, makeRemoval(phone, laptop))).rejects.toThrow('change: lost')
    expect(told).toEqual([])
  })
})
