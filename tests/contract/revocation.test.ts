import { expect } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import { detailOf, exchanged, failureOf } from '../support/contract-client.js'
import { makeDevice, makeKey, random, type TestDevice } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  rejectionOf,
} from '../support/contract-envelopes.js'
import { makeRevocation, refusalOf } from '../support/contract-revocation.js'
import { onAnyServer, onOwnServer, SMALL_LIMITS } from '../support/contract-server.js'
import { client, onEveryStore } from '../support/contract-suite.js'

/** Two registered devices of one account. */
async function twoDevices(): Promise<[TestDevice, TestDevice]> {
  const first = await client.register()
  return [first, await client.register({ handle: first.handle, account: first.account })]
}

async function revoke(by: TestDevice, ...devices: TestDevice[]): Promise<void> {
  const deviceRevocations = devices.map(device => makeRevocation(device))
  exchanged(await client.keyExchange(by, { deviceRevocations }))
}

async function reasonOf(call: Promise<unknown>): Promise<ErrorReason> {
  const error = await failureOf(call)
  expect(error.code).toBe('UNAUTHENTICATED')
  return detailOf(error).reason
}

onEveryStore('a revoked device', () => {
  onAnyServer('has its stream closed with the reason, and its proofs refused', async () => {
    const [phone, laptop] = await twoDevices()
    const stream = await client.open(laptop)
    await revoke(phone, laptop)
    expect((await stream.take('closing')).reason.case).toBe('revoked')
    expect(await stream.ended).toBeUndefined()
    expect(stream.frames.at(-1)?.case).toBe('closing')
    expect(await reasonOf(client.open(laptop))).toBe(ErrorReason.REVOKED)
    expect(await reasonOf(client.keyExchange(laptop))).toBe(ErrorReason.REVOKED)
  })

  onAnyServer(
    'never registers again, not even with a new certificate or after it was revoked twice',
    async () => {
      const [phone, laptop] = await twoDevices()
      await revoke(phone, laptop)
      await revoke(phone, laptop)
      const again = await client.keyExchange(laptop, { deviceCertificate: laptop.certificate })
      expect(refusalOf(again)).toBe('deviceRevoked')
    },
  )

  onAnyServer('is refused though it was revoked before it came', async () => {
    const phone = await client.register()
    const late = makeDevice(phone)
    await revoke(phone, late)
    expect(refusalOf(await client.keyExchange(late, { deviceCertificate: late.certificate }))).toBe(
      'deviceRevoked',
    )
  })

  onAnyServer('is in no claim and no lookup, and its key packages are gone', async () => {
    const [phone, laptop] = await twoDevices()
    exchanged(await client.keyExchange(laptop, { keyPackages: [random(9)], lastResortKeyPackage: random(9) }))
    await revoke(phone, laptop)
    const { handle } = phone
    const asked = await client.keyExchange(await client.register(), {
      claimHandles: [handle],
      lookupHandles: [handle],
    })
    const { claims, lookups } = exchanged(asked)
    const [claim, lookup] = [claims[0]!.outcome, lookups[0]!.outcome]
    expect(claim.case === 'devices' && claim.value.devices).toMatchObject([
      { deviceCertificate: phone.certificate },
    ])
    expect(lookup.case === 'devices' && lookup.value.deviceCertificates).toEqual([phone.certificate])
  })

  onAnyServer('stays on the roster until members remove it, and is given nothing meanwhile', async () => {
    const [phone, laptop] = await twoDevices()
    const anna = await client.register()
    const sender = await client.open(anna)
    const id = await createConversation(sender, [phone, laptop])
    await revoke(phone, laptop)
    const [number] = await sender.send(application(id))
    await sender.until(() => acceptedTo(sender) === number)
    const unknown = await rejectionOf(sender, commit(await createConversation(sender), { added: [laptop] }))
    expect(unknown).toMatchObject({ case: 'unknownDevice', value: { deviceId: laptop.id } })
    const [removal] = await sender.send(commit(id, { removed: [laptop] }))
    await sender.until(() => acceptedTo(sender) === removal)
    sender.end()
  })

  onAnyServer('that revokes itself is told as the others are', async () => {
    const [phone, laptop] = await twoDevices()
    const stream = await client.open(laptop)
    expect(
      exchanged(
        await client.keyExchange(laptop, {
          deviceRevocations: [makeRevocation(laptop)],
          keyPackages: [random(9)],
        }),
      ).keyPackagesLeft,
    ).toBe(0)
    expect((await stream.take('closing')).reason.case).toBe('revoked')
    exchanged(await client.keyExchange(phone))
  })
})

