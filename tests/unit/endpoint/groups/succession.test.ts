// A room whose group takes no commit any more: which device makes the next one, when, and without whom.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import type { GroupPhase } from '../../../../services/endpoint/groups/state/group.js'
import {
  accountsOut,
  isDueToSucceed,
  noteBreaker,
  succeedTime,
} from '../../../../services/endpoint/groups/succession.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { type GroupSetup, secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const mallory = makeAccount('mallory')
const MINUTE_MS = 60_000
const keyOf = ({ account }: OwnAccount) => account.publicKey

let testing: TestContext
let room: TestGroup
const open = async (setup: Partial<GroupSetup> = {}) => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob, tablet, mallory, carol], by: carol, room: {}, ...setup })
}
beforeEach(() => open())

const now = () => testing.clock.now()
/** Another group of the same conversation. */
const groupBeside = async (phase: GroupPhase, { succeededMs = 0, incarnation = 2 } = {}) => {
  const { live } = room
  const number = await testing.written((tx, { context }) => {
    const held = { ...live.held, incarnation, groupId: testing.context.random.bytes(16) }
    const { conversation } = live.record
    const group = context.groups.add(tx, { conversation, phase }, { state: live.state, held })
    context.groups.change(tx, group, { succeededAtMs: BigInt(succeededMs) })
    return group.number
  })
  return testing.context.groups.get(number)!
}

describe('the time of this device', () => {
  const inMs = (options?: Parameters<typeof succeedTime>[2]) =>
    succeedTime(testing.context, room.live, options) - now()

  test('is its turn among those who have not broken it, the admins first', () => {
    // In the order of carol, alice, bob, the tablet, mallory.
    expect([inMs(), inMs({ by: keyOf(carol) }), inMs({ by: keyOf(mallory) })]).toEqual([300, 0, 300])
  })

  test('is behind all devices of those before it', async () => {
    await open({ room: { admins: [bob] } })
    expect([inMs(), inMs({ by: keyOf(bob) }), inMs({ by: keyOf(carol) })]).toEqual([900, 300, 600])
  })

  test('comes after that which all others have', () => {
    expect(inMs({ waitMs: 20_000 })).toBe(20_300)
  })

  test('comes three times in a minute at most, whichever group it made', async () => {
    const ago = (ms: number) => groupBeside({ name: 'active' }, { succeededMs: now() - ms })
    await ago(2 * MINUTE_MS)
    await ago(1000)
    await ago(2000)
    expect(inMs()).toBe(300)
    await ago(3000)
    expect(inMs()).toBe(MINUTE_MS - 3000)
    // Those of another conversation are not counted.
    room = await TestGroup.of(testing, { others: [bob], room: {} })
    expect(inMs()).toBe(0)
  })
})

describe('it is this device’s turn', () => {
  const broken = (given: Partial<Extract<GroupPhase, { name: 'broken' }>> = {}): GroupPhase => ({
    ...{ name: 'broken', succeedAtMs: now(), leaveDue: false },
    ...given,
  })
  const isDue = () => isDueToSucceed(testing.context, room.live, now())

  test('at its time, and not before', async () => {
    await room.enter(broken())
    expect(isDue()).toBe(true)
    await room.enter(broken({ succeedAtMs: now() + 1 }))
    expect(isDue()).toBe(false)
  })

  test('not in a group that can be used, that this account leaves, or that is no room', async () => {
    expect(isDue()).toBe(false)
    await room.enter(broken({ leaveDue: true }))
    expect(isDue()).toBe(false)
    room = await TestGroup.of(testing, { others: [bob] })
    await room.enter(broken())
    expect(isDue()).toBe(false)
  })

  test('not where the conversation has gone on, or is about to', async () => {
    await room.enter(broken())
    for (const phase of [{ name: 'creating' }, { name: 'active' }] as const) {
      const next = await groupBeside(phase)
      expect(isDue()).toBe(false)
      await testing.written((tx, { context }) =>
        context.groups.change(tx, context.groups.get(next.number)!, { incarnation: 1 }),
      )
      expect(isDue()).toBe(true)
    }
  })

  test('where not all came into the next group, and not in that one', async () => {
    await room.enter(broken())
    const next = await groupBeside(broken())
    expect([isDue(), isDueToSucceed(testing.context, next, now())]).toEqual([false, true])
  })

  test('again where the next group has come to nothing', async () => {
    await room.enter(broken())
    await groupBeside({ name: 'ended', why: 'abandoned' })
    expect(isDue()).toBe(true)
  })
})

describe('those who have broken it', () => {
  const note = (...accounts: OwnAccount[]) =>
    testing.written((tx, unit) => {
      for (const each of accounts) noteBreaker(unit.context, tx, room.in(unit), keyOf(each))
    })
  const out = () => accountsOut(testing.context, room.live)

  test('are noted once each', async () => {
    await note(mallory, bob, mallory)
    expect(room.live.record.brokenBy).toEqual([mallory, bob].map(keyOf))
  })

  test('are taken out by an admin, if they are members, and never the own account', async () => {
    await open({ room: { admins: [alice] } })
    await note(mallory, alice, makeAccount('dave'))
    expect(out()).toEqual([keyOf(mallory)])
  })

  test('stay where this account may take nobody out', async () => {
    await note(mallory)
    expect(out()).toEqual([])
  })
})
