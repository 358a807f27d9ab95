import { beforeEach, describe, expect, test } from '@jest/globals'
import { changeAccount, type RegistrationOptions } from '../../../../services/server/auth/registration.js'
import { LIMITS } from '../../../../services/server/limits.js'
import { openMemoryStore } from '../../../../services/server/store/memory/store.js'
import type { DeviceRecord } from '../../../../services/server/store/store.js'
import { makeDevice, type TestDevice } from '../../../support/contract-device.js'
import { makeRevocation } from '../../../support/contract-revocation.js'
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

function recordOf({ handle, account, id, certificate }: TestDevice): DeviceRecord {
  return { handle, accountKey: account.publicKey, deviceId: id, certificate }
}

function named(name: string, of?: Parameters<typeof makeDevice>[0]): TestDevice {
  const device = makeDevice(of)
  names.set(String(device.id), name)
  return device
}

/** Why the device is not registered; undefined: it is. */
async function come(
  device: TestDevice,
  asked: { revokes?: readonly TestDevice[]; inviteToken?: string } = {},
  of: Partial<RegistrationOptions> = {},
): Promise<string | undefined> {
  const { revokes = [], inviteToken = '' } = asked
  const deviceRevocations = revokes.map(each => makeRevocation(each))
  const caller = { id: device.id, certified: recordOf(device) }
  return (await changeAccount(options(of), caller, { deviceRevocations, inviteToken }))?.case
}

describe('a registration', () => {
  test('is told of when an account has another device, and not with the first or again', async () => {
    const phone = named('phone')
    const laptop = named('laptop', phone)
    for (const device of [phone, laptop, laptop]) expect(await come(device)).toBeUndefined()
    expect(told).toEqual([`${phone.handle} changed, without `])
  })

  test('says why it is refused, and asks the store for none that breaks a rule', async () => {
    expect(await come(named('x', { handle: 'Anna' }))).toBe('handleInvalid')
    expect(await come(named('x', { handle: 'operator' }))).toBe('handleReserved')
    expect(store.calls('register')).toBe(0)
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
    for (const device of [phone, named('laptop', phone)]) await come(device)
    const third = named('third', phone)
    const refusal = await changeAccount(
      options(),
      { id: third.id, certified: recordOf(third) },
      { deviceRevocations: [], inviteToken: '' },
    )
    expect(refusal).toMatchObject({ case: 'tooManyDevices', value: { limit: 2 } })
    expect(refusal?.case === 'tooManyDevices' && refusal.value.deviceCertificates).toHaveLength(2)
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

describe('a revocation', () => {
  test('ends the device’s session, and is told before the caller takes its place', async () => {
    const phone = named('phone')
    const laptop = named('laptop', phone)
    for (const device of [phone, laptop]) await come(device)
    told = []
    const next = named('next', phone)
    expect(await come(next, { revokes: [laptop] })).toBeUndefined()
    expect(told).toEqual(['close laptop: revoked', `${phone.handle} changed, without laptop`])
    expect(await come(laptop)).toBe('deviceRevoked')
  })

  test('changes nothing where one of several does not hold', async () => {
    const phone = named('phone')
    const laptop = named('laptop', phone)
    for (const device of [phone, laptop]) await come(device)
    told = []
    const forged = { ...laptop, account: makeDevice().account }
    await expect(come(named('next', phone), { revokes: [laptop, forged] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    expect([told, store.calls('revoke')]).toEqual([[], 0])
  })

  test('comes from a registered device without its certificate, too; of nobody it does nothing', async () => {
    const phone = named('phone')
    const laptop = named('laptop', phone)
    for (const device of [phone, laptop]) await come(device)
    const asked = { deviceRevocations: [makeRevocation(laptop)], inviteToken: '' }
    expect(
      await changeAccount(options(), { id: makeDevice().id, certified: undefined }, asked),
    ).toBeUndefined()
    expect((await store.directory.device(laptop.id))?.blocked).toBeUndefined()
    expect(await changeAccount(options(), { id: phone.id, certified: undefined }, asked)).toBeUndefined()
    expect((await store.directory.device(laptop.id))?.blocked).toBe('revoked')
  })

  test('that is not durable is told to nobody', async () => {
    const phone = named('phone')
    const laptop = named('laptop', phone)
    for (const device of [phone, laptop]) await come(device)
    told = []
    store.failNext('revoke', 'lost')
    await expect(come(phone, { revokes: [laptop] })).rejects.toThrow('revoke: lost')
    expect(told).toEqual([])
  })
})
