// How an endpoint begins, and what a person gives at a later start.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { keyState, makeAccount } from '../../../services/endpoint/contacts/account.js'
import { inviteLink, prepare, type StartOptions } from '../../../services/endpoint/first-start.js'
import type { Stores } from '../../../services/endpoint/stores.js'
import { loadServer, saveServer } from '../../../services/endpoint/sync/server-record.js'
import { Records } from '../../../services/endpoint/vault/records.js'
import { accountFingerprint } from '../../../services/protocol/identity/fingerprint.js'
import { phraseOf, seedOf } from '../../../services/protocol/identity/recovery-phrase.js'
import { parseInvite } from '../../../services/protocol/invite/invite-link.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../../services/protocol/signature.js'
import { storesOn } from '../../support/endpoint-context.js'
import { FakeClock } from '../../support/memory/clock.js'
import { MemoryDisk } from '../../support/memory/vault.js'

const address = { host: 'here.example', port: 443 }
const pin = new Uint8Array(32).fill(1)
const other = new Uint8Array(32).fill(2)
const pinned = (value: Uint8Array) => ({ case: 'pinnedFingerprint', value }) as const

let disk: MemoryDisk
let clock: FakeClock
let stores: Stores
beforeEach(async () => {
  disk = new MemoryDisk()
  clock = new FakeClock()
  stores = await storesOn(new Records(disk.open(), () => undefined), clock)
})

const start = (options: StartOptions) =>
  stores.transaction(({ context, tx }) => prepare(context, tx, options))
const server = () => loadServer(stores.context.records)
const inServer = (change: Parameters<typeof saveServer>[1]) =>
  stores.transaction(({ tx }) => saveServer(tx, change))

describe('a first start', () => {
  test('makes an account with this device', async () => {
    await start({ handle: 'ada', address })
    const { account, devices, session } = stores.context
    expect(account.handle).toBe('ada')
    expect(devices.all()).toMatchObject([
      { deviceId: account.device.publicKey, issuedAtMs: expect.any(BigInt) },
    ])
    expect(session.joins).toBeUndefined()
    expect(keyState(stores.context.records)).toMatchObject({ isJoining: false, keepsWords: false })
    expect(server()).toMatchObject({ ...address, trusted: { case: undefined }, inviteToken: '' })
  })

  test('makes another device of an account whose words are given, which nobody has confirmed', async () => {
    const first = makeAccount('ada')
    await start({ handle: 'ada', address, seed: seedOf(phraseOf(first.account.privateKey)) })
    const { account, session } = stores.context
    expect(account.account.publicKey).toEqual(first.account.publicKey)
    expect(account.device.publicKey).not.toEqual(first.device.publicKey)
    expect(session.joins).toBe('at-once')
    expect(keyState(stores.context.records)).toMatchObject({
      accountSeed: first.account.privateKey,
      isJoining: true,
    })
  })

  test.each<[StartOptions, unknown]>([
    [{ address }, { name: 'RangeError' }],
    [{ handle: 'ada' }, { name: 'RangeError' }],
    [
      { handle: 'A D A', address },
      { name: 'Refusal', why: { code: 'bad-handle', handle: 'A D A' } },
    ],
  ])('makes nothing of %j', async (options, error) => {
    await expect(start(options)).rejects.toMatchObject(error as object)
    expect(stores.context.account).toBeUndefined()
    expect([server(), stores.context.devices.all()]).toEqual([undefined, []])
  })

  test('of which the write fails has made nothing, and can be made again', async () => {
    disk.fail({ reason: 'full' })
    await expect(start({ handle: 'ada', address, seed: new Uint8Array(32) })).rejects.toThrow()
    disk.mend()
    expect(stores.context.account).toBeUndefined()
    expect(stores.context.session.joins).toBeUndefined()
    await start({ handle: 'bea', address })
    expect(stores.context.account.handle).toBe('bea')
  })
})

