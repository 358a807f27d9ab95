import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DeviceListSchema, SignedDeviceListSchema } from '../../../../gen/parley/v1/identity_pb.js'
import { concatBytes, utf8 } from '../../../../services/protocol/bytes.js'
import { IdentityError, type IdentityReason } from '../../../../services/protocol/error.js'
import {
  isFarAhead,
  isTimelyNumber,
  MAX_LIST_NUMBER,
  makeDeviceList,
  nextListNumber,
  readDeviceList,
} from '../../../../services/protocol/identity/device-list.js'
import { accountKeys, deviceKeys } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { generateKeyPair, keyPairOf, type Label, sign } from '../../../../services/protocol/signature.js'

const account = accountKeys(keyPairOf(crypto, new Uint8Array(32).fill(1)))
const keys = Array.from(
  { length: 17 },
  (_, at) => deviceKeys(keyPairOf(crypto, new Uint8Array(32).fill(at + 2))).publicKey,
)
const content = {
  handle: 'ada',
  serverId: new Uint8Array(16).fill(9),
  number: 1_700_000_000,
  previous: undefined,
  issuedAt: 1_700_000_000_000,
  devices: [{ deviceKey: keys[0]!, listedAt: 5 }],
}
const good = makeDeviceList(crypto, account, content)

/** A list properly signed by the account, with anything in it. */
function signed(fields: MessageInitShape<typeof DeviceListSchema>, label: Label = 'parley.v1.DeviceList') {
  const list = toBinary(
    DeviceListSchema,
    create(DeviceListSchema, {
      accountKey: account.publicKey,
      handle: 'ada',
      serverId: content.serverId,
      number: 1n,
      devices: [{ deviceKey: keys[0]! }],
      ...fields,
    }),
  )
  const signature = sign(crypto, { label, bytes: list, privateKey: account.privateKey })
  return toBinary(SignedDeviceListSchema, create(SignedDeviceListSchema, { list, signature }))
}

/** All that a list says. */
function said(bytes: Uint8Array) {
  const { encoded, ...list } = readDeviceList(crypto, bytes)
  const { list: own, signature } = fromBinary(SignedDeviceListSchema, bytes)
  expect(encoded).toEqual(
    toBinary(SignedDeviceListSchema, create(SignedDeviceListSchema, { list: own, signature })),
  )
  return list
}

function refusal(bytes: Uint8Array): IdentityReason | undefined {
  try {
    readDeviceList(crypto, bytes)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError)
    return (error as IdentityError).reason
  }
}

describe('device lists', () => {
  test('what was made is read, up to 16 devices', () => {
    const previous = new Uint8Array(32).fill(7)
    for (const count of [1, 2, 16]) {
      const devices = keys.slice(0, count).map((deviceKey, listedAt) => ({ deviceKey, listedAt }))
      const made = { ...content, previous, devices }
      const encoded = makeDeviceList(crypto, account, made)
      const list = readDeviceList(crypto, encoded)
      expect(list).toEqual({ ...made, accountKey: account.publicKey, hash: expect.any(Uint8Array), encoded })
    }
    expect(readDeviceList(crypto, good).previous).toBeUndefined()
  })

  test('the hash is of the label, a zero byte and the list as it came', () => {
    const list = toBinary(
      DeviceListSchema,
      create(DeviceListSchema, {
        accountKey: account.publicKey,
        handle: 'ada',
        serverId: content.serverId,
        number: 1_700_000_000n,
        issuedAtMs: 1_700_000_000_000n,
        devices: [{ deviceKey: keys[0]!, listedAtMs: 5n }],
      }),
    )
    const hash = crypto.sha256(concatBytes(utf8('parley.v1.DeviceList'), Uint8Array.of(0), list))
    expect(readDeviceList(crypto, good).hash).toEqual(hash)
  })

  test.each<[string, MessageInitShape<typeof DeviceListSchema>, IdentityReason]>([
    ['a short account key', { accountKey: new Uint8Array(31) }, 'malformed'],
    ['the key of another account', { accountKey: generateKeyPair(crypto).publicKey }, 'signature'],
    ['no handle', { handle: '' }, 'handle'],
    ['a handle with an escape', { handle: 'a\u001b[2J' }, 'handle'],
    ['a server of 15 bytes', { serverId: new Uint8Array(15) }, 'malformed'],
    ['no server', { serverId: new Uint8Array() }, 'malformed'],
    ['the number 0', { number: 0n }, 'malformed'],
    ['the number 2^53', { number: 1n << 53n }, 'malformed'],
    ['the number 2^64 - 1', { number: (1n << 64n) - 1n }, 'malformed'],
    ['half a hash of the list before', { previous: new Uint8Array(16) }, 'malformed'],
    ['a time before 1970', { issuedAtMs: -1n }, 'malformed'],
    ['no device', { devices: [] }, 'malformed'],
    ['17 devices', { devices: keys.map(deviceKey => ({ deviceKey })) }, 'too-many'],
    ['a device twice', { devices: [0, 1, 0].map(at => ({ deviceKey: keys[at]! })) }, 'repeated'],
    ['the account as a device', { devices: [{ deviceKey: account.publicKey }] }, 'repeated'],
    ['a device of small order', { devices: [{ deviceKey: new Uint8Array(32) }] }, 'malformed'],
    ['a device of 33 bytes', { devices: [{ deviceKey: new Uint8Array(33) }] }, 'malformed'],
    ['a device listed before 1970', { devices: [{ deviceKey: keys[0]!, listedAtMs: -1n }] }, 'malformed'],
  ])('%s is refused though the account signed it', (_, fields, reason) => {
    expect(refusal(signed(fields))).toBe(reason)
  })

  test('a list under another label is none', () => {
    expect(refusal(signed({}))).toBeUndefined()
    expect(refusal(signed({}, 'parley.v1.DeviceCertificate'))).toBe('signature')
    expect(refusal(signed({}, 'parley.v1.DeviceRemoval'))).toBe('signature')
  })

  test('none is made that nobody would take', () => {
    const make = (fields: Partial<typeof content>) => () =>
      makeDeviceList(crypto, account, { ...content, ...fields })
    expect(make({ devices: [] })).toThrow(IdentityError)
    expect(make({ handle: 'Ada' })).toThrow(IdentityError)
    expect(make({ number: 2 ** 53 })).toThrow(IdentityError)
    expect(make({ devices: [...content.devices, ...content.devices] })).toThrow(IdentityError)
  })

  test('a huge one is refused before anything of it is verified', () => {
    const devices = Array.from({ length: 10_000 }, () => ({ deviceKey: keys[0]! }))
    const untouched = {
      ...crypto,
      ed25519Verify: (): boolean => {
        throw new Error('verified')
      },
    }
    expect(() => readDeviceList(untouched, signed({ devices }))).toThrow(IdentityError)
    expect(() => readDeviceList(untouched, signed({ devices: devices.slice(0, 17) }))).toThrow(IdentityError)
  })

  test('fields of a later version are read as long as there is room for them', () => {
    const later = (length: number) =>
      concatBytes(good, Uint8Array.of(0x7a, (length & 127) | 128, length >> 7), new Uint8Array(length))
    const room = 4096 - later(0).length
    expect(said(later(room))).toEqual(said(good))
    expect(refusal(later(room + 1))).toBe('malformed')
  })

  test('a changed bit is refused, or lies in what is not signed and changes nothing', () => {
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bytes = good.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      if (refusal(bytes) === undefined) expect(said(bytes)).toEqual(said(good))
    }
  })

  test('hostile bytes are refused with IdentityError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), bytes => expect(refusal(bytes)).toBeDefined()))
  })

  test('are verified by each provider for itself', () => {
    expect(() => readDeviceList({ ...crypto, ed25519Verify: () => false }, good)).toThrow(IdentityError)
  })
})

