import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { GroupPhase } from '../../../../services/endpoint/groups/state/group.js'
import type { GroupChange, LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { UPDATE_AFTER_MS, UPDATE_AFTER_SEALED, Updates } from '../../../../services/endpoint/sync/updates.js'
import { groupIn, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWith, groupWithPerson, putInPhase } from '../../../support/endpoint-groups.js'

const HOUR_MS = 3_600_000

let endpoint: TestContext
let group: LiveGroup
let updates: Updates

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  group = await groupWithPerson(endpoint, makeAccount('bob'))
  updates = new Updates()
})

const change = (changed: GroupChange) =>
  endpoint.written((tx, unit) => unit.context.groups.change(tx, groupIn(unit, group), changed))
const isDue = () =>
  updates.isDue(endpoint.context, endpoint.context.groups.get(group.number)!, endpoint.clock.now())
const committed = (more: GroupChange = {}) =>
  change({ committedAtMs: BigInt(endpoint.clock.now()), sealedSinceCommit: 0n, ...more })

describe('an update', () => {
  test('is due at once after joining', () => {
    expect(isDue()).toBe(true)
  })

  test('is due at 1,000 seals, and not before', async () => {
    await committed({ sealedSinceCommit: UPDATE_AFTER_SEALED - 1n })
    expect(isDue()).toBe(false)
    await change({ sealedSinceCommit: UPDATE_AFTER_SEALED })
    expect(isDue()).toBe(true)
  })

  test('is due 24 hours after the last one, and not before', async () => {
    await committed({ sealedSinceCommit: 1n })
    endpoint.clock.pass(UPDATE_AFTER_MS - 1)
    expect(isDue()).toBe(false)
    endpoint.clock.pass(1)
    expect(isDue()).toBe(true)
  })

  test('is never due in a conversation in which nothing was said since', async () => {
    await committed()
    endpoint.clock.pass(1000 * HOUR_MS)
    expect(isDue()).toBe(false)
  })

  test.each<GroupPhase>([
    { name: 'creating' },
    { name: 'committing' },
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'ended', why: 'removed' },
  ])('is not due in a group that is $name', async phase => {
    await putInPhase(endpoint, group, phase)
    expect(isDue()).toBe(false)
  })
})

test('the numbers are those that the text of the threats names', () => {
  expect([UPDATE_AFTER_MS, UPDATE_AFTER_SEALED]).toEqual([24 * HOUR_MS, 1000n])
})

describe('after joining a larger group', () => {
  beforeEach(async () => {
    const others = Array.from({ length: 9 }, (_, at) => makeAccount(`guest${at}`))
    group = await groupWith(endpoint, {
      others,
      open: ({ context, tx }) => context.conversations.openRoom(tx, 'all'),
    })
  })

  test('a device waits for a time of its own, which stays the same', () => {
    const { context, clock } = endpoint
    const chance = { ...context, random: { ...context.random, fraction: () => 0.5 } }
    const live = () => context.groups.get(group.number)!
    const isDueBy = () => updates.isDue(chance, live(), clock.now())
    expect(isDueBy()).toBe(false)
    // 10 devices, 3 s for each, and half of that.
    const dueAt = clock.now() + 15_000
    expect(updates.nextDue(chance, clock.now())).toBe(dueAt)
    const later = { ...chance, random: { ...chance.random, fraction: () => 0.99 } }
    clock.pass(14_999)
    expect(updates.isDue(later, live(), clock.now())).toBe(false)
    clock.pass(1)
    expect(updates.isDue(later, live(), clock.now())).toBe(true)
  })

  test('what is due needs no waiting for', async () => {
    await change({ committedAtMs: BigInt(endpoint.clock.now()) })
    expect(updates.nextDue(endpoint.context, endpoint.clock.now())).toBeUndefined()
  })
})
