import { describe, expect, test } from '@jest/globals'
import { makeAccount, restoreAccount } from '../../../../services/endpoint/contacts/account.js'
import { IdentityError } from '../../../../services/protocol/error.js'
import { readCertificate } from '../../../../services/protocol/identity/certificate.js'
import { phraseOf, seedOf } from '../../../../services/protocol/identity/recovery-phrase.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

describe('accounts', () => {
  test('the recovery phrase restores the account on a new device', () => {
    const first = makeAccount('ada')
    const seed = seedOf(phraseOf(first.account.privateKey))
    const second = restoreAccount({ handle: 'ada', seed })
    expect(second.handle).toBe('ada')
    expect(second.account).toEqual(first.account)
    expect(second.device.publicKey).not.toEqual(first.device.publicKey)
    expect(readCertificate(crypto, second.certificate)).toMatchObject({
      handle: 'ada',
      accountKey: first.account.publicKey,
      deviceKey: second.device.publicKey,
    })
  })

  test('every device that is restored has a key of its own', () => {
    const restore = () => restoreAccount({ handle: 'ada', seed: new Uint8Array(32) })
    expect(restore().device.publicKey).not.toEqual(restore().device.publicKey)
  })

  test('the caller may wipe the seed afterwards', () => {
    const seed = new Uint8Array(32).fill(3)
    const { account } = restoreAccount({ handle: 'ada', seed })
    seed.fill(0)
    expect(account.privateKey).toEqual(new Uint8Array(32).fill(3))
  })

  test('a bad handle or seed restores nothing', () => {
    expect(() => restoreAccount({ handle: 'Ada', seed: new Uint8Array(32) })).toThrow(IdentityError)
    expect(() => restoreAccount({ handle: 'ada', seed: new Uint8Array(31) })).toThrow(RangeError)
  })
})
