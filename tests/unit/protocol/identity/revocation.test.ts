import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  DeviceRevocationSchema,
  SignedDeviceRevocationSchema,
} from '../../../../gen/parley/v1/identity_pb.js'
import type { CryptoProvider } from '../../../../services/protocol/crypto.js'
import { IdentityError, type IdentityReason } from '../../../../services/protocol/error.js'
import { makeCertificate, readCertificate } from '../../../../services/protocol/identity/certificate.js'
import { makeRevocation, readRevocation } from '../../../../services/protocol/identity/revocation.js'
import { accountKeys, type DeviceKey, deviceKey, deviceKeys } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { generateKeyPair, keyPairOf, type Label, sign } from '../../../../services/protocol/signature.js'

const account = accountKeys(keyPairOf(crypto, new Uint8Array(32).fill(1)))
const device = deviceKeys(keyPairOf(crypto, new Uint8Array(32).fill(2)))
/** The last moment that a Date can hold, in ms since 1970. */
const LATEST = 8_640_000_000_000_000n
const REVOKED_AT = 1_700_000_000_000
const good = makeRevocation(crypto, {
  handle: 'ada',
  account,
  deviceKey: device.publicKey,
  revokedAt: REVOKED_AT,
})

/** A revocation properly signed by the account, with anything in it, under any label. */
function signed(
  fields: MessageInitShape<typeof DeviceRevocationSchema>,
  label: Label = 'parley.v1.DeviceRevocation',
): Uint8Array {
  const base = {
    handle: 'ada',
    accountKey: account.publicKey,
    deviceKey: device.publicKey,
    revokedAtMs: 1n,
  }
  const revocation = toBinary(DeviceRevocationSchema, create(DeviceRevocationSchema, { ...base, ...fields }))
  const signature = sign(crypto, { label, bytes: revocation, privateKey: account.privateKey })
  return toBinary(
    SignedDeviceRevocationSchema,
    create(SignedDeviceRevocationSchema, { revocation, signature }),
  )
}

function refusal(
  read: (crypto: CryptoProvider, bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
): IdentityReason | undefined {
  try {
    read(crypto, bytes)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError)
    return (error as IdentityError).reason
  }
}

describe('device revocations', () => {
  // Encoded by hand and signed with node:crypto alone, apart from this code.
  test('the bytes stay as they were published', () => {
    expect(Buffer.from(good).toString('hex')).toBe(
      [
        '0a500a036164611220',
        '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
        '1a20',
        '8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394',
        '2080d095ffbc311240',
        '728b6c491e32526904755fbb92d9d0fb407add61b885b9fb88c2454520740bda',
        '692c3e8c8ebbfe8f2d7f596c821e2999a8e36c2b348a5441798b945c4a791b0d',
      ].join(''),
    )
  })

  test('what was made is read', () => {
    const handles = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,31}$/)
    fc.assert(
      fc.property(handles, fc.nat(), (handle, revokedAt) => {
        const bytes = makeRevocation(crypto, { handle, account, deviceKey: device.publicKey, revokedAt })
        const { publicKey: accountKey } = account
        expect(readRevocation(crypto, bytes)).toEqual({
          handle,
          accountKey,
          deviceKey: device.publicKey,
          revokedAt,
        })
      }),
      { numRuns: 30 },
    )
  })

  test.each<[string, MessageInitShape<typeof DeviceRevocationSchema>, IdentityReason]>([
    ['a short account key', { accountKey: new Uint8Array(31) }, 'malformed'],
    ['a long device key', { deviceKey: new Uint8Array(33) }, 'malformed'],
    ['a device key of small order', { deviceKey: new Uint8Array(32) }, 'malformed'],
    ['a time before 1970', { revokedAtMs: -1n }, 'malformed'],
    ['a time past all dates', { revokedAtMs: LATEST + 1n }, 'malformed'],
    ['a handle with an escape', { handle: 'a\u001b[2J' }, 'handle'],
    ['the key of another account', { accountKey: generateKeyPair(crypto).publicKey }, 'signature'],
  ])('%s is refused though the account signed it', (_, fields, reason) => {
    expect(refusal(readRevocation, signed(fields))).toBe(reason)
  })

  test('a certificate is no revocation, and a revocation no certificate', () => {
    expect(refusal(readRevocation, signed({}))).toBeUndefined()
    expect(refusal(readRevocation, signed({}, 'parley.v1.DeviceCertificate'))).toBe('signature')
    const certificate = makeCertificate(crypto, { handle: 'ada', account, deviceKey: device.publicKey })
    // Both have the same fields on the wire: only the label parts them.
    expect(refusal(readRevocation, certificate)).toBe('signature')
    expect(refusal(readCertificate, good)).toBe('signature')
  })

  test('a changed bit is refused, or lies in what is not signed and changes nothing', () => {
    const taken = new Set<number>()
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bytes = good.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      if (refusal(readRevocation, bytes) !== undefined) continue
      expect(readRevocation(crypto, bytes)).toEqual(readRevocation(crypto, good))
      taken.add(bit >> 3)
    }
    // The decoder does not look at the wire types (three bits) of the two outer fields.
    expect(taken.size).toBeLessThanOrEqual(2)
  })

  test('hostile bytes are refused with IdentityError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), bytes => {
        expect(refusal(readRevocation, bytes)).toBeDefined()
      }),
    )
  })

  test('fields of a later version are read as long as there is room for them', () => {
    // Field 15, of bytes, in two of length.
    const later = (length: number) =>
      Buffer.concat([good, Buffer.of(0x7a, (length & 127) | 128, length >> 7), Buffer.alloc(length)])
    const room = 1024 - later(0).length
    expect(readRevocation(crypto, later(room))).toEqual(readRevocation(crypto, good))
    expect(refusal(readRevocation, later(room + 1))).toBe('malformed')
  })

  test('none is made for a handle or a key that would be refused', () => {
    const revoking = (handle: string, key: DeviceKey) => () =>
      makeRevocation(crypto, { handle, account, deviceKey: key })
    expect(revoking('Ada', device.publicKey)).toThrow(IdentityError)
    expect(revoking('ada', deviceKey(new Uint8Array(32)))).toThrow(RangeError)
  })
})
