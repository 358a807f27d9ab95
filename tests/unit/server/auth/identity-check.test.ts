import { fromBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ErrorDetailSchema, ErrorReason } from '../../../../gen/parley/v1/chat_pb.js'
import { RpcError } from '../../../../services/rpc/error.js'
import {
  checkDeviceCertificate,
  checkDeviceList,
  checkDeviceRemovals,
} from '../../../../services/server/auth/identity-check.js'
import { hashInvite } from '../../../../services/server/auth/invite-hash.js'
import {
  makeCertificate,
  makeDevice,
  makeKey,
  makeList,
  makeRemoval,
  random,
} from '../../../support/contract-device.js'

const serverId = random(16)
const device = makeDevice()
const { handle, account, id } = device
const expected = { caller: id, serverId }
const certificate = makeCertificate({ ...device, deviceKey: id, serverId })
const list = makeList(device, { serverId })
const removal = makeRemoval(device, device)

/** The code and the reason that a call would end with. */
function failureOf(check: () => unknown): string {
  try {
    check()
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    return `${error.code} ${ErrorReason[fromBinary(ErrorDetailSchema, error.detail!).reason]}`
  }
  return 'none'
}

describe('a device certificate', () => {
  test('that holds names the account', () => {
    expect(checkDeviceCertificate(certificate, expected)).toMatchObject({
      accountKey: account.publicKey,
      deviceKey: id,
    })
  })

  test('of another device or another server fails the call', () => {
    const other = () => checkDeviceCertificate(certificate, { ...expected, caller: makeDevice().id })
    const elsewhere = () => checkDeviceCertificate(certificate, { ...expected, serverId: random(16) })
    for (const check of [other, elsewhere]) expect(failureOf(check)).toBe('INVALID_ARGUMENT FRAME')
  })

  test('fails the call with whose fault it is', () => {
    const forged = makeCertificate({ ...device, deviceKey: id, serverId, signer: makeKey() })
    expect(failureOf(() => checkDeviceCertificate(forged, expected))).toBe('UNAUTHENTICATED SIGNATURE')
    const short = makeCertificate({ ...device, deviceKey: random(31), serverId })
    expect(failureOf(() => checkDeviceCertificate(short, expected))).toBe('INVALID_ARGUMENT FRAME')
  })
})

describe('a device list', () => {
  test('that holds is taken, of this server only', () => {
    expect(checkDeviceList(list, { serverId })).toMatchObject({ handle, encoded: list })
    expect(failureOf(() => checkDeviceList(list, { serverId: random(16) }))).toBe('INVALID_ARGUMENT FRAME')
  })

  test('may name a handle that breaks the rule: that is answered, not failed', () => {
    expect(checkDeviceList(makeList(device, { serverId, handle: 'No' }), { serverId })).toBeUndefined()
  })

  test('fails the call with whose fault it is', () => {
    const forged = makeList(device, { serverId, signer: makeKey() })
    expect(failureOf(() => checkDeviceList(forged, { serverId }))).toBe('UNAUTHENTICATED SIGNATURE')
    const empty = makeList(device, { serverId, devices: [] })
    expect(failureOf(() => checkDeviceList(empty, { serverId }))).toBe('INVALID_ARGUMENT FRAME')
  })
})

describe('removals', () => {
  test('that hold name their devices, of this account only', () => {
    expect(checkDeviceRemovals([removal], account.publicKey)).toMatchObject([{ deviceKey: id }])
    expect(failureOf(() => checkDeviceRemovals([removal], makeKey().publicKey))).toBe(
      'INVALID_ARGUMENT FRAME',
    )
  })

  test('by another key fail the call, with whose fault it is', () => {
    const forged = makeRemoval(device, device, { signer: makeKey() })
    expect(failureOf(() => checkDeviceRemovals([removal, forged], account.publicKey))).toBe(
      'UNAUTHENTICATED SIGNATURE',
    )
  })
})

test('any bytes are refused with an RpcError and nothing else', () => {
  const checks = [
    (bytes: Uint8Array) => checkDeviceCertificate(bytes, expected),
    (bytes: Uint8Array) => checkDeviceList(bytes, { serverId }),
    (bytes: Uint8Array) => checkDeviceRemovals([bytes], account.publicKey),
  ]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      for (const check of checks) expect(() => check(bytes)).toThrow(RpcError)
    }),
  )
})

test.each([
  ['certificate', certificate, (bytes: Uint8Array) => checkDeviceCertificate(bytes, expected)],
  ['list', list, (bytes: Uint8Array) => checkDeviceList(bytes, { serverId })],
  ['removal', removal, (bytes: Uint8Array) => checkDeviceRemovals([bytes], account.publicKey)[0]],
])('a %s that is cut off is refused', (_, good, check) => {
  for (let length = 0; length < good.length; length++)
    expect(failureOf(() => check(good.slice(0, length)))).not.toBe('none')
})

test("a token's hash tells nothing of it", () => {
  const token = 'A'.repeat(22)
  expect(hashInvite(token)).toHaveLength(32)
  expect(Buffer.from(hashInvite(token)).toString('latin1')).not.toContain(token)
  expect(hashInvite(token)).not.toEqual(hashInvite('B'.repeat(22)))
})
