// Coming in and being put out: lists and removals, invites and bans.

import { describe, expect, test } from '@jest/globals'
import type { RegisterTerms, Store } from '../../services/server/store/store.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  bring,
  bytesOf,
  come,
  commit,
  converse,
  gists,
  keptList,
  listOf,
  mustSend,
  OPEN,
  readAll,
  recordOf,
  register,
  remove,
  removing,
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
        outcomes.push((await come(store, name, { handle: 'alice' })).outcome)
      expect(outcomes).toEqual(['registered', 'added', 'known'])
    })

    test('of a new account needs what the terms say; further devices come in on any', async () => {
      const { store } = await open()
      await register(store, 'alice')
      const as = async (name: string, terms: RegisterTerms, handle = name) =>
        (await come(store, name, { handle, terms })).outcome
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
      const invited = async (name: string, invite: string) => {
        const terms = { newAccounts: 'invite', inviteHash: bytesOf(invite) } as const
        return (await come(current, name, { terms })).outcome
      }
      expect(await invited('alice', 'old')).toBe('invite-invalid')
      const outcomes = await Promise.all(['alice', 'bob', 'carol'].map(name => invited(name, 'good')))
      expect(outcomes.sort()).toEqual(['invite-invalid', 'invite-invalid', 'registered'])
    })
  })

  describe('a device that is not in use', () => {
    test('is told of once, loses its key packages, and does not come back by the same list', async () => {
      const { store, reopen } = await open({ devicesPerAccount: 2 })
      const phone = await register(store, 'phone', 'alice')
      const laptop = await register(store, 'laptop', 'alice')
      await store.keyPackages.publish(laptop.id, { suite: 83, oneTime: [nobody], lastResort: nobody })
      const removal = { handle: 'alice', removed: 'laptop' }
      expect(await remove(store, 'phone', removal)).toMatchObject({ ended: [laptop.id], isChanged: true })
      expect(await remove(store, 'phone', removal)).toMatchObject({ ended: [], isChanged: false })
      await store.keyPackages.publish(laptop.id, {
        suite: 83,
        oneTime: [bytesOf('later')],
        lastResort: nobody,
      })
      for (const restart of [false, true]) {
        const current = restart ? await reopen() : store
        expect((await current.directory.device(laptop.id))?.blocked).toBe('revoked')
        expect((await current.directory.device(phone.id))?.blocked).toBeUndefined()
        expect(await current.keyPackages.count(laptop.id, 83)).toEqual({ left: 0, hasLastResort: false })
        expect(await lookedUp(current, 'alice')).toEqual([phone.id])
        expect(await current.keyPackages.claim('alice', { suite: 83, except: nobody })).toHaveLength(1)
        const list = (await keptList(current, 'alice'))!
        expect((await current.directory.change(bring('laptop', list), OPEN)).outcome).toBe('revoked')
        expect((await current.directory.account('alice'))?.removals).toHaveLength(1)
      }
    })

    test('is one that a newer list leaves out, and is in use again by one that names it', async () => {
      const { store, reopen } = await open()
      const [phone, laptop] = [
        await register(store, 'phone', 'alice'),
        await register(store, 'laptop', 'alice'),
      ]
      const number = (await keptList(store, 'alice'))!.number
      const without = listOf('alice', { devices: ['laptop'], number: number + 1 })
      const { ended } = await store.directory.change(bring('laptop', without), OPEN)
      expect(ended).toEqual([phone.id])
      const older = listOf('alice', { devices: ['phone'], number })
      expect((await store.directory.change(bring('phone', older), OPEN)).outcome).toBe('revoked')
      const current = await reopen()
      expect((await current.directory.device(phone.id))?.blocked).toBe('revoked')
      const back = listOf('alice', { devices: ['phone', 'laptop'], number: number + 2 })
      expect(await current.directory.change(bring('phone', back), OPEN)).toMatchObject({
        outcome: 'known',
        ended: [],
      })
      expect((await current.directory.device(phone.id))?.blocked).toBeUndefined()
      expect(await lookedUp(current, 'alice')).toEqual([phone.id, laptop.id])
    })

    test('may be removed before it has registered', async () => {
      const { store, reopen } = await open()
      const list = listOf('alice', { devices: ['phone', 'late'] })
      await store.directory.change(bring('phone', list), OPEN)
      await store.directory.change(removing('phone', list, 'late'), OPEN)
      const current = await reopen()
      expect((await current.directory.change(bring('late', list), OPEN)).outcome).toBe('revoked')
    })

    test('keeps whom it removed out, if it removes itself, and not if another removes it', async () => {
      const { store } = await open()
      const list = listOf('alice', { devices: ['a', 'b', 'c'] })
      for (const name of ['a', 'b', 'c']) await store.directory.change(bring(name, list), OPEN)
      const ids = ['a', 'b', 'c'].map(name => recordOf(name, 'alice').deviceId)
      await store.directory.change(removing('b', list, 'c'), OPEN)
      await store.directory.change(removing('b', list, 'b'), OPEN)
      expect(await lookedUp(store, 'alice')).toEqual([ids[0]])
      await store.directory.change(removing('a', list, 'b'), OPEN)
      expect(await lookedUp(store, 'alice')).toEqual([ids[0], ids[2]])
    })

    test('sends and reads nothing, is added nowhere, and can be removed', async () => {
      const { store, reopen } = await open()
      const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
      const id = await converse(store, alice, bob)
      await mustSend(store, alice, application(alice, id, { text: 'before' }))
      await remove(store, 'bob', { handle: 'bob', removed: 'bob' })
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
      await remove(store, 'bob', { handle: 'bob', removed: 'bob' })
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
      expect((await come(banned, 'phone', { handle: 'alice' })).outcome).toBe('banned')
      expect((await come(banned, 'laptop', { handle: 'alice' })).outcome).toBe('banned')
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
      expect((await come(store, 'x', { handle: 'unheard-of' })).outcome).toBe('banned')
      expect(await store.admission.bans()).toMatchObject([{ deviceId: laptop.id }, { handle: 'unheard-of' }])
    })

    test('does not hide that a device is revoked', async () => {
      const { store } = await open()
      const phone = await register(store, 'phone', 'alice')
      await remove(store, 'phone', { handle: 'alice', removed: 'phone' })
      await store.admission.ban({ handle: 'alice' })
      expect((await store.directory.device(phone.id))?.blocked).toBe('revoked')
    })
  })
}
