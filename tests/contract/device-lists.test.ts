import { expect } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import type { AccountDevices } from '../../gen/parley/v1/identity_pb.js'
import type { KeyExchangeResponse } from '../../gen/parley/v1/key_exchange_pb.js'
import { detailOf, exchanged, failureOf, refusalOf } from '../support/contract-client.js'
import {
  makeCertificate,
  makeDevice,
  makeKey,
  makeRemoval,
  random,
  type TestDevice,
} from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  rejectionOf,
} from '../support/contract-envelopes.js'
import { onAnyServer, onOwnServer, SMALL_LIMITS } from '../support/contract-server.js'
import { client, onEveryStore } from '../support/contract-suite.js'

const nowSeconds = () => Math.trunc(Date.now() / 1000)

/** Two registered devices of one account, the first of which stands before the other. */
async function twoDevices(): Promise<[TestDevice, TestDevice]> {
  const first = await client.register()
  return [first, await client.register({ handle: first.handle, account: first.account })]
}

async function remove(by: TestDevice, ...devices: TestDevice[]): Promise<void> {
  const deviceRemovals = devices.map(device => makeRemoval(by, device))
  exchanged(await client.keyExchange(by, { deviceRemovals }))
}

async function reasonOf(call: Promise<unknown>): Promise<ErrorReason> {
  const error = await failureOf(call)
  expect(error.code).toBe('UNAUTHENTICATED')
  return detailOf(error).reason
}

/** The devices of the account that a refusal shows. */
function shownBy({ outcome }: KeyExchangeResponse): AccountDevices | undefined {
  const reason = outcome.case === 'refused' ? outcome.value.reason : undefined
  return reason?.value && 'account' in reason.value ? reason.value.account : undefined
}

async function lookUp(handle: string, by?: TestDevice): Promise<AccountDevices> {
  const caller = by ?? (await client.register())
  const { lookups } = exchanged(await client.keyExchange(caller, { lookupHandles: [handle] }))
  const { outcome } = lookups[0]!
  if (outcome.case !== 'devices') throw new Error(`no devices but ${outcome.case}`)
  return outcome.value
}

onEveryStore('a removed device', () => {
  onAnyServer('has its stream closed with the reason, and its proofs refused', async () => {
    const [phone, laptop] = await twoDevices()
    const stream = await client.open(laptop)
    await remove(phone, laptop)
    expect((await stream.take('closing')).reason.case).toBe('revoked')
    expect(await stream.ended).toBeUndefined()
    expect(stream.frames.at(-1)?.case).toBe('closing')
    expect(await reasonOf(client.open(laptop))).toBe(ErrorReason.REVOKED)
    expect(await reasonOf(client.keyExchange(laptop))).toBe(ErrorReason.REVOKED)
  })

  onAnyServer('does not come back by the list that it was on, and is shown what ended it', async () => {
    const first = await client.register()
    const laptop = makeDevice(first)
    const list = client.list(laptop)
    exchanged(await client.keyExchange(laptop, { deviceList: list }))
    const removal = makeRemoval(first, laptop)
    exchanged(await client.keyExchange(first, { deviceRemovals: [removal, removal] }))
    const again = await client.keyExchange(laptop, { deviceList: list })
    expect(refusalOf(again)).toBe('deviceRevoked')
    expect(shownBy(again)).toMatchObject({ deviceList: list, removals: [removal] })
  })

  onAnyServer('is refused though it was removed before it came', async () => {
    const phone = await client.register()
    const late = makeDevice(phone)
    const deviceList = client.list(late)
    exchanged(await client.keyExchange(phone, { deviceList }))
    await remove(phone, late)
    expect(refusalOf(await client.keyExchange(late, { deviceList }))).toBe('deviceRevoked')
  })

  onAnyServer('is in no claim, and its key packages are gone', async () => {
    const [phone, laptop] = await twoDevices()
    exchanged(await client.keyExchange(laptop, { keyPackages: [random(9)], lastResortKeyPackage: random(9) }))
    await remove(phone, laptop)
    const { handle } = phone
    const { claims } = exchanged(
      await client.keyExchange(await client.register(), { claimHandles: [handle] }),
    )
    const claim = claims[0]!.outcome
    expect(claim.case === 'devices' && claim.value.devices).toMatchObject([{ deviceKey: phone.id }])
    expect(claim.case === 'devices' && claim.value.account?.removals).toHaveLength(1)
    exchanged(await client.keyExchange(laptop, { deviceList: client.list(laptop) }))
    expect(exchanged(await client.keyExchange(laptop)).keyPackagesLeft).toBe(0)
  })

  onAnyServer('stays on the roster until members remove it, and is given nothing meanwhile', async () => {
    const [phone, laptop] = await twoDevices()
    const anna = await client.register()
    const sender = await client.open(anna)
    const id = await createConversation(sender, [phone, laptop])
    await remove(phone, laptop)
    const [number] = await sender.send(application(id))
    await sender.until(() => acceptedTo(sender) === number)
    const unknown = await rejectionOf(sender, commit(await createConversation(sender), { added: [laptop] }))
    expect(unknown).toMatchObject({ case: 'unknownDevice', value: { deviceId: laptop.id } })
    const [removal] = await sender.send(commit(id, { removed: [laptop] }))
    await sender.until(() => acceptedTo(sender) === removal)
    sender.end()
  })

  onAnyServer('that removes itself is told as the others are', async () => {
    const [phone, laptop] = await twoDevices()
    const stream = await client.open(laptop)
    const deviceRemovals = [makeRemoval(laptop, laptop)]
    const answer = await client.keyExchange(laptop, { deviceRemovals, keyPackages: [random(9)] })
    expect(exchanged(answer).keyPackagesLeft).toBe(0)
    expect((await stream.take('closing')).reason.case).toBe('revoked')
    exchanged(await client.keyExchange(phone))
  })

  onAnyServer('has removed nobody, whenever that was signed', async () => {
    const [phone, laptop] = await twoDevices()
    const tablet = await client.register(phone)
    const earlier = makeRemoval(laptop, tablet, { removedAtMs: 1n })
    await remove(phone, laptop)
    exchanged(await client.keyExchange(phone, { deviceRemovals: [earlier] }))
    exchanged(await client.keyExchange(tablet))
  })

  onAnyServer('is in use again by a newer list that names it, and loses nothing of its numbers', async () => {
    const [phone, laptop] = await twoDevices()
    const stream = await client.open(laptop)
    await createConversation(stream)
    const accepted = acceptedTo(stream)
    await remove(phone, laptop)
    await stream.ended
    exchanged(await client.keyExchange(phone, { deviceList: client.list(phone) }))
    const again = await client.open(laptop)
    expect(again.opened.clientSequence).toBe(accepted)
    again.end()
  })
})