onEveryStore('a revocation', () => {
  onOwnServer('makes room for a new device of an account at its limit, in one call', async () => {
    const first = await client.register()
    const { handle, account } = first
    for (let count = 1; count < SMALL_LIMITS.devicesPerAccount; count++)
      await client.register({ handle, account })
    const fresh = makeDevice({ handle, account })
    const deviceCertificate = fresh.certificate
    expect(refusalOf(await client.keyExchange(fresh, { deviceCertificate }))).toBe('tooManyDevices')
    const deviceRevocations = [makeRevocation(first)]
    exchanged(await client.keyExchange(fresh, { deviceCertificate, deviceRevocations }))
    expect(await reasonOf(client.keyExchange(first))).toBe(ErrorReason.REVOKED)
    const over = makeDevice({ handle, account })
    const refused = await client.keyExchange(over, { deviceCertificate: over.certificate, deviceRevocations })
    expect(refusalOf(refused)).toBe('tooManyDevices')
  })

  onAnyServer("of another account's device is refused, and one that names it does nothing", async () => {
    const [mallory, anna] = [await client.register(), await client.register()]
    const byAnna = client.keyExchange(mallory, { deviceRevocations: [makeRevocation(anna)] })
    expect((await failureOf(byAnna)).code).toBe('INVALID_ARGUMENT')
    const named = makeRevocation(mallory, { deviceKey: anna.id })
    exchanged(await client.keyExchange(mallory, { deviceRevocations: [named] }))
    exchanged(await client.keyExchange(anna))
    exchanged(await client.keyExchange(anna, { deviceCertificate: anna.certificate }))
  })

  onAnyServer('by another account key with the same handle is refused', async () => {
    const anna = await client.register()
    const mallory = makeDevice({ handle: anna.handle })
    const forged = makeRevocation({ ...anna, account: mallory.account })
    const refused = await client.keyExchange(mallory, {
      deviceCertificate: mallory.certificate,
      deviceRevocations: [forged],
    })
    expect(refusalOf(refused)).toBe('handleTaken')
    exchanged(await client.keyExchange(anna))
  })

  onAnyServer.each([
    ['by another key', { signer: makeKey() }],
    ['under another label', { label: 'parley.v1.DeviceCertificate' }],
  ])('signed %s is refused, and nothing is changed', async (_, options) => {
    const [phone, laptop] = await twoDevices()
    const deviceRevocations = [makeRevocation(laptop), makeRevocation(laptop, options)]
    const refused = client.keyExchange(phone, { deviceRevocations })
    expect(await reasonOf(refused)).toBe(ErrorReason.SIGNATURE)
    exchanged(await client.keyExchange(laptop))
  })

  onAnyServer('that cannot be read is refused', async () => {
    const device = await client.register()
    for (const bad of [random(40), makeRevocation(device, { deviceKey: random(31) })]) {
      const error = await failureOf(client.keyExchange(device, { deviceRevocations: [bad] }))
      expect(error.code).toBe('INVALID_ARGUMENT')
    }
  })

  onAnyServer('of too many devices in one call is refused', async () => {
    const device = await client.register()
    const stream = await client.open(device)
    const revocation = makeRevocation(makeDevice(device))
    const deviceRevocations = Array.from(
      { length: stream.opened.limits!.claimsPerCall + 1 },
      () => revocation,
    )
    stream.end()
    expect((await failureOf(client.keyExchange(device, { deviceRevocations }))).code).toBe('INVALID_ARGUMENT')
  })
})

onEveryStore('lookups', () => {
  onAnyServer('show all devices of each handle, the caller’s too, and cost no key package', async () => {
    const [phone, laptop] = await twoDevices()
    exchanged(await client.keyExchange(laptop, { keyPackages: [random(9)] }))
    const lookupHandles = ['nobody-by-this-name', phone.handle, 'NOT A HANDLE']
    const { lookups } = exchanged(await client.keyExchange(phone, { lookupHandles }))
    expect(lookups.map(({ handle }) => handle)).toEqual(lookupHandles)
    expect(lookups.map(({ outcome }) => outcome.case)).toEqual(['unknown', 'devices', 'unknown'])
    const { outcome } = lookups[1]!
    expect(outcome.case === 'devices' && outcome.value.deviceCertificates).toEqual([
      phone.certificate,
      laptop.certificate,
    ])
    expect(exchanged(await client.keyExchange(laptop)).keyPackagesLeft).toBe(1)
  })

  onAnyServer('above the limit are refused', async () => {
    const device = await client.register()
    const stream = await client.open(device)
    const lookupHandles = Array.from({ length: stream.opened.limits!.claimsPerCall + 1 }, () => 'x')
    stream.end()
    expect((await failureOf(client.keyExchange(device, { lookupHandles }))).code).toBe('INVALID_ARGUMENT')
  })
})

onEveryStore('AccountChanged', () => {
  onAnyServer('goes to those who share a conversation and to the account, and to nobody else', async () => {
    const [anna, bert, carl] = await Promise.all([1, 2, 3].map(() => client.register()))
    const streams = await Promise.all([anna!, bert!, carl!].map(device => client.open(device)))
    await createConversation(streams[0]!, [bert!])
    const laptop = await client.register({ handle: anna!.handle, account: anna!.account })
    for (const stream of streams.slice(0, 2))
      expect((await stream.take('accountChanged')).handle).toBe(anna!.handle)
    await revoke(anna!, laptop)
    for (const stream of streams.slice(0, 2))
      expect((await stream.take('accountChanged')).handle).toBe(anna!.handle)
    await streams[2]!.write({ frame: { case: 'ping', value: { nonce: 1n } } })
    await streams[2]!.take('pong')
    expect(streams[2]!.frames.some(frame => frame.case === 'accountChanged')).toBe(false)
    for (const stream of streams) stream.end()
  })

  onAnyServer('comes when a device that is on the roster is revoked by one that is not', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const stream = await client.open(bert)
    await createConversation(stream, [anna])
    const fresh = makeDevice(anna)
    exchanged(
      await client.keyExchange(fresh, {
        deviceCertificate: fresh.certificate,
        deviceRevocations: [makeRevocation(anna)],
      }),
    )
    expect((await stream.take('accountChanged')).handle).toBe(anna.handle)
    stream.end()
  })

  onAnyServer('does not come when nothing has changed', async () => {
    const [phone, laptop] = await twoDevices()
    const stream = await client.open(phone)
    exchanged(await client.keyExchange(laptop, { deviceCertificate: laptop.certificate }))
    await revoke(phone, makeDevice(phone))
    const third = makeDevice(phone)
    await revoke(phone, third)
    await revoke(phone, laptop)
    await stream.take('accountChanged')
    await stream.write({ frame: { case: 'ping', value: { nonce: 1n } } })
    await stream.take('pong')
    expect(stream.frames.filter(frame => frame.case === 'accountChanged')).toHaveLength(1)
    stream.end()
  })
})
