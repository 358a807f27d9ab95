import { beforeEach, describe, expect, test } from '@jest/globals'
import { Contacts, changeOf } from '../../../../services/endpoint/contacts/contacts.js'
import type { EndpointEvent } from '../../../../services/endpoint/events.js'
import { systemClock } from '../../../../services/endpoint/local.js'
import { Records, type Transaction } from '../../../../services/endpoint/vault/records.js'
import { accountFingerprint } from '../../../../services/protocol/identity/fingerprint.js'
import { accountKey, deviceKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { MemoryDisk } from '../../../support/memory/vault.js'

const key = (fill: number) => accountKey(new Uint8Array(32).fill(fill))

let records: Records
let contacts: Contacts
let told: EndpointEvent['type'][]

beforeEach(() => {
  told = []
  records = new Records(new MemoryDisk().open(), event => void told.push(event.type))
  contacts = new Contacts(records, systemClock)
})

const fingerprint = (fill: number) => accountFingerprint(crypto, key(fill))
const change = <T>(work: (contacts: Contacts, tx: Transaction) => T): Promise<T> =>
  records.transaction(tx => work(new Contacts(tx, systemClock), tx))
const meet = (fill: number) => change((contacts, tx) => contacts.meet(tx, 'bob', key(fill)))
const expectKey = (fill: number) => change((contacts, tx) => contacts.expect(tx, 'bob', fingerprint(fill)))

describe('an account key', () => {
  test('is pinned at first contact, and known from there', async () => {
    expect([await meet(1), await meet(1)]).toEqual(['pinned-now', 'known'])
    expect(told).toEqual(['contact-pinned'])
    expect(new Contacts(records, systemClock).get('bob')?.accountKey).toEqual(key(1))
  })

  test('that changes keeps the pin and stops what is sent, over a restart too', async () => {
    await meet(1)
    expect([await meet(2), await meet(2)]).toEqual(['changed', 'changed'])
    expect(told).toEqual(['contact-pinned'])
    expect(contacts.get('bob')?.accountKey).toEqual(key(1))
    expect(new Contacts(records, systemClock).isStopped('bob')).toBe(true)
  })

  test('that comes back as it was does not lift the block: a person decides', async () => {
    await meet(1)
    await meet(2)
    expect(await meet(1)).toBe('known')
    expect(contacts.isStopped('bob')).toBe(true)
  })

  test('is pinned where an invite link names it, and only then', async () => {
    await expectKey(1)
    expect(await meet(2)).toBe('changed')
    expect(contacts.get('bob')?.accountKey).toHaveLength(0)
    expect(contacts.isStopped('bob')).toBe(true)
  })

  test('that the invite link names is pinned without a question', async () => {
    await expectKey(1)
    expect(await meet(1)).toBe('pinned-now')
    expect(contacts.isStopped('bob')).toBe(false)
  })

  test('that is pinned is checked against an invite link that comes later', async () => {
    await meet(1)
    await expectKey(1)
    expect(contacts.isStopped('bob')).toBe(false)
    await expectKey(2)
    expect(contacts.isStopped('bob')).toBe(true)
  })

  test('that is accepted is pinned instead of the former, and not verified', async () => {
    await meet(1)
    await change((contacts, tx) => contacts.verify(tx, 'bob'))
    expect(contacts.isVerified('bob')).toBe(true)
    await meet(2)
    expect(contacts.isVerified('bob')).toBe(false)
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    expect(new Contacts(records, systemClock).get('bob')).toMatchObject({ accountKey: key(2) })
    expect([contacts.isStopped('bob'), contacts.isVerified('bob')]).toEqual([false, false])
    expect(await meet(1)).toBe('changed')
  })

  test('that is accepted against the invite link takes the place of what the link names', async () => {
    await expectKey(1)
    await meet(2)
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    expect([contacts.isStopped('bob'), await meet(2), await meet(1)]).toEqual([false, 'known', 'changed'])
  })

  test('that is dismissed leaves the pin and its mark as they were', async () => {
    await meet(1)
    await change((contacts, tx) => contacts.verify(tx, 'bob'))
    await meet(2)
    await change((contacts, tx) => contacts.dismiss(tx, 'bob'))
    expect([contacts.isStopped('bob'), contacts.isVerified('bob')]).toEqual([false, true])
  })

  test('is the pinned one, that and verified, or another one', async () => {
    expect(contacts.trust('bob', key(1))).toBe('pinned')
    await meet(1)
    expect([contacts.trust('bob', key(1)), contacts.trust('bob', key(2))]).toEqual(['pinned', 'other'])
    await change((contacts, tx) => contacts.verify(tx, 'bob'))
    expect([contacts.trust('bob', key(1)), contacts.trust('bob', key(2))]).toEqual(['verified', 'other'])
  })

  test('that was seen against the invite link is another one, although none is pinned', async () => {
    await expectKey(1)
    expect(contacts.trust('bob', key(1))).toBe('pinned')
    await meet(2)
    expect([contacts.trust('bob', key(2)), contacts.trust('bob', key(1))]).toEqual(['other', 'other'])
  })

  test('that is accepted although a later link names another one stays pinned, and the link is forgotten', async () => {
    await meet(1)
    await expectKey(2)
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    expect([contacts.isStopped('bob'), contacts.trust('bob', key(1))]).toEqual([false, 'pinned'])
    expect([await meet(1), await meet(2)]).toEqual(['known', 'changed'])
  })

  test('is not verified before there is one', async () => {
    expect(contacts.isVerified('bob')).toBe(false)
    await change((contacts, tx) => contacts.block(tx, 'bob', true))
    expect(contacts.isVerified('bob')).toBe(false)
  })

  test('of a write that failed is forgotten', async () => {
    await expect(
      change((contacts, tx) => {
        contacts.meet(tx, 'bob', key(1))
        throw new Error('the vault is full')
      }),
    ).rejects.toThrow('the vault is full')
    expect(contacts.get('bob')).toBeUndefined()
    expect(await meet(2)).toBe('pinned-now')
  })
})

describe('a change of a key', () => {
  const seen = () => changeOf(contacts.get('bob')!)
  const changed = () => contacts.changed().map(({ handle }) => handle)

  test('is from what was pinned to what was seen', async () => {
    await meet(1)
    expect(seen()).toBeUndefined()
    await meet(2)
    expect(seen()).toEqual({ pinned: fingerprint(1), seen: fingerprint(2) })
  })

  test('is from what an invite link names, where nothing was pinned, or another one before', async () => {
    await expectKey(1)
    expect([seen(), contacts.isStopped('bob')]).toEqual([undefined, false])
    await meet(2)
    expect(seen()).toEqual({ pinned: fingerprint(1), seen: fingerprint(2) })
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    await expectKey(3)
    expect(seen()).toEqual({ pinned: fingerprint(3), seen: fingerprint(2) })
  })

  test('is none of somebody who is not known', () => {
    expect([contacts.hasChanged('bob'), contacts.isStopped('bob')]).toEqual([false, false])
  })

  test('waits for a person to decide, over a restart too', async () => {
    for (const handle of ['carol', 'bob', 'dave'])
      await change((contacts, tx) => contacts.meet(tx, handle, key(1)))
    expect(changed()).toEqual([])
    for (const handle of ['bob', 'dave']) await change((contacts, tx) => contacts.meet(tx, handle, key(2)))
    expect(changed()).toEqual(['bob', 'dave'])
    await change((contacts, tx) => contacts.heard(tx, 'bob', 1))
    expect(new Contacts(records, systemClock).changed()).toEqual([contacts.get('bob'), contacts.get('dave')])
    await change((contacts, tx) => contacts.accept(tx, 'bob'))
    expect(changed()).toEqual(['dave'])
    await change((contacts, tx) => contacts.dismiss(tx, 'dave'))
    expect(changed()).toEqual([])
  })
})

test('devices of theirs that were revoked are noted, each once', async () => {
  const note = (fill: number) =>
    change((contacts, tx) => contacts.noteRevoked(tx, 'bob', deviceKey(key(fill))))
  await meet(1)
  for (const fill of [2, 3, 2, 3]) await note(fill)
  expect(contacts.get('bob')?.revokedDeviceIds).toEqual([key(2), key(3)])
})

test('people keep their places, however many there are', async () => {
  const handles = Array.from({ length: 50 }, (_, index) => `person-${index}`)
  for (const [index, handle] of handles.entries())
    await change((contacts, tx) => contacts.meet(tx, handle, key(index + 1)))
  const again = new Contacts(records, systemClock)
  expect(again.all().map(({ handle }) => handle)).toEqual(handles)
})

test('somebody is blocked until they are unblocked, over a restart too', async () => {
  await change((contacts, tx) => contacts.block(tx, 'bob', true))
  expect([new Contacts(records, systemClock).isBlocked('bob'), contacts.isStopped('bob')]).toEqual([
    true,
    true,
  ])
  await change((contacts, tx) => contacts.block(tx, 'bob', false))
  expect([contacts.isBlocked('bob'), contacts.isStopped('bob')]).toEqual([false, false])
})

test('when somebody was last heard never goes back', async () => {
  await meet(1)
  await change((contacts, tx) => contacts.heard(tx, 'bob', 20))
  await change((contacts, tx) => contacts.heard(tx, 'bob', 10))
  await change((contacts, tx) => contacts.heard(tx, 'nobody', 30))
  expect(new Contacts(records, systemClock).get('bob')?.lastHeardMs).toBe(20n)
})
