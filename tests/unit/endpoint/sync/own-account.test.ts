// This device's place in its account, as the server and it tell each other.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { KeyExchangedSchema, RegistrationRefusedSchema } from '../../../../gen/parley/v1/key_exchange_pb.js'
import {
  changeKeyState,
  keyState,
  loadAccount,
  makeAccount,
  restoreAccount,
} from '../../../../services/endpoint/contacts/account.js'
import type { Shown } from '../../../../services/endpoint/contacts/account-lists.js'
import { pendingState } from '../../../../services/endpoint/contacts/own-list.js'
import {
  asksServer,
  exchanged,
  refused,
  registration,
  takeServer,
} from '../../../../services/endpoint/sync/own-account.js'
import { loadServer, saveServer } from '../../../../services/endpoint/sync/server-record.js'
import { parseVerifiedCertificate } from '../../../../services/protocol/identity/certificate.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../../../services/protocol/signature.js'
import { SERVER_ID_BYTES } from '../../../../services/protocol/sizes.js'
import { shownList } from '../../../support/device-lists.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'

const alice = makeAccount('alice')
const phone = restoreAccount({ handle: 'alice', seed: alice.account.privateKey })
const bob = makeAccount('bob')
const own = alice.account.publicKey
const seed = alice.account.privateKey
const HERE = new Uint8Array(SERVER_ID_BYTES).fill(1)
const ELSEWHERE = new Uint8Array(SERVER_ID_BYTES).fill(2)
const { publicKey: directoryKey } = keyPairOf(nodeCrypto, new Uint8Array(32).fill(3))
const NOTHING = new Uint8Array()

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
  await testing.written(tx => saveServer(tx, { host: 'memory', port: 1, serverId: HERE, directoryKey }))
})

const listed = (devices: Parameters<typeof shownList>[0], init: Parameters<typeof shownList>[1] = {}) =>
  shownList(devices, { serverId: HERE, ...init })
const learn = (shown: Shown) =>
  testing.written((tx, { context }) => context.lists.learn(tx, context.lists.read(shown)!))
const keys = (change: Parameters<typeof changeKeyState>[1]) =>
  testing.written(tx => changeKeyState(tx, change))
const state = () => keyState(testing.context.records)
const number = () => testing.context.lists.get(own)?.lists[0].list.number
const joins = (how: TestContext['context']['session']['joins']) => {
  testing.context.session.joins = how
}
const notices = () => testing.told.flatMap(event => (event.type === 'notice' ? [event.notice] : []))
const shownAs = (shown: Shown) => ({ deviceList: shown.deviceList, removals: [...shown.removals] })

describe('the server is asked which one it is', () => {
  test.each([
    ['where that is not known', { serverId: NOTHING }, {}, true],
    ['where the key of its directory is not known', { directoryKey: NOTHING }, {}, true],
    ['before a device joins', {}, { isJoining: true }, true],
    ['before a list is given to it', {}, { pendingList: Uint8Array.of(1) }, true],
    ['and at no other time', {}, {}, false],
  ])('%s', async (_when, server, change, asked) => {
    await testing.written(tx => saveServer(tx, server))
    await keys(change)
    expect(asksServer(testing.context)).toBe(asked)
  })

  test('also before anything is kept of it', async () => {
    testing = await openTestContext(alice)
    expect(asksServer(testing.context)).toBe(true)
  })
})

describe('the server that says which one it is', () => {
  const take = (serverId: Uint8Array) =>
    testing.written((tx, { context }) => takeServer(context, tx, { serverId, directoryKey }))
  const certificate = () => loadAccount(testing.context.records)!.certificate
  const pending = () => testing.written(tx => pendingState(tx)?.list)

  test('is left where it is another one', async () => {
    await expect(take(ELSEWHERE)).rejects.toMatchObject({ why: { code: 'other-server-id' } })
  })

  test('is in no certificate of a device that cannot sign one', async () => {
    await take(HERE)
    expect(certificate()).toEqual(alice.certificate)
    expect(await pending()).toBeUndefined()
  })

  test('is in the certificate from here on, and in the first list of a new account', async () => {
    await keys({ accountSeed: seed })
    await take(HERE)
    const made = certificate()
    expect(parseVerifiedCertificate(made).serverId).toEqual(HERE)
    expect(await pending()).toMatchObject({
      serverId: HERE,
      devices: [{ deviceKey: alice.device.publicKey }],
    })
    const before = state().pendingList
    testing.clock.pass(5000)
    await take(HERE)
    expect([certificate(), state().pendingList]).toEqual([made, before])
  })

  test('gets no list of a device that joins, before a person has seen the others', async () => {
    await keys({ accountSeed: seed, isJoining: true })
    await take(HERE)
    expect(await pending()).toBeUndefined()
  })

  test('nor one of an account whose list is known', async () => {
    await keys({ accountSeed: seed })
    await learn(listed([alice]))
    await take(HERE)
    expect(await pending()).toBeUndefined()
  })
})