onEveryStore('a list', () => {
  onAnyServer('that leaves a registered device out ends it', async () => {
    const [phone, laptop] = await twoDevices()
    const stream = await client.open(phone)
    const deviceList = client.list(laptop, { devices: [laptop] })
    exchanged(await client.keyExchange(laptop, { deviceList }))
    expect((await stream.take('closing')).reason.case).toBe('revoked')
    const again = await client.keyExchange(phone, { deviceCertificate: phone.certificate })
    expect(refusalOf(again)).toBe('deviceRevoked')
    expect(shownBy(again)?.deviceList).toEqual(deviceList)
  })

  onAnyServer('that is not newer changes nothing: the server keeps what it has, and says so', async () => {
    const phone = await client.register()
    const number = nowSeconds() + 100
    const kept = client.list(phone, { number })
    exchanged(await client.keyExchange(phone, { deviceList: kept }))
    const stranger = makeDevice(phone)
    for (const older of [number, number - 1]) {
      const refused = await client.keyExchange(stranger, {
        deviceList: client.list(stranger, { number: older }),
      })
      expect(refusalOf(refused)).toBe('listNotNewer')
      expect(shownBy(refused)?.deviceList).toEqual(kept)
    }
    exchanged(await client.keyExchange(phone, { deviceList: client.list(phone, { number }) }))
    expect((await lookUp(phone.handle)).deviceList).toEqual(kept)
    exchanged(
      await client.keyExchange(stranger, { deviceList: client.list(stranger, { number: number + 1 }) }),
    )
  })

  onAnyServer('drops the removals of the one before', async () => {
    const [phone, laptop] = await twoDevices()
    await remove(phone, laptop)
    expect((await lookUp(phone.handle)).removals).toHaveLength(1)
    exchanged(await client.keyExchange(phone, { deviceList: client.list(phone, { devices: [phone] }) }))
    expect((await lookUp(phone.handle)).removals).toEqual([])
  })

  onAnyServer('with a number of another day is refused, but for the next one', async () => {
    const phone = await client.register()
    const far = nowSeconds() + 3 * 24 * 3600
    const error = await failureOf(
      client.keyExchange(phone, { deviceList: client.list(phone, { number: far }) }),
    )
    expect(error.code).toBe('INVALID_ARGUMENT')
    exchanged(await client.keyExchange(phone))
  })

  onAnyServer('of another server is refused', async () => {
    const device = makeDevice()
    const deviceList = client.list(device, { serverId: random(16) })
    expect((await failureOf(client.keyExchange(device, { deviceList }))).code).toBe('INVALID_ARGUMENT')
    const certificate = makeCertificate({ ...device, deviceKey: device.id, serverId: random(16) })
    const elsewhere = client.keyExchange(device, { deviceCertificate: certificate })
    expect((await failureOf(elsewhere)).code).toBe('INVALID_ARGUMENT')
  })

  onAnyServer('that does not name the caller registers nobody', async () => {
    const phone = await client.register()
    const stranger = makeDevice(phone)
    const deviceList = client.list(phone, { devices: [phone] })
    expect(refusalOf(await client.keyExchange(stranger, { deviceList }))).toBe('notListed')
    expect((await lookUp(phone.handle)).deviceList).not.toEqual(deviceList)
    const nobody = makeDevice()
    const without = client.list(nobody, { devices: [makeDevice(nobody)] })
    expect(refusalOf(await client.keyExchange(nobody, { deviceList: without }))).toBe('notListed')
    exchanged(await client.keyExchange(nobody, { deviceList: client.list(nobody) }))
  })

  onAnyServer('of another account does not move a registered device', async () => {
    const [anna, bert] = [await client.register(), makeDevice()]
    const deviceList = client.list(bert, { devices: [anna, bert] })
    expect(refusalOf(await client.keyExchange(anna, { deviceList }))).toBe('handleTaken')
    exchanged(await client.keyExchange(bert, { deviceList }))
    exchanged(await client.keyExchange(anna))
    expect((await lookUp(anna.handle)).deviceList).not.toEqual(deviceList)
  })

  onOwnServer('of one device less makes room for a new device of an account at its limit', async () => {
    const first = await client.register()
    const { handle, account } = first
    const others: TestDevice[] = []
    for (let count = 1; count < SMALL_LIMITS.devicesPerAccount; count++)
      others.push(await client.register({ handle, account }))
    const fresh = makeDevice({ handle, account })
    const full = await client.keyExchange(fresh, { deviceList: client.list(fresh) })
    expect(refusalOf(full)).toBe('tooManyDevices')
    expect(shownBy(full)?.deviceList).toBeDefined()
    const deviceList = client.list(fresh, { devices: [...others, fresh] })
    exchanged(await client.keyExchange(fresh, { deviceList }))
    expect(await reasonOf(client.keyExchange(first))).toBe(ErrorReason.REVOKED)
  })
})

