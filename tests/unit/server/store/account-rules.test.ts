import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  blockedBy,
  decideChange,
  type RegistrationFacts,
} from '../../../../services/server/store/account-rules.js'
import type { RegisterTerms } from '../../../../services/server/store/store.js'
import { accountOf, bring, bytesOf, listOf, removing } from '../../../support/store-world.js'

const NOW = 1_800_000_000
const OPEN: RegisterTerms = { newAccounts: 'open' }
const NOBODY: RegistrationFacts = {
  banned: false,
  account: undefined,
  registeredAs: undefined,
  accountAs: undefined,
  inviteHolds: false,
  devicesPerAccount: 2,
  nowMs: NOW * 1000,
}
const first = listOf('alice', { devices: ['phone'], number: NOW })
const both = listOf('alice', { devices: ['phone', 'laptop'], number: NOW + 1 })
const ALICE = { ...accountOf('alice'), deviceList: first.encoded, removals: [] }
const REGISTERED = { account: ALICE, registeredAs: 'alice' }

const decided = (facts: Partial<RegistrationFacts>, terms = OPEN, change = bring('phone', first)) =>
  decideChange(change, terms, { ...NOBODY, ...facts }).outcome

describe('a list', () => {
  test('of a new handle makes an account, where new ones are let in', () => {
    const inviteHash = bytesOf('invite')
    expect(decided({})).toBe('registered')
    expect(decided({}, { newAccounts: 'closed', inviteHash })).toBe('registration-closed')
    expect(decided({ inviteHolds: true }, { newAccounts: 'invite' })).toBe('invite-needed')
    expect(decided({}, { newAccounts: 'invite', inviteHash })).toBe('invite-invalid')
    expect(decided({ inviteHolds: true }, { newAccounts: 'invite', inviteHash })).toBe('registered')
  })

  test('that is newer adds a device up to the limit, whatever is said of new accounts', () => {
    for (const newAccounts of ['open', 'invite', 'closed'] as const) {
      const laptop = bring('laptop', both)
      expect(decided({ account: ALICE }, { newAccounts }, laptop)).toBe('added')
      expect(decided({ account: ALICE, devicesPerAccount: 1 }, { newAccounts }, laptop)).toBe(
        'too-many-devices',
      )
    }
  })

  test('that is known changes nothing; under another handle it is refused', () => {
    expect(decideChange(bring('phone', first), OPEN, { ...NOBODY, ...REGISTERED })).toEqual({
      outcome: 'known',
      account: ALICE,
    })
    expect(decided({ account: ALICE, registeredAs: 'bob' })).toBe('handle-taken')
    expect(decided({ registeredAs: 'bob' })).toBe('handle-taken')
  })

  test('of an account that goes by another handle is refused', () => {
    expect(decided({ accountAs: 'bob' })).toBe('handle-taken')
    expect(decided({ account: ALICE, accountAs: 'alice' }, OPEN, bring('laptop', both))).toBe('added')
  })

  test("is refused under another's handle", () => {
    const other = { ...ALICE, accountKey: accountOf('mallory').accountKey }
    expect(decided({ account: other })).toBe('handle-taken')
  })

  test('that leaves its bearer out is taken from one that was in use, and from nobody else', () => {
    const without = listOf('alice', { devices: ['laptop'], number: NOW + 1 })
    expect(decided(REGISTERED, OPEN, bring('phone', without))).toBe('known')
    expect(decided({ account: ALICE }, OPEN, bring('tablet', without))).toBe('not-listed')
    const gone = { ...ALICE, deviceList: without.encoded }
    expect(decided({ account: gone, registeredAs: 'alice' }, OPEN, bring('phone', without))).toBe('revoked')
  })

  test('whose number is further ahead than a day, and not the next, is refused', () => {
    const day = listOf('alice', { devices: ['phone'], number: NOW + 86_400 })
    const beyond = listOf('alice', { devices: ['phone'], number: NOW + 86_401 })
    expect(decided(REGISTERED, OPEN, bring('phone', day))).toBe('known')
    expect(decided(REGISTERED, OPEN, bring('phone', beyond))).toBe('list-not-timely')
    const known = { ...ALICE, deviceList: day.encoded }
    expect(decided({ account: known, registeredAs: 'alice' }, OPEN, bring('phone', beyond))).toBe('known')
  })

  test('of what is banned is refused, whatever else holds', () => {
    const anything = fc.record({
      account: fc.constantFrom(undefined, ALICE),
      registeredAs: fc.constantFrom(undefined, 'alice', 'bob'),
      inviteHolds: fc.boolean(),
    })
    fc.assert(
      fc.property(anything, facts => {
        expect(decided({ ...facts, banned: true })).toBe('banned')
      }),
    )
  })
})

test('removals of the list that is kept are added to it; those of another are not', () => {
  const account = { ...ALICE, deviceList: both.encoded }
  const facts = { ...NOBODY, account, registeredAs: 'alice' }
  const removal = removing('phone', both, 'laptop')
  const { account: kept } = decideChange(removal, OPEN, facts)
  expect(kept?.removals).toEqual(removal.removals.map(({ encoded }) => encoded))
  const other = removing('phone', listOf('alice', { devices: ['phone', 'laptop'], number: 3 }), 'laptop')
  expect(decideChange(other, OPEN, facts).account?.removals).toEqual([])
})

test('what is for good is told before what may be lifted', () => {
  expect(blockedBy({ revoked: true, banned: true })).toBe('revoked')
  expect(blockedBy({ revoked: false, banned: true })).toBe('banned')
  expect(blockedBy({ revoked: false, banned: false })).toBeUndefined()
})
