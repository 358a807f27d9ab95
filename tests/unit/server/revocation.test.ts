import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RpcError } from '../../../services/rpc/error.js'
import { hashInvite, newInviteToken } from '../../../services/server/auth/invite-token.js'
import { checkDeviceRevocation } from '../../../services/server/auth/revocation-check.js'
import { makeCertificate, makeDevice } from '../../support/contract-device.js'
import { makeRevocation } from '../../support/contract-revocation.js'

const device = makeDevice()
const account = { handle: device.handle, accountKey: device.account.publicKey }
const revocation = makeRevocation(device)

/** undefined: it was refused. A changed tag may be read as the one that it was: the signed bytes are the same then. */
function revokedBy(encoded: Uint8Array): Uint8Array | undefined {
  try {
    return checkDeviceRevocation(encoded, account)
  } catch (error) {
    if (error instanceof RpcError) return undefined
    throw error
  }
}

describe('a device revocation', () => {
  test('that holds names the device', () => {
    expect(checkDeviceRevocation(revocation, account)).toEqual(device.id)
  })

  test.each([
    ['another handle', { ...account, handle: 'another' }],
    ['another key', { ...account, accountKey: makeDevice().account.publicKey }],
  ])('of an account with %s is refused', (_, other) => {
    expect(() => checkDeviceRevocation(revocation, other)).toThrow(RpcError)
  })

  test('is not what a device certificate can be taken for', () => {
    const certificate = makeCertificate({ ...device, deviceKey: device.id })
    expect(() => checkDeviceRevocation(certificate, account)).toThrow(RpcError)
  })

  test('with any byte changed, or cut off, is refused or says the same', () => {
    fc.assert(
      fc.property(fc.nat(revocation.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Uint8Array.from(revocation)
        changed[at]! ^= by
        expect(revokedBy(changed)).toEqual(revokedBy(changed) && device.id)
        expect(revokedBy(revocation.slice(0, at))).toBeUndefined()
      }),
    )
  })

  test('of any bytes is refused with an RpcError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        expect(() => checkDeviceRevocation(bytes, account)).toThrow(RpcError)
      }),
    )
  })
})

test('an invite token is 16 random bytes in a form that fits in a link, and its hash tells nothing of it', () => {
  const tokens = Array.from({ length: 100 }, newInviteToken)
  expect(new Set(tokens).size).toBe(100)
  for (const token of tokens) {
    expect(token).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(Buffer.from(hashInvite(token)).toString()).not.toContain(token)
    expect(hashInvite(token)).toHaveLength(32)
  }
})
