import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, saveAccount } from '../../../../services/endpoint/contacts/account.js'
import { Contacts } from '../../../../services/endpoint/contacts/contacts.js'
import { systemClock } from '../../../../services/endpoint/local.js'
import { Records, type Transaction } from '../../../../services/endpoint/vault/records.js'
import { accountFingerprint, formatFingerprint } from '../../../../services/protocol/identity/fingerprint.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { DAY_MS } from '../../../../services/protocol/time.js'
import { FakeClock } from '../../../support/memory/clock.js'
import { MemoryDisk } from '../../../support/memory/vault.js'

const key = (fill: number) => accountKey(new Uint8Array(32).fill(fill))
const own = makeAccount('alice')

let records: Records
let contacts: Contacts

beforeEach(async () => {
  records = new Records(new MemoryDisk().open(), () => undefined)
  contacts = new Contacts(records, systemClock)
  await records.transaction(tx => saveAccount(tx, own, 1))
})

const again = () => new Contacts(records, systemClock)
const change = <T>(work: (contacts: Contacts, tx: Transaction) => T): Promise<T> =>
  records.transaction(tx => work(new Contacts(tx, systemClock), tx))
const meet = (fill: number, handle = 'bob') =>
  change((contacts, tx) => contacts.meet(tx, { handle, accountKey: key(fill) }))
const see = (fill: number, handle = 'bob') =>
  change((contacts, tx) => contacts.see(tx, { handle, accountKey: key(fill) }))
const claim = (fill: number, handle = 'bob') =>
  `${handle}~${formatFingerprint(accountFingerprint(crypto, key(fill))).slice('SHA256:'.length, 15)}`

describe('somebody is called', () => {
  test('by the handle that is pinned to them', async () => {
    await meet(1)
    expect([again().nameOf(key(1)), again().isClaim(key(1))]).toEqual(['bob', false])
  })

  test('by what they claim, with a part of their fingerprint, where it is pinned to nobody or to somebody else', async () => {
    await see(1)
    expect([again().nameOf(key(1)), again().isClaim(key(1))]).toEqual([claim(1), true])
    await meet(2)
    expect([again().nameOf(key(1)), again().nameOf(key(2))]).toEqual([claim(1), 'bob'])
  })

  test('by their handle from when it is pinned to them, and no more when it is pinned to another account', async () => {
    await see(1)
    await meet(1)
    expect(contacts.nameOf(key(1))).toBe('bob')
    await meet(2)
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    expect([contacts.nameOf(key(1)), contacts.nameOf(key(2))]).toEqual([claim(1), 'bob'])
  })

  test('by one handle, whatever the directory says later: a mark stays with the name that it was given to', async () => {
    await meet(1)
    await change((contacts, tx) => contacts.verify(tx, key(1)))
    expect(await meet(1, 'carol')).toBe('changed')
    expect([contacts.nameOf(key(1)), contacts.find('carol')]).toEqual(['bob', undefined])
    await meet(2, 'dave')
    expect(await meet(1, 'dave')).toBe('changed')
    expect(contacts.handles.hasChanged('dave')).toBe(false)
  })

  test('by a handle that is accepted for them, without the mark of another one', async () => {
    await see(1, 'carol')
    await change((contacts, tx) => contacts.verify(tx, key(1)))
    await meet(2)
    await meet(1)
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    expect([contacts.nameOf(key(1)), contacts.isVerified(key(1))]).toEqual(['bob', false])
  })

  test('by their pinned handle, whatever else a certificate of theirs says', async () => {
    await meet(1)
    await see(1, 'carol')
    expect(contacts.nameOf(key(1))).toBe('bob')
  })

  test('by what they claim last, while nothing is pinned to them', async () => {
    await see(1, 'carol')
    await see(1, 'bob')
    expect(contacts.nameOf(key(1))).toBe(claim(1))
    expect(contacts.claiming('carol')).toEqual([])
  })

  test('by what is said of them where they were never met', () => {
    expect([contacts.nameOf(key(1), 'bob'), contacts.nameOf(key(1))]).toEqual([claim(1), claim(1, '?')])
  })

  test('by the handle of this account, if they are this account, whoever claims it', async () => {
    const { publicKey } = own.account
    expect([contacts.nameOf(publicKey), contacts.isClaim(publicKey)]).toEqual(['alice', false])
    await see(1, 'alice')
    expect(contacts.nameOf(key(1))).toBe(claim(1, 'alice'))
    await change((contacts, tx) => contacts.see(tx, { handle: 'eve', accountKey: publicKey }))
    expect([contacts.nameOf(publicKey), contacts.all()]).toMatchObject(['alice', [{ handle: 'alice' }]])
  })
})

