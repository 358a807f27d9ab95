import { beforeEach, describe, expect, test } from '@jest/globals'
import { Contacts } from '../../../../services/endpoint/contacts/contacts.js'
import { changeOf } from '../../../../services/endpoint/contacts/handles.js'
import type { EndpointEvent } from '../../../../services/endpoint/events.js'
import { systemClock } from '../../../../services/endpoint/local.js'
import { Records, type Transaction } from '../../../../services/endpoint/vault/records.js'
import { accountFingerprint } from '../../../../services/protocol/identity/fingerprint.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { MemoryDisk } from '../../../support/memory/vault.js'

const key = (fill: number) => accountKey(new Uint8Array(32).fill(fill))
const fingerprint = (fill: number) => accountFingerprint(crypto, key(fill))

let records: Records
let contacts: Contacts
let told: EndpointEvent['type'][]

beforeEach(() => {
  told = []
  records = new Records(new MemoryDisk().open(), event => void told.push(event.type))
  contacts = new Contacts(records, systemClock)
})

const again = () => new Contacts(records, systemClock).handles
const change = <T>(work: (contacts: Contacts, tx: Transaction) => T): Promise<T> =>
  records.transaction(tx => work(new Contacts(tx, systemClock), tx))
const list = (fill: number, handle = 'bob') =>
  change((contacts, tx) => contacts.meet(tx, { handle, accountKey: key(fill) }))
const expectKey = (fill: number) =>
  change((contacts, tx) => contacts.handles.expect(tx, 'bob', fingerprint(fill)))
const accept = () => change((contacts, tx) => contacts.accept(tx, 'bob'))
const pinned = () => again().pinned('bob')
const hasChanged = () => again().hasChanged('bob')

describe('a handle', () => {
  test('is pinned to the account that the directory says first, and known from there', async () => {
    expect(pinned()).toBeUndefined()
    expect([await list(1), await list(1)]).toEqual(['pinned-now', 'known'])
    expect(told).toEqual(['contact-pinned'])
    expect(pinned()).toEqual(key(1))
    expect([again().isPinned('bob', key(1)), again().isPinned('bob', key(2))]).toEqual([true, false])
  })

  test('of which the directory says another account keeps its pin, and has changed, over a restart too', async () => {
    await list(1)
    expect([await list(2), await list(2)]).toEqual(['changed', 'changed'])
    expect(told).toEqual(['contact-pinned'])
    expect([pinned(), hasChanged()]).toEqual([key(1), true])
  })

  test('that comes back as it was has changed still: a person decides', async () => {
    await list(1)
    await list(2)
    expect(await list(1)).toBe('known')
    expect(hasChanged()).toBe(true)
  })

  test('is pinned to the account that an invite link names, and to no other', async () => {
    await expectKey(1)
    expect(await list(2)).toBe('changed')
    expect([pinned(), hasChanged()]).toEqual([undefined, true])
  })

  test('is pinned to the account that an invite link names without a question', async () => {
    await expectKey(1)
    expect(await list(1)).toBe('pinned-now')
    expect(hasChanged()).toBe(false)
  })

  test('that is pinned is checked against an invite link that comes later', async () => {
    await list(1)
    await expectKey(1)
    expect(hasChanged()).toBe(false)
    await expectKey(2)
    expect(hasChanged()).toBe(true)
  })

  test('is pinned to the account that is accepted', async () => {
    await list(1)
    await list(2)
    await accept()
    expect([pinned(), hasChanged()]).toEqual([key(2), false])
    expect(await list(1)).toBe('changed')
  })

  test('of which an account was accepted against the invite link is not the link’s any more', async () => {
    await expectKey(1)
    await list(2)
    await accept()
    expect([hasChanged(), await list(2), await list(1)]).toEqual([false, 'known', 'changed'])
  })

  test('whose pin is accepted although a later link names another one keeps it, and the link is forgotten', async () => {
    await list(1)
    await expectKey(2)
    await accept()
    expect([hasChanged(), pinned()]).toEqual([false, key(1)])
    expect([await list(1), await list(2)]).toEqual(['known', 'changed'])
  })

  test('whose change is dismissed is as it was', async () => {
    await list(1)
    await list(2)
    await change((contacts, tx) => contacts.handles.dismiss(tx, 'bob'))
    expect([pinned(), hasChanged()]).toEqual([key(1), false])
  })

  test('that a write failed to pin is not pinned', async () => {
    await expect(
      change((contacts, tx) => {
        contacts.meet(tx, { handle: 'bob', accountKey: key(1) })
        throw new Error('the vault is full')
      }),
    ).rejects.toThrow('the vault is full')
    expect(pinned()).toBeUndefined()
    expect(await list(2)).toBe('pinned-now')
  })
})

describe('a change', () => {
  const seen = () => changeOf(contacts.handles.get('bob')!)
  const changed = () =>
    again()
      .changed()
      .map(({ handle }) => handle)

  test('is from what was pinned to what was seen', async () => {
    await list(1)
    expect(seen()).toBeUndefined()
    await list(2)
    expect(seen()).toEqual({ pinned: fingerprint(1), seen: fingerprint(2) })
  })

  test('is from what an invite link names, where nothing was pinned, or another one before', async () => {
    await expectKey(1)
    expect([seen(), hasChanged()]).toEqual([undefined, false])
    await list(2)
    expect(seen()).toEqual({ pinned: fingerprint(1), seen: fingerprint(2) })
    await accept()
    await expectKey(3)
    expect(seen()).toEqual({ pinned: fingerprint(3), seen: fingerprint(2) })
  })

  test('waits for a person to decide, over a restart too', async () => {
    for (const [index, handle] of ['carol', 'bob', 'dave'].entries()) await list(1 + index, handle)
    expect(changed()).toEqual([])
    for (const [index, handle] of ['bob', 'dave'].entries()) await list(4 + index, handle)
    expect(changed()).toEqual(['bob', 'dave'])
    await accept()
    expect(changed()).toEqual(['dave'])
    await change((contacts, tx) => contacts.handles.dismiss(tx, 'dave'))
    expect(changed()).toEqual([])
  })
})
