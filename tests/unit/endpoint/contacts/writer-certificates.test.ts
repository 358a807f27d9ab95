// The certificates of devices that have written something here.

import { expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { openTestContext } from '../../../support/endpoint-context.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const { publicKey: device } = bob.device

test('a certificate is kept by its device, and a later one in its place', async () => {
  const testing = await openTestContext(alice)
  const { certificates, records } = testing.context
  const keep = (certificate: Uint8Array) =>
    testing.written((tx, { context }) => {
      context.certificates.keep(tx, device, certificate)
      return tx.touched('certificates').length
    })
  expect(certificates.get(device)).toBeUndefined()
  expect(await keep(bob.certificate)).toBe(1)
  expect(await keep(bob.certificate)).toBe(0)
  expect(certificates.get(device)).toEqual(bob.certificate)
  expect(certificates.get(alice.device.publicKey)).toBeUndefined()
  const later = Uint8Array.of(...bob.certificate, 0)
  expect(await keep(later)).toBe(1)
  expect(certificates.get(device)).toEqual(later)
  expect(records.keys('certificates')).toHaveLength(1)
})
