// A mix-up of keys does not compile: tsc demands an error on the line below each "@ts-expect-error".

import { describe, expect, test } from '@jest/globals'
import { toHex } from '../../../services/protocol/bytes.js'
import { makeCertificate, readCertificate } from '../../../services/protocol/identity/certificate.js'
import { accountFingerprint, deviceFingerprint } from '../../../services/protocol/identity/fingerprint.js'
import {
  type AccountKey,
  accountKey,
  accountKeys,
  type DeviceKey,
  deviceKey,
  deviceKeys,
  includesKey,
  type KeyText,
  keyText,
  sameKey,
} from '../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import { generateKeyPair, type KeyPair } from '../../../services/protocol/signature.js'

const bytes = (fill: number) => new Uint8Array(32).fill(fill)

describe('a key', () => {
  test.each([
    ['an account', accountKey],
    ['a device', deviceKey],
  ])('of %s is 32 bytes', (_of, keyOf) => {
    const given = bytes(1)
    expect(keyOf(given)).toBe(given)
    for (const length of [0, 31, 33]) expect(() => keyOf(new Uint8Array(length))).toThrow(RangeError)
  })

  test('is the same as one of the same bytes', () => {
    expect([sameKey(deviceKey(bytes(1)), deviceKey(bytes(1)))]).toEqual([true])
    expect([sameKey(accountKey(bytes(1)), accountKey(bytes(2)))]).toEqual([false])
    const keys = [deviceKey(bytes(1)), deviceKey(bytes(2))]
    expect([includesKey(keys, deviceKey(bytes(2))), includesKey(keys, deviceKey(bytes(3)))]).toEqual([
      true,
      false,
    ])
  })

  test('is looked up by its text', () => {
    const names = new Map([[keyText(deviceKey(bytes(1))), 'phone']])
    expect(names.get(keyText(deviceKey(bytes(1))))).toBe('phone')
    expect(keyText(accountKey(bytes(10)))).toBe(toHex(bytes(10)))
  })

  test('pair is that of what it was made of', () => {
    const pair = generateKeyPair(crypto)
    expect([accountKeys(pair), deviceKeys(pair)]).toEqual([pair, pair])
    const short: KeyPair = { ...pair, publicKey: new Uint8Array(31) }
    expect(() => accountKeys(short)).toThrow(RangeError)
    expect(() => deviceKeys(short)).toThrow(RangeError)
  })
})

describe('a key of one kind', () => {
  const [account, device] = [accountKey(bytes(1)), deviceKey(bytes(1))]

  test('is none of the other, and plain bytes are none at all', () => {
    // @ts-expect-error a device's key is no account's
    const accounts: AccountKey[] = [device]
    // @ts-expect-error an account's key is no device's
    const devices: DeviceKey[] = [account]
    // @ts-expect-error nobody has looked at these bytes
    accounts.push(bytes(1))
    // @ts-expect-error a handle is no key
    accounts.push('ada')
    // @ts-expect-error a key as text is no key
    devices.push(keyText(device))
    expect([accounts.length, devices.length]).toEqual([3, 2])
  })

  test('is compared with its like alone', () => {
    // @ts-expect-error they could be the same bytes, and never the same
    expect(sameKey(account, device)).toBe(true)
    // @ts-expect-error there are devices in it
    expect(includesKey([device], account)).toBe(true)
    // @ts-expect-error a device's key as text
    const text: KeyText<AccountKey> = keyText(device)
    // @ts-expect-error a handle is no key as text
    const texts: KeyText<DeviceKey>[] = ['ada']
    // @ts-expect-error it is looked up by accounts
    expect(new Map([[keyText(account), 'ada']]).get(keyText(device))).toBe('ada')
    expect([text, ...texts]).toHaveLength(2)
  })

  test('is wanted where somebody is known by it', () => {
    const [ada, phone] = [accountKeys(generateKeyPair(crypto)), deviceKeys(generateKeyPair(crypto))]
    // @ts-expect-error an account signs, and not a device
    makeCertificate(crypto, { account: phone, deviceKey: phone.publicKey })
    // @ts-expect-error of a device, and not of an account
    makeCertificate(crypto, { account: ada, deviceKey: ada.publicKey })
    const certificate = makeCertificate(crypto, { account: ada, deviceKey: phone.publicKey })
    const identity = readCertificate(crypto, certificate)
    expect(identity).toMatchObject({ accountKey: ada.publicKey, deviceKey: phone.publicKey })
    // @ts-expect-error of an account, and not of a device
    expect(accountFingerprint(crypto, identity.deviceKey)).toHaveLength(32)
    // @ts-expect-error of a device, and not of an account
    expect(deviceFingerprint(crypto, identity.accountKey)).toMatch(/^SHA256:/)
  })
})