describe('a name finds', () => {
  test('whoever is shown by it, and nobody else', async () => {
    await meet(1)
    await see(2)
    expect([contacts.find('bob'), contacts.find(claim(2))]).toEqual([key(1), key(2)])
    expect([contacts.find('carol'), contacts.find('bob~'), contacts.find(claim(3))]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(contacts.find('alice')).toEqual(own.account.publicKey)
  })
})

describe('the safety number of somebody', () => {
  test('is compared for a key: another one of the same handle is not', async () => {
    await meet(1)
    await change((contacts, tx) => contacts.verify(tx, key(1)))
    expect([again().isVerified(key(1)), again().trust(key(1))]).toEqual([true, 'verified'])
    await meet(2)
    expect(contacts.isVerified(key(1))).toBe(false)
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    expect([contacts.isVerified(key(2)), contacts.trust(key(2))]).toEqual([false, 'pinned'])
    expect(contacts.trust(key(1))).toBe('other')
  })

  test('stays compared where a changed key is dismissed', async () => {
    await meet(1)
    await change((contacts, tx) => contacts.verify(tx, key(1)))
    await meet(2)
    await change((contacts, tx) => contacts.handles.dismiss(tx, 'bob'))
    expect(contacts.isVerified(key(1))).toBe(true)
  })
})

describe('nothing is sent to somebody', () => {
  test('whose handle shows another account', async () => {
    await meet(1)
    expect([contacts.hasChanged(key(1)), contacts.isStopped(key(1))]).toEqual([false, false])
    await meet(2)
    expect([contacts.hasChanged(key(1)), contacts.isStopped(key(1))]).toEqual([true, true])
    expect([contacts.hasChanged(key(3)), contacts.isStopped(key(3))]).toEqual([false, false])
  })

  test('who is blocked, until they are unblocked, over a restart too', async () => {
    await meet(1)
    await change((contacts, tx) => contacts.block(tx, key(1), true))
    expect([again().isBlocked(key(1)), contacts.isStopped(key(1))]).toEqual([true, true])
    await change((contacts, tx) => contacts.block(tx, key(1), false))
    expect([contacts.isBlocked(key(1)), contacts.isStopped(key(1))]).toEqual([false, false])
  })

  test('and not to who has their handle later, while others who claim it are heard', async () => {
    await meet(1)
    await see(3)
    await change((contacts, tx) => contacts.block(tx, key(1), true))
    await meet(2)
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    expect([1, 2, 3].map(fill => contacts.isBlocked(key(fill)))).toEqual([true, true, false])
  })

  test('who was blocked before they were known', async () => {
    await change((contacts, tx) => contacts.handles.block(tx, 'bob', true))
    await see(2)
    expect(contacts.isBlocked(key(2))).toBe(false)
    await meet(1)
    expect([contacts.isBlocked(key(1)), contacts.handles.get('bob')?.blocked]).toEqual([true, false])
  })
})

describe('a stranger', () => {
  test('may ask twice a day, until they are let in', async () => {
    const clock = new FakeClock()
    const ask = () => records.transaction(tx => new Contacts(tx, clock).ask(tx, key(1)))
    expect([await ask(), await ask(), await ask()]).toEqual([true, true, false])
    clock.pass(DAY_MS)
    expect([await ask(), await ask(), await ask()]).toEqual([true, true, false])
  })

  test('is one until they are let in, which the other devices are told of once', async () => {
    await see(1)
    expect([contacts.isAdmitted(key(1)), contacts.isAdmitted(own.account.publicKey)]).toEqual([false, true])
    await change((contacts, tx) => contacts.admit(tx, key(1)))
    await change((contacts, tx) => contacts.admit(tx, key(2), false))
    expect([again().isAdmitted(key(1)), again().isAdmitted(key(2))]).toEqual([true, true])
    const due = () =>
      change((contacts, tx) => contacts.takeAdmittedDue(tx).map(({ accountKey }) => accountKey))
    expect([await due(), await due()]).toEqual([[key(1)], []])
  })
})

test('people keep their places, however many there are', async () => {
  const handles = Array.from({ length: 50 }, (_, index) => `person-${index}`)
  for (const [index, handle] of handles.entries()) await meet(index + 1, handle)
  expect(
    again()
      .all()
      .map(({ handle }) => handle),
  ).toEqual(handles)
})

test('nobody was heard later than now, whatever a server says', async () => {
  const clock = new FakeClock()
  const heard = (time: number) => records.transaction(tx => new Contacts(tx, clock).heard(tx, key(1), time))
  await meet(1)
  await heard(clock.now() + DAY_MS)
  expect(again().get(key(1))?.lastHeardMs).toBe(BigInt(clock.now()))
  clock.pass(5)
  await heard(clock.now())
  expect(again().get(key(1))?.lastHeardMs).toBe(BigInt(clock.now()))
})

test('when somebody was last heard never goes back', async () => {
  await meet(1)
  await change((contacts, tx) => contacts.heard(tx, key(1), 20))
  await change((contacts, tx) => contacts.heard(tx, key(1), 10))
  await change((contacts, tx) => contacts.heard(tx, key(2), 30))
  expect(again().get(key(1))?.lastHeardMs).toBe(20n)
  expect(again().get(key(2))).toBeUndefined()
})