describe('a later start', () => {
  beforeEach(() => start({ handle: 'ada', address }))

  test('changes nothing that is not named', async () => {
    await inServer({ trusted: pinned(pin), cursor: Uint8Array.of(1), inviteToken: '' })
    const before = { account: stores.context.account, server: server() }
    await start({ handle: 'eve' })
    expect({ account: stores.context.account, server: server() }).toEqual(before)
  })

  test('with the words of another account is refused', async () => {
    await expect(start({ seed: new Uint8Array(32) })).rejects.toMatchObject({ why: { code: 'other-words' } })
  })

  test('with its own words asks which server this is, and takes the account back', async () => {
    const { accountSeed } = keyState(stores.context.records)
    await inServer({ serverId: new Uint8Array(16) })
    await start({ seed: accountSeed, asksBeforeJoining: true })
    expect(stores.context.session.joins).toBe('when-confirmed')
    expect(keyState(stores.context.records)).toMatchObject({ accountSeed, isJoining: true })
    expect(server()?.serverId).toEqual(new Uint8Array())
  })

  test('with a link expects the id and the directory that it names, until the server is known', async () => {
    const [one, two] = [1, 2].map(fill => ({
      serverId: new Uint8Array(16).fill(fill),
      directoryKey: new Uint8Array(32).fill(fill),
    }))
    await start(one!)
    expect(server()).toMatchObject({ invitedId: one!.serverId, invitedDirectoryKey: one!.directoryKey })
    await inServer({ serverId: one!.serverId })
    await start(two!)
    expect(server()).toMatchObject({ invitedId: one!.serverId, invitedDirectoryKey: one!.directoryKey })
  })

  test('goes to another address', async () => {
    await start({ address: { host: 'there.example', port: 7 } })
    expect(server()).toMatchObject({ host: 'there.example', port: 7 })
  })

  test('with a link expects its server, and pins it only when it is seen', async () => {
    await start({ server: { fingerprint: pin, replacesPin: false } })
    expect(server()).toMatchObject({ invitedFingerprint: pin, trusted: { case: undefined } })
  })

  test.each([
    { before: pinned(other), cursor: [] },
    { before: { case: 'vouchedHost', value: 'here' } as const, cursor: [] },
    { before: pinned(pin), cursor: [1] },
  ])(
    'that accepts a key reads from the beginning where that is another one: %j',
    async ({ before, cursor }) => {
      await inServer({ trusted: before, cursor: Uint8Array.of(1) })
      await start({ server: { fingerprint: pin, replacesPin: true } })
      expect(server()).toMatchObject({ trusted: pinned(pin), cursor: Uint8Array.from(cursor) })
    },
  )

  test('that accepts an authority takes no pinned key any more, and reads from the beginning', async () => {
    await inServer({ trusted: pinned(pin), cursor: Uint8Array.of(1) })
    await start({ address: { host: 'there.example', port: 7 }, server: 'authority' })
    const trusted = { case: 'vouchedHost', value: 'there.example' }
    expect(server()).toMatchObject({ trusted, cursor: new Uint8Array() })
  })

  test.each([
    { cursor: [], inviteToken: 'token' },
    { cursor: [1], inviteToken: '' },
  ])('keeps an invitation for a device that is not let in yet: %j', async ({ cursor, inviteToken }) => {
    await inServer({ cursor: Uint8Array.from(cursor) })
    await start({ inviteToken: 'token' })
    expect(server()?.inviteToken).toBe(inviteToken)
  })

  test('expects the key of the person who invited, but for oneself', async () => {
    await start({ inviter: { handle: 'bob', account: pin } })
    await start({ inviter: { handle: 'ada', account: pin } })
    const { handles } = stores.context.contacts
    expect(handles.get('bob')).toMatchObject({ handle: 'bob', expectedFingerprint: pin })
    expect(handles.get('ada')).toBeUndefined()
  })
})

describe('the link to this account', () => {
  test('names the server, its key, and the account', async () => {
    await start({ handle: 'ada', address })
    const known = {
      serverId: new Uint8Array(16).fill(3),
      directoryKey: keyPairOf(nodeCrypto, pin).publicKey,
    }
    await inServer({ trusted: pinned(pin), ...known })
    const { account } = stores.context
    expect(parseInvite(inviteLink(stores.context)!)).toMatchObject({
      ...{ ...address, ...known },
      server: pin,
      inviter: { handle: 'ada', account: accountFingerprint(nodeCrypto, account.account.publicKey) },
    })
  })

  test('is none where the server’s key is not pinned', async () => {
    await start({ handle: 'ada', address })
    expect(inviteLink(stores.context)).toBeUndefined()
  })
})