describe('a device shows', () => {
  const ALWAYS = { inviteToken: '', deviceCertificate: alice.certificate, lookupHandles: ['alice'] }

  test('its certificate, and its invitation, at a server that it knows nothing of', async () => {
    expect(registration(testing.context)).toEqual(ALWAYS)
    await testing.written(tx => saveServer(tx, { inviteToken: 'token' }))
    expect(registration(testing.context)).toEqual({ ...ALWAYS, inviteToken: 'token' })
    testing = await openTestContext(alice)
    await learn(listed([alice]))
    expect(registration(testing.context)).toEqual(ALWAYS)
  })

  test('the list that waits before any other', async () => {
    await learn(listed([alice]))
    await keys({ pendingList: Uint8Array.of(1) })
    expect(registration(testing.context)).toEqual({ ...ALWAYS, deviceList: Uint8Array.of(1) })
  })

  test('the list that it is on, with its removals', async () => {
    const shown = listed([alice, phone], { removals: [[alice, phone]] })
    await learn(shown)
    const { deviceList, removals: deviceRemovals } = shown
    expect(registration(testing.context)).toEqual({ ...ALWAYS, deviceList, deviceRemovals })
  })

  test.each<[string, () => Promise<unknown>]>([
    ['that it is not on', () => learn(listed([phone]))],
    [
      'of another server',
      async () => {
        await learn(listed([alice]))
        await testing.written(tx => saveServer(tx, { serverId: ELSEWHERE }))
      },
    ],
    [
      'where it is about to join anew',
      async () => {
        await learn(listed([alice]))
        await keys({ isJoining: true })
      },
    ],
  ])('no list %s', async (_which, arrange) => {
    await arrange()
    expect(registration(testing.context)).toEqual(ALWAYS)
  })
})

describe('a device that the server knows', () => {
  type Lookups = NonNullable<MessageInitShape<typeof KeyExchangedSchema>['lookups']>
  const lookedUp = (shown: Shown, handle = 'alice'): Lookups => [
    { handle, outcome: { case: 'devices', value: shownAs(shown) } },
  ]
  const exchange = (lookups: Lookups = []) =>
    testing.written((tx, { context }) => exchanged(context, tx, create(KeyExchangedSchema, { lookups })))

  test('has its list taken in, forgets the key that signed it, and its invitation', async () => {
    const shown = listed([alice, phone])
    await testing.written(tx => saveServer(tx, { inviteToken: 'token' }))
    await keys({ accountSeed: seed, pendingList: shown.deviceList })
    expect(await exchange(lookedUp(shown))).toBeUndefined()
    expect(testing.context.lists.shown(own)).toEqual(shown)
    expect(state()).toMatchObject({ accountSeed: NOTHING, pendingList: NOTHING })
    expect(loadServer(testing.context.records)?.inviteToken).toBe('')
    expect(testing.context.devices.all().map(({ place }) => place)).toEqual([1, 2])
    expect(notices()).toEqual([])
  })

  test('keeps the key where it has no list that waits', async () => {
    await keys({ accountSeed: seed })
    await exchange()
    expect(state().accountSeed).toEqual(seed)
  })

  test('learns a newer list of its account, and none that is shown under its handle and is of another one', async () => {
    await learn(listed([alice]))
    await exchange(lookedUp(listed([alice, phone], { number: 2 })))
    expect([number(), notices()]).toEqual([2, []])
    await exchange(lookedUp(listed([bob], { number: 3 })))
    expect(testing.context.lists.get(bob.account.publicKey)).toBeUndefined()
    await exchange(lookedUp(listed([alice], { number: 4 }), 'bob'))
    await exchange(lookedUp({ deviceList: Uint8Array.of(1), removals: [] }))
    expect(number()).toBe(2)
  })

  test.each<[string, () => Lookups, boolean]>([
    ['not shown', () => [], true],
    ['unknown', () => [{ handle: 'alice', outcome: { case: 'unknown', value: {} } }], true],
    ['an older one', () => lookedUp(listed([alice], { number: 1 })), true],
    ['the same', () => lookedUp(listed([alice], { number: 2 })), false],
  ])('says where its list is %s', async (_which, lookups, isTold) => {
    await learn(listed([alice], { number: 2 }))
    await exchange(lookups())
    expect(notices()).toEqual(isTold ? [{ code: 'left-out', handle: 'alice' }] : [])
  })

  test('and knows no list of its own has nothing to miss', async () => {
    await exchange()
    expect(notices()).toEqual([])
  })

  test('waits for a person where it joins', async () => {
    await keys({ accountSeed: seed, isJoining: true })
    expect(await exchange()).toEqual({ code: 'not-listed', handle: 'alice' })
    expect(state()).toMatchObject({ accountSeed: seed, isJoining: true })
  })

  test('and joins at once needs no key when it is listed', async () => {
    await keys({ accountSeed: seed, isJoining: true })
    joins('at-once')
    expect(await exchange()).toBeUndefined()
    expect(state()).toMatchObject({ accountSeed: NOTHING, isJoining: false })
    expect(testing.context.session.joins).toBeUndefined()
  })
})

