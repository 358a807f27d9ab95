import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  DeviceCertificateSchema,
  SignedDeviceCertificateSchema,
} from '../../../../gen/parley/v1/identity_pb.js'
import { IdentityError, type IdentityReason } from '../../../../services/protocol/error.js'
import {
  makeCertificate,
  parseVerifiedCertificate,
  readCertificate,
} from '../../../../services/protocol/identity/certificate.js'
import { accountKeys, deviceKeys } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { generateKeyPair, sign } from '../../../../services/protocol/signature.js'

const account = accountKeys(generateKeyPair(crypto))
const device = deviceKeys(generateKeyPair(crypto))
const good = makeCertificate(crypto, {
  account,
  deviceKey: device.publicKey,
  issuedAt: 1_700_000_000_000,
})

/** The last moment that a Date can hold, in ms since 1970. */
const LATEST = 8_640_000_000_000_000n

/** A certificate properly signed by the account, with anything in it. */
function signed(fields: MessageInitShape<typeof DeviceCertificateSchema>): Uint8Array {
  const certificate = toBinary(
    DeviceCertificateSchema,
    create(DeviceCertificateSchema, {
      accountKey: account.publicKey,
      deviceKey: device.publicKey,
      serverId: new Uint8Array(16),
      issuedAtMs: 1n,
      ...fields,
    }),
  )
  const signature = sign(crypto, {
    label: 'parley.v1.DeviceCertificate',
    bytes: certificate,
    privateKey: account.privateKey,
  })
  return toBinary(
    SignedDeviceCertificateSchema,
    create(SignedDeviceCertificateSchema, { certificate, signature }),
  )
}

function refusal(bytes: Uint8Array): IdentityReason | undefined {
  try {
    readCertificate(crypto, bytes)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError)
    return (error as IdentityError).reason
  }
}

describe('device certificates', () => {
  test('that cannot be decoded are malformed, and the error says why', () => {
    const error = (() => {
      try {
        return readCertificate(crypto, Uint8Array.of(255, 255))
      } catch (error) {
        return error
      }
    })()
    expect(error).toMatchObject({ name: 'IdentityError', reason: 'malformed', cause: expect.any(Error) })
    expect((error as Error).message).toMatch(/^malformed: ./)
  })

  test('are made for no key that anybody would refuse', () => {
    const deviceKey = deviceKeys({ ...device, publicKey: new Uint8Array(32) }).publicKey
    expect(() => makeCertificate(crypto, { account, deviceKey })).toThrow(
      new RangeError('A device key is 32 bytes, and of no small order'),
    )
  })

  test('what was made is read', () => {
    fc.assert(
      fc.property(fc.nat(), issuedAt => {
        const bytes = makeCertificate(crypto, { account, deviceKey: device.publicKey, issuedAt })
        expect(readCertificate(crypto, bytes)).toEqual({
          accountKey: account.publicKey,
          deviceKey: device.publicKey,
          issuedAt,
          serverId: new Uint8Array(16),
        })
      }),
      { numRuns: 30 },
    )
  })

  test.each<[string, MessageInitShape<typeof DeviceCertificateSchema>, IdentityReason]>([
    ['a short account key', { accountKey: new Uint8Array(31) }, 'malformed'],
    ['a long device key', { deviceKey: new Uint8Array(33) }, 'malformed'],
    ['a device key of small order', { deviceKey: new Uint8Array(32) }, 'malformed'],
    ['a time before 1970', { issuedAtMs: -1n }, 'malformed'],
    ['a time past all dates', { issuedAtMs: LATEST + 1n }, 'malformed'],
    ['the key of another account', { accountKey: generateKeyPair(crypto).publicKey }, 'signature'],
  ])('%s is refused though the account signed it', (_, fields, reason) => {
    expect(refusal(signed(fields))).toBe(reason)
  })

  test('the times are those that a Date can hold', () => {
    for (const issuedAtMs of [0n, LATEST])
      expect(readCertificate(crypto, signed({ issuedAtMs })).issuedAt).toBe(Number(issuedAtMs))
  })

  test('a changed bit is refused, or lies in what is not signed and changes nothing', () => {
    const taken: number[] = []
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bytes = good.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      if (refusal(bytes) !== undefined) continue
      expect(readCertificate(crypto, bytes)).toEqual(readCertificate(crypto, good))
      taken.push(bit >> 3)
    }
    // The decoder does not look at the wire types (three bits) of the two outer fields.
    expect(new Set(taken).size).toBeLessThanOrEqual(2)
  })

  test('hostile bytes are refused with IdentityError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), bytes => {
        expect(refusal(bytes)).toBeDefined()
      }),
    )
  })

  test('a certificate with a field of a later version is read', () => {
    const { certificate, signature } = fromBinary(SignedDeviceCertificateSchema, good)
    const later = Buffer.concat([
      toBinary(
        SignedDeviceCertificateSchema,
        create(SignedDeviceCertificateSchema, { certificate, signature }),
      ),
      Buffer.of(0x78, 0x01),
    ])
    expect(readCertificate(crypto, later)).toEqual(readCertificate(crypto, good))
  })

  test('are verified by each provider for itself, and once', () => {
    let asked = 0
    const doubting = { ...crypto, ed25519Verify: () => ++asked < 0 }
    const trusting = { ...crypto, ed25519Verify: () => ++asked > 0 }
    expect(readCertificate(crypto, good).deviceKey).toEqual(device.publicKey)
    expect(() => readCertificate(doubting, good)).toThrow(IdentityError)
    expect(() => readCertificate(doubting, good)).toThrow(IdentityError)
    expect(asked).toBe(2)
    for (let times = 0; times < 3; times++) readCertificate(trusting, good)
    expect(asked).toBe(3)
  })

  test('name a server by 16 bytes', () => {
    const serverId = new Uint8Array(16).fill(5)
    const made = makeCertificate(crypto, { account, deviceKey: device.publicKey, serverId })
    expect(readCertificate(crypto, made).serverId).toEqual(serverId)
    expect(refusal(signed({ serverId: serverId.slice(1) }))).toBe('malformed')
    expect(refusal(signed({ serverId: new Uint8Array() }))).toBe('malformed')
  })
})

describe('certificates that were verified where they entered', () => {
  test('are parsed to the same, without their signature', () => {
    expect(parseVerifiedCertificate(good)).toEqual(readCertificate(crypto, good))
    const forged = good.slice()
    forged[forged.length - 1]! ^= 1
    expect(parseVerifiedCertificate(forged)).toEqual(parseVerifiedCertificate(good))
    expect(refusal(forged)).toBe('signature')
  })

  test('are refused where they are none', () => {
    expect(() => parseVerifiedCertificate(signed({ deviceKey: new Uint8Array(31) }))).toThrow(IdentityError)
    const { certificate, signature } = fromBinary(SignedDeviceCertificateSchema, good)
    const cut = { certificate, signature: signature.subarray(1) }
    const bytes = toBinary(SignedDeviceCertificateSchema, create(SignedDeviceCertificateSchema, cut))
    expect(() => parseVerifiedCertificate(bytes)).toThrow(IdentityError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), bytes => {
        expect(() => parseVerifiedCertificate(bytes)).toThrow(IdentityError)
      }),
    )
  })
})
