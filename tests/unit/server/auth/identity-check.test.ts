import { fromBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ErrorDetailSchema, ErrorReason } from '../../../../gen/parley/v1/chat_pb.js'
import { RpcError } from '../../../../services/rpc/error.js'
import {
  checkDeviceCertificate,
  checkDeviceRevocation,
} from '../../../../services/server/auth/identity-check.js'
import { hashInvite } from '../../../../services/server/auth/invite-hash.js'
import { makeCertificate, makeDevice, makeKey, random } from '../../../support/contract-device.js'
import { makeRevocation } from '../../../support/contract-revocation.js'

const device = makeDevice()
const { handle, account, id, certificate } = device

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
  test('that holds is what will be registered', () => {
    expect(checkDeviceCertificate(certificate)).toEqual({
      handle,
      accountKey: account.publicKey,
      deviceId: id,
      certificate,
    })
  })

  test('with any byte changed, or cut off, is refused', () => {
    fc.assert(
      fc.property(fc.nat(certificate.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Uint8Array.from(certificate)
        changed[at]! ^= by
        // The wrapper is not signed: the library reads some of its tags as if they were right.
        const isWrapper = at === 0 || at === certificate.length - 66
        if (!isWrapper) expect(() => checkDeviceCertificate(changed)).toThrow(RpcError)
        expect(() => checkDeviceCertificate(certificate.slice(0, at))).toThrow(RpcError)
      }),
    )
  })

  test('of any bytes is refused with an RpcError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        expect(() => checkDeviceCertificate(bytes)).toThrow(RpcError)
      }),
    )
  })

  test('may name a handle that breaks the rule: that is answered, not failed', () => {
    const odd = makeCertificate({ ...device, deviceKey: id, handle: 'Not A Handle' })
    expect(checkDeviceCertificate(odd)).toMatchObject({ handle: 'Not A Handle', deviceId: id })
  })

  test('fails the call with whose fault it is', () => {
    const forged = makeCertificate({ ...device, deviceKey: id, signer: makeKey() })
    expect(failureOf(() => checkDeviceCertificate(forged))).toBe('UNAUTHENTICATED SIGNATURE')
    const short = makeCertificate({ ...device, deviceKey: random(31) })
    expect(failureOf(() => checkDeviceCertificate(short))).toBe('INVALID_ARGUMENT FRAME')
  })
})

const ownAccount = { handle: device.handle, accountKey: device.account.publicKey }
const revocation = makeRevocation(device)

/** undefined: it was refused. A changed tag may be read as the one that it was: the signed bytes are the same then. */
function revokedBy(encoded: Uint8Array): Uint8Array | undefined {
  try {
    return checkDeviceRevocation(encoded, ownAccount)
  } catch (error) {
    if (error instanceof RpcError) return undefined
    throw error
  }
}

describe('a device revocation', () => {
  test('that holds names the device', () => {
    expect(checkDeviceRevocation(revocation, ownAccount)).toEqual(id)
  })

  test.each([
    ['another handle', { ...ownAccount, handle: 'another' }],
    ['another key', { ...ownAccount, accountKey: makeDevice().account.publicKey }],
  ])('of an account with %s is refused', (_, other) => {
    expect(() => checkDeviceRevocation(revocation, other)).toThrow(RpcError)
  })

  test('is not what a device certificate can be taken for', () => {
    expect(() => checkDeviceRevocation(certificate, ownAccount)).toThrow(RpcError)
  })

  test('with any byte changed, or cut off, is refused or says the same', () => {
    fc.assert(
      fc.property(fc.nat(revocation.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Uint8Array.from(revocation)
        changed[at]! ^= by
        expect(revokedBy(changed)).toEqual(revokedBy(changed) && id)
        expect(revokedBy(revocation.slice(0, at))).toBeUndefined()
      }),
    )
  })

  test('of any bytes is refused with an RpcError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        expect(() => checkDeviceRevocation(bytes, ownAccount)).toThrow(RpcError)
      }),
    )
  })
})

test("a token's hash tells nothing of it", () => {
  const token = 'A'.repeat(22)
  expect(hashInvite(token)).toHaveLength(32)
  expect(Buffer.from(hashInvite(token)).toString('latin1')).not.toContain(token)
  expect(hashInvite(token)).not.toEqual(hashInvite('B'.repeat(22)))
})
