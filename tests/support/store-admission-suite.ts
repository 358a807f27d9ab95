// Coming in and being put out: revocations, invites and bans.

import { describe, expect, test } from '@jest/globals'
import type { Store } from '../../services/server/store/store.js'
import type { OpenStore } from './store-suite.js'
import {
  accountOf,
  application,
  bytesOf,
  commit,
  converse,
  gists,
  mustSend,
  OPEN,
  readAll,
  recordOf,
  register,
  send,
} from './store-world.js'

const nobody = bytesOf('nobody')
const DAY_MS = 24 * 3600 * 1000

const lookedUp = (store: Store, handle: string) =>
  store.directory.devices(handle).then(devices => devices?.map(({ deviceId }) => deviceId))

export function admissionSuite(open: OpenStore): void {
  describe('registration', () => {
    test('tells a new account, a further device and a known one apart', async () => {
      const { store } = await open()
      const outcomes = []
      for (const name of ['phone', 'laptop', 'phone'])
        outcomes.push(await store.directory.register(recordOf(name, 'alice'), { newAccounts: 'open' }))
      expect(outcomes).toEqual(['registered', 'added', 'known'])
    })

    test('of a new account needs what the terms say; further devices come in on any', async () => {
      const { store } = await open()
      await register(store, 'alice')
      const as = (name: string, terms: Parameters<Store['directory']['register']>[1], handle?: string) =>
        store.directory.register(recordOf(name, handle), terms)
      const inviteHash = bytesOf('invite')
      expect(await as('bob', { newAccounts: 'closed', inviteHash })).toBe('registration-closed')
      expect(await as('bob', { newAccounts: 'invite' })).toBe('invite-needed')
      expect(await as('bob', { newAccounts: 'invite', inviteHash })).toBe('invite-invalid')
      expect(await as('alice', { newAccounts: 'closed' })).toBe('known')
      expect(await as('laptop', { newAccounts: 'closed' }, 'alice')).toBe('added')
      expect(await as('tablet', { newAccounts: 'invite' }, 'alice')).toBe('added')
    })

    test('an invite lets one in, until its time is over, also after a restart', async () => {
      const { store, reopen } = await open()
      await store.admission.addInvite(bytesOf('good'), Date.now() + DAY_MS)
      await store.admission.addInvite(bytesOf('old'), Date.now() - 1)
      const current = await reopen()
      const come = (name: string, invite: string) =>
        current.directory.register(recordOf(name), { newAccounts: 'invite', inviteHash: bytesOf(invite) })
      expect(await come('alice', 'old')).toBe('invite-invalid')
      const outcomes = await Promise.all(['alice', 'bob', 'carol'].map(name => come(name, 'good')))
      expect(outcomes.sort()).toEqual(['invite-invalid', 'invite-invalid', 'registered'])
    })
  })

  describe('a revoked device', () => {
    test('is told of once, loses its key packages and its place, and never comes back', async () => {
      const { store, reopen } = await open({ devicesPerAccount: 2 })
      const phone = await register(store, 'phone', 'alice')
      const laptop = await register(store, 'laptop', 'alice')
      await store.keyPackages.publish(laptop.id, { oneTime: [nobody], lastResort: nobody })
      const revoke = (on: Store) => on.directory.revoke(accountOf('alice'), [laptop.id])
      expect(await revoke(store)).toEqual([laptop.id])
      expect(await revoke(store)).toEqual([])
      await store.keyPackages.publish(laptop.id, { oneTime: [bytesOf('later')], lastResort: nobody })
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect((await current.directory.device(laptop.id))?.blocked).toBe('revoked')
        expect((await current.directory.device(phone.id))?.blocked).toBeUndefined()
        expect(await current.keyPackages.count(laptop.id)).toEqual({ left: 0, hasLastResort: false })
        expect(await lookedUp(current, 'alice')).toEqual([phone.id])
        expect(await current.keyPackages.claim('alice', { except: nobody })).toHaveLength(1)
        expect(await current.directory.register(recordOf('laptop', 'alice'), OPEN)).toBe('revoked')
        const next = await register(current, `next ${restart}`, 'alice')
        expect(await current.directory.revoke(accountOf('alice'), [next.id])).toEqual([next.id])
      }
    })

    test('is one of the account that revokes; of others nothing is changed', async () => {
      const { store } = await open()
      const alice = await register(store, 'alice')
      await register(store, 'mallory')
      const stranger = { handle: 'alice', accountKey: bytesOf('other') }
      for (const account of [accountOf('mallory'), accountOf('nobody'), stranger])
        expect(await store.directory.revoke(account, [alice.id])).toEqual([])
      expect((await store.directory.device(alice.id))?.blocked).toBeUndefined()
    })

    test('may be revoked before it has registered', async () => {
      const { store, reopen } = await open()
      await register(store, 'phone', 'alice')
      expect(await store.directory.revoke(accountOf('alice'), [recordOf('late', 'alice').deviceId])).toEqual(
        [],
      )
      const current = await reopen()
      expect(await current.directory.register(recordOf('late', 'alice'), OPEN)).toBe('revoked')
    })

    test('sends and reads nothing, is added nowhere, and can be removed', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, alice, application(alice, id, { text: 'before' }))
      await store.directory.revoke(accountOf('bob'), [bob.id])
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        const outcome = await send(current, bob, application(bob, id))
        expect(outcome).toMatchObject({ accepted: false, reason: { case: 'notAMember' } })
        expect(await gists(current, bob)).toEqual([])
        expect(await current.log.roster(id)).toHaveLength(2)
        expect(await current.log.conversations(bob.id)).toEqual([id])
      }
      const current = await reopen()
      await mustSend(current, alice, commit(alice, id, { epoch: 1n, removed: [bob] }))
      expect(await current.log.roster(id)).toEqual([alice.id])
      expect(await current.log.conversations(bob.id)).toEqual([])
      const added = await send(current, alice, commit(alice, id, { epoch: 2n, added: [bob] }))
      expect(added).toMatchObject({ accepted: false, reason: { case: 'unknownDevice' } })
    })

    test('holds back no envelope', async () => {
      const { store } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, alice, application(alice, id))
      await store.log.acknowledge(alice.id, (await readAll(store, alice)).place)
      expect(await store.log.expire(0)).toBe(0)
      await store.directory.revoke(accountOf('bob'), [bob.id])
      expect(await store.log.expire(0)).toBe(2)
    })
  })

  describe('a ban', () => {
    test('blocks all devices of an account, also such as come later, until it is lifted', async () => {
      const { store, reopen } = await open()
      const [phone, bob] = [await register(store, 'phone', 'alice'), await register(store, 'bob')]
      const id = await converse(store, bob, phone)
      await store.admission.ban({ handle: 'alice' })
      await store.admission.ban({ handle: 'alice' })
      await mustSend(store, bob, application(bob, id, { text: 'meanwhile' }))
      const banned = await reopen()
      expect(await banned.admission.bans()).toEqual([{ handle: 'alice', bannedAt: expect.any(Number) }])
      expect((await banned.directory.device(phone.id))?.blocked).toBe('banned')
      expect(await banned.directory.register(recordOf('phone', 'alice'), OPEN)).toBe('banned')
      expect(await banned.directory.register(recordOf('laptop', 'alice'), OPEN)).toBe('banned')
      expect(await send(banned, phone, application(phone, id))).toMatchObject({ accepted: false })
      const { envelopes, place } = await readAll(banned, phone)
      expect(envelopes).toEqual([])
      expect(await banned.admission.unban({ handle: 'alice' })).toBe(true)
      expect(await banned.admission.unban({ handle: 'alice' })).toBe(false)
      expect(await gists(banned, phone, place)).toEqual(['welcome', 'meanwhile'])
      await mustSend(banned, phone, application(phone, id))
    })

    test('of a device blocks that one', async () => {
      const { store } = await open()
      const [phone, laptop] = [
        await register(store, 'phone', 'alice'),
        await register(store, 'laptop', 'alice'),
      ]
      await store.admission.ban({ deviceId: laptop.id })
      await store.admission.ban({ handle: 'unheard-of' })
      expect((await store.directory.device(laptop.id))?.blocked).toBe('banned')
      expect((await store.directory.device(phone.id))?.blocked).toBeUndefined()
      expect(await store.directory.register(recordOf('x', 'unheard-of'), OPEN)).toBe('banned')
      expect(await store.admission.bans()).toMatchObject([{ deviceId: laptop.id }, { handle: 'unheard-of' }])
    })

    test('does not hide that a device is revoked', async () => {
      const { store } = await open()
      const phone = await register(store, 'phone', 'alice')
      await store.admission.ban({ handle: 'alice' })
      await store.directory.revoke(accountOf('alice'), [phone.id])
      expect((await store.directory.device(phone.id))?.blocked).toBe('revoked')
    })
  })
}