describe('the numbers of lists', () => {
  const DAY = 86_400
  const NOW = 1_700_000_000

  test('are one more than the known one, or the seconds since 1970 if that is more', () => {
    expect(nextListNumber(undefined, NOW * 1000 + 999)).toBe(NOW)
    expect(nextListNumber(NOW - 1, NOW * 1000)).toBe(NOW)
    expect(nextListNumber(NOW, NOW * 1000)).toBe(NOW + 1)
    expect(nextListNumber(undefined, 0)).toBe(1)
    expect(nextListNumber(NOW, NOW * 1000, { takesBack: true })).toBe(NOW + 86_100)
    expect(nextListNumber(NOW + 86_100, NOW * 1000, { takesBack: true })).toBe(NOW + 86_101)
    for (const [number, isAhead] of [
      [NOW, false],
      [NOW + 86_700, false],
      [NOW + 86_701, true],
      [MAX_LIST_NUMBER, true],
    ] as const)
      expect(isFarAhead(number, NOW * 1000)).toBe(isAhead)
    expect(nextListNumber(MAX_LIST_NUMBER - 1, 0)).toBe(MAX_LIST_NUMBER)
    expect(() => nextListNumber(MAX_LIST_NUMBER, 0)).toThrow(RangeError)
  })

  test('are taken in up to a day ahead, and the next one always', () => {
    const timely = (number: number, known?: number) => isTimelyNumber(number, { known, nowMs: NOW * 1000 })
    expect(timely(NOW + DAY)).toBe(true)
    expect(timely(NOW + DAY + 1)).toBe(false)
    expect(timely(MAX_LIST_NUMBER)).toBe(false)
    expect(timely(NOW + 9 * DAY + 1, NOW + 9 * DAY)).toBe(true)
    expect(timely(NOW + 9 * DAY + 2, NOW + 9 * DAY)).toBe(false)
  })

  test('of a maker whose clock is anything leave the next maker one that is taken in', () => {
    const clock = fc.integer({ min: 0, max: 8_640_000_000_000_000 })
    const known = fc.option(fc.integer({ min: 1, max: NOW + 30 * DAY }), { nil: undefined })
    fc.assert(
      fc.property(known, clock, (before, wrong) => {
        const made = nextListNumber(before, wrong)
        const taken = isTimelyNumber(made, { known: before, nowMs: NOW * 1000 }) ? made : before
        const next = nextListNumber(taken, NOW * 1000)
        expect(isTimelyNumber(next, { known: taken, nowMs: NOW * 1000 })).toBe(true)
        expect(next).toBeGreaterThan(taken ?? 0)
      }),
    )
  })
})
