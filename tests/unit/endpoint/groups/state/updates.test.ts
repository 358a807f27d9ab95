import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { Unit } from '../../../../../services/endpoint/context.js'
import { Sweep } from '../../../../../services/endpoint/groups/state/due.js'
import type { GroupPhase } from '../../../../../services/endpoint/groups/state/group.js'
import type { GroupChange, LiveGroup } from '../../../../../services/endpoint/groups/state/groups.js'
import {
  drawUpdate,
  UPDATE_AFTER_MS,
  UPDATE_AFTER_SEALED,
} from '../../../../../services/endpoint/groups/state/updates.js'
import { sequenceOf } from '../../../../../services/endpoint/ids.js'
import { groupIn, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { groupWith, groupWithPerson, putInPhase } from '../../../../support/endpoint-groups.js'

const HOUR_MS = 3_600_000

let endpoint: TestContext
let group: LiveGroup

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  group = await groupWithPerson(endpoint, makeAccount('bob'))
})

const change = (changed: GroupChange) =>
  endpoint.written((tx, unit) => unit.context.groups.change(tx, groupIn(unit, group), changed))
const isDue = () => endpoint.context.due.isUpdateDue(group.number, endpoint.clock.now())
const dueAt = () => endpoint.context.due.all().find(each => each.group === group.number)?.atMs
const committed = (more: GroupChange = {}) =>
  change({ committedAtMs: BigInt(endpoint.clock.now()), sealedSinceCommit: 0n, ...more })

describe('an update', () => {
  test('is due at once after joining', () => {
    expect(isDue()).toBe(true)
    expect(dueAt()).toBe(endpoint.clock.now())
  })

  test('is due at 1,000 seals, and not before', async () => {
    await committed({ sealedSinceCommit: UPDATE_AFTER_SEALED - 1n })
    expect(isDue()).toBe(false)
    await change({ sealedSinceCommit: UPDATE_AFTER_SEALED })
    expect(isDue()).toBe(true)
    expect(dueAt()).toBe(0)
  })

  test('is due 24 hours after the last one, and not before', async () => {
    await committed({ sealedSinceCommit: 1n })
    endpoint.clock.pass(UPDATE_AFTER_MS - 1)
    expect(isDue()).toBe(false)
    endpoint.clock.pass(1)
    expect(isDue()).toBe(true)
  })

  test('is looked for in the hour before it is due, and not before', async () => {
    await committed({ sealedSinceCommit: 1n })
    const time = endpoint.clock.now() + UPDATE_AFTER_MS
    const sweep = new Sweep()
    const swept = () =>
      endpoint.written((tx, { context }) => context.due.sweep(tx, sweep, endpoint.clock.now()))
    await swept()
    expect(dueAt()).toBeUndefined()
    endpoint.clock.pass(UPDATE_AFTER_MS - HOUR_MS / 2)
    await swept()
    expect(dueAt()).toBe(time)
  })

  test('is never due in a conversation in which nothing was said since', async () => {
    await committed()
    expect(dueAt()).toBeUndefined()
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
    expect([isDue(), dueAt()]).toEqual([false, undefined])
  })
})

test('the numbers are those that the text of the threats names', () => {
  expect([UPDATE_AFTER_MS, UPDATE_AFTER_SEALED]).toEqual([24 * HOUR_MS, 1000n])
})

describe('after joining', () => {
  const now = 1_000_000

  test('a conversation of few devices, the update is due at once', () => {
    expect(drawUpdate({ now, devices: 8, fraction: 0.9 })).toBe(now)
  })

  test('a larger one, within 3 s for each of its devices', () => {
    expect(drawUpdate({ now, devices: 10, fraction: 0.5 })).toBe(now + 15_000)
    expect(drawUpdate({ now, devices: 250, fraction: 0 })).toBe(now)
  })

  test('a device waits for a time of its own, which stays the same', async () => {
    const others = Array.from({ length: 9 }, (_, place) => makeAccount(`guest${place}`))
    const open = ({ context, tx }: Unit) => context.conversations.openRoom(tx, 'all')
    group = await groupWith(endpoint, { others, open, room: {} })
    const drawn = dueAt()!
    expect(drawn).toBeGreaterThanOrEqual(endpoint.clock.now())
    expect(drawn).toBeLessThanOrEqual(endpoint.clock.now() + 30_000)
    endpoint.clock.pass(drawn - endpoint.clock.now() - 1)
    await change({ lastSequence: sequenceOf(1n) })
    expect([isDue(), dueAt()]).toEqual([false, drawn])
    endpoint.clock.pass(1)
    expect(isDue()).toBe(true)
  })
})
