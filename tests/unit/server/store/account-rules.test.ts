import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  blockedBy,
  decideRegistration,
  type RegistrationFacts,
} from '../../../../services/server/store/account-rules.js'
import type { RegisterTerms } from '../../../../services/server/store/store.js'
import { bytesOf, recordOf } from '../../../support/store-world.js'

const phone = recordOf('phone', 'alice')
const OPEN: RegisterTerms = { newAccounts: 'open' }
const NOBODY: RegistrationFacts = {
  banned: false,
  account: undefined,
  registeredAs: undefined,
  revoked: false,
  inviteHolds: false,
  devicesPerAccount: 2,
}
const ALICE = { accountKey: phone.accountKey, devices: 1 }

const decided = (facts: Partial<RegistrationFacts>, terms = OPEN) =>
  decideRegistration(phone, terms, { ...NOBODY, ...facts })

describe('a registration', () => {
  test('of a new handle makes an account, where new ones are let in', () => {
    const inviteHash = bytesOf('invite')
    expect(decided({})).toBe('registered')
    expect(decided({}, { newAccounts: 'closed', inviteHash })).toBe('registration-closed')
    expect(decided({ inviteHolds: true }, { newAccounts: 'invite' })).toBe('invite-needed')
    expect(decided({}, { newAccounts: 'invite', inviteHash })).toBe('invite-invalid')
    expect(decided({ inviteHolds: true }, { newAccounts: 'invite', inviteHash })).toBe('registered')
  })

  test('of an account that is there adds a device up to the limit, whatever is said of new accounts', () => {
    for (const newAccounts of ['open', 'invite', 'closed'] as const) {
      expect(decided({ account: ALICE }, { newAccounts })).toBe('added')
      expect(decided({ account: { ...ALICE, devices: 2 } }, { newAccounts })).toBe('too-many-devices')
    }
  })

  test('of a known device changes nothing, also at the limit; under another handle it is refused', () => {
    const account = { ...ALICE, devices: 2 }
    expect(decided({ account, registeredAs: 'alice' })).toBe('known')
    expect(decided({ account, registeredAs: 'bob' })).toBe('handle-taken')
    expect(decided({ registeredAs: 'bob' })).toBe('handle-taken')
  })

  test("is refused under another's handle", () => {
    expect(decided({ account: { accountKey: bytesOf('other'), devices: 0 } })).toBe('handle-taken')
  })

  test('of what is banned or revoked is refused, whatever else holds', () => {
    const anything = fc.record({
      account: fc.constantFrom(undefined, ALICE, { accountKey: bytesOf('other'), devices: 9 }),
      registeredAs: fc.constantFrom(undefined, 'alice', 'bob'),
      revoked: fc.boolean(),
      inviteHolds: fc.boolean(),
    })
    fc.assert(
      fc.property(anything, facts => {
        expect(decided({ ...facts, banned: true })).toBe('banned')
        if (facts.account === ALICE) expect(decided({ ...facts, revoked: true })).toBe('revoked')
      }),
    )
  })
})

test('what is for good is told before what may be lifted', () => {
  expect(blockedBy({ revoked: true, banned: true })).toBe('revoked')
  expect(blockedBy({ revoked: false, banned: true })).toBe('banned')
  expect(blockedBy({ revoked: false, banned: false })).toBeUndefined()
})