describe('a device that the server refuses', () => {
  type Reason = NonNullable<MessageInitShape<typeof RegistrationRefusedSchema>['reason']>
  const refuse = (reason: Reason) =>
    testing.written((tx, { context }) => refused(context, tx, create(RegistrationRefusedSchema, { reason })))
  const notListed = (shown?: Shown): Reason => ({
    case: 'notListed',
    value: shown ? { account: shownAs(shown) } : {},
  })

  test('stops where that is nothing of its list, which then waits on', async () => {
    await keys({ pendingList: Uint8Array.of(1) })
    expect(await refuse({ case: 'handleTaken', value: {} })).toBe('stop')
    expect(state().pendingList).toEqual(Uint8Array.of(1))
  })

  test('comes again where it has learned a newer list by that', async () => {
    await learn(listed([alice]))
    expect(await refuse(notListed(listed([alice, phone], { number: 2 })))).toBe('again')
    expect(number()).toBe(2)
    expect(
      await refuse({ case: 'listNotNewer', value: { account: shownAs(listed([alice], { number: 2 })) } }),
    ).toBe('stop')
    expect(await refuse(notListed())).toBe('stop')
  })

  test('comes again with a list where it knew none', async () => {
    expect(await refuse(notListed(listed([alice])))).toBe('again')
  })

  test('gives up the list that the server does not take', async () => {
    await keys({ pendingList: Uint8Array.of(1) })
    await refuse(notListed())
    expect(state().pendingList).toEqual(NOTHING)
  })

  test('has ended by a removal that holds, never by the server’s word', async () => {
    const revoked = (shown?: Shown): Reason => ({
      case: 'deviceRevoked',
      value: shown ? { account: shownAs(shown) } : {},
    })
    await learn(listed([phone, alice]))
    expect(await refuse(revoked())).toBe('stop')
    expect(testing.context.devices.isRevoked(alice.device.publicKey)).toBe(false)
    const shown = listed([phone, alice], { removals: [[phone, alice]] })
    expect(await refuse(revoked(shown))).toEqual({ code: 'revoked' })
  })

  test('waits for a person where it joins', async () => {
    await keys({ accountSeed: seed, isJoining: true })
    expect(await refuse(notListed(listed([phone])))).toEqual({ code: 'not-listed', handle: 'alice' })
    expect(state().pendingList).toEqual(NOTHING)
  })

  test('and joins at once signs a list behind the others, and says where nobody is known there', async () => {
    await keys({ accountSeed: seed, isJoining: true })
    joins('at-once')
    expect(await refuse(notListed(listed([phone])))).toBe('again')
    const devices = () => testing.written(tx => pendingState(tx)?.list.devices.map(each => each.deviceKey))
    expect(await devices()).toEqual([phone.device.publicKey, alice.device.publicKey])
    expect(notices()).toEqual([])
    expect(await refuse(notListed())).toBe('again')
    expect(notices()).toEqual([{ code: 'account-unknown', handle: 'alice' }])
  })

  test('and shows the account under another handle is told that nobody goes by this one there', async () => {
    await keys({ accountSeed: seed, isJoining: true })
    joins('at-once')
    expect(await refuse(notListed(listed([{ ...phone, handle: 'alicia' }])))).toBe('again')
    const pending = await testing.written(tx => pendingState(tx)?.list)
    expect([pending?.handle, pending?.devices.length]).toEqual(['alice', 1])
    expect(notices()).toEqual([{ code: 'account-unknown', handle: 'alice' }])
  })

  test('for there are too many devices: a person decides which stay, where there is a key to sign that with', async () => {
    const tooMany: Reason = { case: 'tooManyDevices', value: { account: shownAs(listed([phone])) } }
    expect(await refuse(tooMany)).toBe('stop')
    expect([state().isJoining, number()]).toEqual([false, 1])
    await keys({ accountSeed: seed })
    expect(await refuse(tooMany)).toBe('stop')
    expect(state().isJoining).toBe(true)
  })
})