onEveryStore('a certificate without a list', () => {
  const certificateOf = (device: TestDevice) =>
    makeCertificate({ ...device, deviceKey: device.id, serverId: client.server.serverId })

  onAnyServer('is answered with the devices of the account, and registers nobody', async () => {
    const phone = await client.register()
    const next = makeDevice(phone)
    const told = await client.keyExchange(next, { deviceCertificate: certificateOf(next) })
    expect(refusalOf(told)).toBe('notListed')
    expect(shownBy(told)).toEqual(await lookUp(phone.handle, phone))
    const stranger = makeDevice()
    const unknown = await client.keyExchange(stranger, { deviceCertificate: certificateOf(stranger) })
    expect([refusalOf(unknown), shownBy(unknown)]).toEqual(['notListed', undefined])
    expect(await reasonOf(client.keyExchange(next))).toBe(ErrorReason.UNKNOWN_DEVICE)
  })

  onAnyServer('is of the account whose key has signed it, whatever handle that goes by', async () => {
    const phone = await client.register()
    const other = makeDevice({ account: phone.account })
    const told = await client.keyExchange(other, { deviceCertificate: certificateOf(other) })
    expect(shownBy(told)).toEqual(await lookUp(phone.handle, phone))
    const impostor = makeDevice({ handle: phone.handle })
    const nothing = await client.keyExchange(impostor, { deviceCertificate: certificateOf(impostor) })
    expect([refusalOf(nothing), shownBy(nothing)]).toEqual(['notListed', undefined])
  })
})

