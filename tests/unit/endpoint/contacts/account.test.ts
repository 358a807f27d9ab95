import { describe, expect, test } from '@jest/globals'
import {
  loadAccount,
  makeAccount,
  restoreAccount,
  saveAccount,
} from '../../../../services/endpoint/contacts/account.js'
import { Records } from '../../../../services/endpoint/vault/records.js'
import { IdentityError } from '../../../../services/protocol/error.js'
import { readCertificate } from '../../../../services/protocol/identity/certificate.js'
import { phraseOf, seedOf } from '../../../../services/protocol/identity/recovery-phrase.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { MemoryDisk } from '../../../support/memory/vault.js'

describe('accounts', () => {
  test('the recovery phrase restores the account on a new device', () => {
    const first = makeAccount('ada')
    const seed = seedOf(phraseOf(first.account.privateKey))
    const second = restoreAccount({ handle: 'ada', seed })
    expect(second.handle).toBe('ada')
    expect(second.account).toEqual(first.account)
    expect(second.device.publicKey).not.toEqual(first.device.publicKey)
    expect(readCertificate(crypto, second.certificate)).toMatchObject({
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

  test('certificates say when they were made, or the time that is given', () => {
    const issuedAt = ({ certificate }: { certificate: Uint8Array }) =>
      readCertificate(crypto, certificate).issuedAt
    const before = Date.now()
    expect(issuedAt(makeAccount('ada'))).toBeGreaterThanOrEqual(before)
    expect(issuedAt(makeAccount('ada', 5))).toBe(5)
    expect(issuedAt(restoreAccount({ handle: 'ada', seed: new Uint8Array(32), issuedAt: 7 }))).toBe(7)
  })

  test('a vault has the account that was saved in it, and a new one none', async () => {
    const records = new Records(new MemoryDisk().open(), () => undefined)
    expect(loadAccount(records)).toBeUndefined()
    const ada = makeAccount('ada')
    await records.transaction(tx => saveAccount(tx, ada, 9))
    expect(loadAccount(records)).toEqual({ ...ada, account: { publicKey: ada.account.publicKey } })
    expect(records.get('identity', { group: 0n, id: 0n })?.createdAtMs).toBe(9n)
  })

  test('a bad handle or seed restores nothing', () => {
    expect(() => restoreAccount({ handle: 'Ada', seed: new Uint8Array(32) })).toThrow(IdentityError)
    expect(() => restoreAccount({ handle: 'ada', seed: new Uint8Array(31) })).toThrow(RangeError)
  })
})
