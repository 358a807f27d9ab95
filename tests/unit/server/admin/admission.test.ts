import { describe, expect, test } from '@jest/globals'
import { createRelayAdmission } from '../../../../services/server/admin/admission.js'
import { hashInvite } from '../../../../services/server/auth/invite-hash.js'
import type { ClusterMember } from '../../../../services/server/cluster.js'
import { INVITE_MS } from '../../../../services/server/limits.js'
import { openMemoryStore } from '../../../../services/server/store/memory/store.js'
import { FaultyStore } from '../../../support/faulty-store.js'
import { bytesOf, come, register } from '../../../support/store-world.js'

function scene() {
  const clock = { ms: Date.now() }
  const store = new FaultyStore(openMemoryStore({ now: () => clock.ms }))
  const closed: unknown[] = []
  const closeSession: ClusterMember['closeSession'] = (device, reason) => void closed.push([device, reason])
  return { clock, store, closed, admission: createRelayAdmission(store, { closeSession }) }
}

describe('an invite', () => {
  test('is told once and kept as a hash, and holds for its time', async () => {
    const { clock, store, admission } = scene()
    const invited = async (name: string, token: string) => {
      const terms = { newAccounts: 'invite', inviteHash: hashInvite(token) } as const
      return (await come(store, name, { terms })).outcome
    }
    const [first, second] = [await admission.createInvite(), await admission.createInvite()]
    expect(first).not.toBe(second)
    clock.ms += INVITE_MS - 60_000
    expect(await invited('anna', first)).toBe('registered')
    clock.ms += 120_000
    expect(await invited('bert', second)).toBe('invite-invalid')
  })
})

describe('a ban', () => {
  test('of an account ends the sessions of all its devices, once it is durable', async () => {
    const { store, closed, admission } = scene()
    const [phone, laptop] = [await register(store, 'phone', 'anna'), await register(store, 'laptop', 'anna')]
    await register(store, 'bert')
    const held = store.hold('ban')
    const banning = admission.ban({ handle: 'anna' })
    await held.begun
    expect(closed).toEqual([])
    held.release()
    await banning
    expect(closed).toEqual([
      [phone.id, 'banned'],
      [laptop.id, 'banned'],
    ])
    expect(await admission.bans()).toMatchObject([{ handle: 'anna' }])
    expect([await admission.unban({ handle: 'anna' }), await admission.unban({ handle: 'anna' })]).toEqual([
      true,
      false,
    ])
  })

  test('of a device, or of a handle that nobody has, ends what there is', async () => {
    const { closed, admission } = scene()
    await admission.ban({ deviceId: bytesOf('device') })
    await admission.ban({ handle: 'nobody' })
    expect(closed).toEqual([[bytesOf('device'), 'banned']])
  })

  test('that is not durable ends nothing', async () => {
    const { store, closed, admission } = scene()
    await register(store, 'anna')
    store.failNext('ban', 'lost')
    await expect(admission.ban({ handle: 'anna' })).rejects.toThrow('ban: lost')
    expect(closed).toEqual([])
  })
})