onEveryStore('a removal', () => {
  onAnyServer("of another account's device is refused, and one that names it does nothing", async () => {
    const [mallory, anna] = [await client.register(), await client.register()]
    const byAnna = client.keyExchange(mallory, { deviceRemovals: [makeRemoval(anna, anna)] })
    expect((await failureOf(byAnna)).code).toBe('INVALID_ARGUMENT')
    const named = makeRemoval(mallory, anna)
    exchanged(await client.keyExchange(mallory, { deviceRemovals: [named] }))
    exchanged(await client.keyExchange(anna))
    exchanged(await client.keyExchange(anna, { deviceList: client.list(anna) }))
  })

  onAnyServer('of a device that stands ahead does nothing', async () => {
    const [phone, laptop] = await twoDevices()
    await remove(laptop, phone)
    exchanged(await client.keyExchange(phone))
    expect((await lookUp(phone.handle)).removals).toEqual([])
  })

  onAnyServer.each([
    ['by another key', { signer: makeKey() }],
    ['under another label', { label: 'parley.v1.DeviceCertificate' }],
  ])('signed %s is refused, and nothing is changed', async (_, options) => {
    const [phone, laptop] = await twoDevices()
    const deviceRemovals = [makeRemoval(phone, laptop), makeRemoval(phone, laptop, options)]
    const refused = client.keyExchange(phone, { deviceRemovals })
    expect(await reasonOf(refused)).toBe(ErrorReason.SIGNATURE)
    exchanged(await client.keyExchange(laptop))
  })

  onAnyServer('that cannot be read is refused', async () => {
    const device = await client.register()
    for (const bad of [random(40), makeRemoval(device, device, { deviceKey: random(31) })]) {
      const error = await failureOf(client.keyExchange(device, { deviceRemovals: [bad] }))
      expect(error.code).toBe('INVALID_ARGUMENT')
    }
  })

  onAnyServer('of too many devices in one call is refused', async () => {
    const device = await client.register()
    const stream = await client.open(device)
    const removal = makeRemoval(device, makeDevice(device))
    const deviceRemovals = Array.from({ length: stream.opened.limits!.claimsPerCall + 1 }, () => removal)
    stream.end()
    expect((await failureOf(client.keyExchange(device, { deviceRemovals }))).code).toBe('INVALID_ARGUMENT')
  })
})

onEveryStore('lookups', () => {
  onAnyServer('show all devices of each handle, the caller’s too, and cost no key package', async () => {
    const [phone, laptop] = await twoDevices()
    exchanged(await client.keyExchange(laptop, { keyPackages: [random(9)] }))
    const lookupHandles = ['nobody-by-this-name', phone.handle, 'NOT A HANDLE']
    const deviceList = client.list(phone)
    exchanged(await client.keyExchange(phone, { deviceList }))
    const { lookups } = exchanged(await client.keyExchange(phone, { lookupHandles }))
    expect(lookups.map(({ handle }) => handle)).toEqual(lookupHandles)
    expect(lookups.map(({ outcome }) => outcome.case)).toEqual(['unknown', 'devices', 'unknown'])
    const { outcome } = lookups[1]!
    expect(outcome.case === 'devices' && outcome.value).toMatchObject({ deviceList, removals: [] })
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
    await remove(anna!, laptop)
    for (const stream of streams.slice(0, 2))
      expect((await stream.take('accountChanged')).handle).toBe(anna!.handle)
    await streams[2]!.write({ frame: { case: 'ping', value: { nonce: 1n } } })
    await streams[2]!.take('pong')
    expect(streams[2]!.frames.some(frame => frame.case === 'accountChanged')).toBe(false)
    for (const stream of streams) stream.end()
  })

  onAnyServer('comes when a device that is on the roster is ended by a list of one that is not', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const stream = await client.open(bert)
    await createConversation(stream, [anna])
    const fresh = makeDevice(anna)
    exchanged(
      await client.keyExchange(fresh, {
        deviceList: client.list(fresh, { devices: [fresh] }),
      }),
    )
    expect((await stream.take('accountChanged')).handle).toBe(anna.handle)
    stream.end()
  })

  onAnyServer('does not come when nothing has changed', async () => {
    const [phone, laptop] = await twoDevices()
    const stream = await client.open(phone)
    const { deviceList } = await lookUp(phone.handle, phone)
    exchanged(await client.keyExchange(laptop, { deviceList }))
    await remove(phone, makeDevice(phone))
    await remove(phone, laptop)
    await remove(phone, laptop)
    await stream.take('accountChanged')
    await stream.write({ frame: { case: 'ping', value: { nonce: 1n } } })
    await stream.take('pong')
    expect(stream.frames.filter(frame => frame.case === 'accountChanged')).toHaveLength(1)
    stream.end()
  })
})
