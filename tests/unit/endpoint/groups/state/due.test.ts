// The small table of the groups in which there is something to do: kept in step with whatever changes.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { Unit } from '../../../../../services/endpoint/context.js'
import { type DueGroup, Sweep } from '../../../../../services/endpoint/groups/state/due.js'
import { ASK_AGAIN_MS } from '../../../../../services/endpoint/groups/state/group.js'
import type { GroupChange } from '../../../../../services/endpoint/groups/state/groups.js'
import { UPDATE_AFTER_MS } from '../../../../../services/endpoint/groups/state/updates.js'
import { countOf, groupNumber } from '../../../../../services/endpoint/ids.js'
import type { RecordInit } from '../../../../../services/endpoint/vault/records.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { TestGroup } from '../../../../support/group.js'
import { numbered } from '../../../../support/numbers.js'

const HOUR_MS = 3_600_000
const alice = makeAccount('alice')
const bob = makeAccount('bob')

let endpoint: TestContext
let group: TestGroup
let now: number
beforeEach(async () => {
  endpoint = await openTestContext(alice)
  group = await TestGroup.of(endpoint, { others: [bob] })
  now = endpoint.clock.now()
  await group.change({ committedAtMs: BigInt(now) })
})

/** Something that this device does in the group. */
const act = <T>(work: (unit: Unit) => T) => endpoint.written((_, unit) => work(unit))
const due = (): DueGroup | undefined => endpoint.context.due.all().find(each => each.group === group.number)
const isLater = () => endpoint.context.records.has('later', { group: 0n, id: group.number })
const nothingElse = { group: 0n, receipts: false, outOfSync: false, atMs: undefined }
const only = (what: Partial<DueGroup>) => ({ ...nothingElse, group: group.number, ...what })
const intend = (notBeforeMs: number) =>
  act(({ context, tx }) =>
    context.intents.add(tx, group.in({ context } as Unit), {
      notBeforeMs: BigInt(notBeforeMs),
    } satisfies RecordInit<'intents'>),
  )

test('a group in which there is nothing to do is in neither table', () => {
  expect([due(), isLater()]).toEqual([undefined, false])
})

describe('an intent', () => {
  test('is due at its time, the earliest of them first, until there is none', async () => {
    await intend(now + 500)
    await intend(now + 200)
    expect(due()).toEqual(only({ atMs: now + 200 }))
    await act(unit => unit.context.intents.drop(unit.tx, group.in(unit), numbered(2n)))
    expect(due()).toEqual(only({ atMs: now + 500 }))
    await act(unit => unit.context.intents.dropAll(unit.tx, group.in(unit)))
    expect([due(), isLater()]).toEqual([undefined, false])
  })

  test('is nothing to do while the group may not commit, and is there again when it may', async () => {
    await intend(now)
    await group.enter({ name: 'committing' })
    expect(due()).toBeUndefined()
    await group.enter({ name: 'active' })
    expect(due()).toEqual(only({ atMs: now }))
  })

  test('of a unit of work that failed is none', async () => {
    const failing = act(unit => {
      unit.context.intents.add(unit.tx, group.in(unit), {})
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(due()).toBeUndefined()
  })
})

describe('the row of a group', () => {
  /** From here on nothing can be written or deleted there. */
  const close = (table: 'due' | 'later') =>
    endpoint.disk.fail({
      reason: 'full',
      where: changes =>
        changes.some(
          each => ('put' in each && each.put === table) || ('delete' in each && each.delete === table),
        ),
    })

  test('is written where something of it changes, and there alone', async () => {
    const other = await TestGroup.of(endpoint, { others: [bob] })
    await intend(now + 500)
    close('later')
    await intend(now + 400)
    endpoint.disk.mend()
    close('due')
    await group.change({ rejoinAskedMs: 5n })
    await expect(intend(now + 300)).rejects.toThrow()
    endpoint.disk.mend()
    expect(due()).toEqual(only({ atMs: now + 400 }))
    await act(unit => unit.context.intents.dropAll(unit.tx, group.in(unit)))
    await group.change({ sealedSinceCommit: 1n })
    close('later')
    await group.change({ rejoinAskedMs: 6n })
    endpoint.disk.mend()
    expect(isLater()).toBe(true)
    // Another group is due for other reasons.
    expect(endpoint.context.due.all().find(each => each.group === other.number)?.atMs).toBeGreaterThan(
      now - 1,
    )
  })

  test('changes with each thing that is due, also where the time stays', async () => {
    await group.change({ rejoinAskedMs: BigInt(now) })
    await intend(now + ASK_AGAIN_MS)
    const atMs = now + ASK_AGAIN_MS
    expect(due()).toEqual(only({ atMs }))
    await group.enter({ name: 'out-of-sync', askDue: true, leaveDue: false })
    expect(due()).toEqual(only({ atMs, outOfSync: true }))
    await group.enter({ name: 'active' })
    expect(due()).toEqual(only({ atMs }))
    await act(({ context, tx }) => {
      const live = group.in({ context } as Unit)
      const sender = live.sender(bob.device.publicKey)
      context.groups.saveSender(tx, live, { ...sender, owed: countOf(3n) })
    })
    expect(due()).toEqual(only({ atMs, receipts: true }))
  })

  test('is of its own intents, and of no other group’s', async () => {
    await intend(now + 500)
    const other = await TestGroup.of(endpoint, { others: [bob] })
    await other.change({ committedAtMs: BigInt(now) })
    expect(endpoint.context.due.all().map(({ group }) => group)).toEqual([group.number])
  })

  test('says when the update after joining again is due: not before now, whatever was due before', async () => {
    await intend(now - 500)
    endpoint.clock.pass(HOUR_MS)
    await group.change({ committedAtMs: 0n })
    expect(due()).toEqual(only({ atMs: now - 500 }))
    const again = endpoint.clock.now()
    expect(endpoint.context.due.isUpdateDue(group.number, again - 1)).toBe(false)
    expect(endpoint.context.due.isUpdateDue(group.number, again)).toBe(true)
  })
})

describe('a receipt', () => {
  const hear = (owed: bigint, receipted: bigint) =>
    act(({ context, tx }) => {
      const live = group.in({ context } as Unit)
      context.groups.saveSender(tx, live, {
        ...live.sender(bob.device.publicKey),
        owed: countOf(owed),
        receipted: countOf(receipted),
      })
    })

  test('is owed until it was sealed', async () => {
    await hear(3n, 2n)
    expect(due()).toEqual(only({ receipts: true }))
    expect(group.live.owed().map(({ deviceId }) => deviceId)).toEqual([bob.device.publicKey])
    await hear(3n, 3n)
    expect([due(), group.live.owed()]).toEqual([undefined, []])
    await hear(4n, 3n)
    expect(due()).toEqual(only({ receipts: true }))
  })

  test('is not owed while this device cannot say it', async () => {
    await hear(3n, 2n)
    await group.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    expect(due()).toEqual(only({ outOfSync: true }))
    await group.enter({ name: 'active' })
    expect(due()).toEqual(only({ receipts: true }))
  })
})

describe('what else there is to do', () => {
  test('is to ask to be taken in again, once in a while', async () => {
    await group.change({ rejoinAskedMs: BigInt(now) })
    await group.enter({ name: 'out-of-sync', askDue: true, leaveDue: false })
    expect(due()).toEqual(only({ outOfSync: true, atMs: now + ASK_AGAIN_MS }))
  })

  test('is to say that this account leaves, until that is said', async () => {
    await group.enter({ name: 'leaving', leaveDue: true, commitOut: false })
    expect(due()).toEqual(only({ atMs: 0 }))
    await group.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    expect(due()).toBeUndefined()
  })

  test('is to make the group in which a broken one goes on, unless this account leaves', async () => {
    await intend(now)
    await group.enter({ name: 'broken', succeedAtMs: now + 300, leaveDue: false })
    expect(due()).toEqual(only({ atMs: now + 300 }))
    await group.enter({ name: 'broken', succeedAtMs: now + 300, leaveDue: true })
    expect(due()).toBeUndefined()
  })
})

describe('what is due later', () => {
  const sweep = new Sweep()
  const swept = (of = sweep) => act(({ context, tx }) => context.due.sweep(tx, of, endpoint.clock.now()))
  const change = (change: GroupChange) => group.change(change)

  test('stands aside until it is within the hour', async () => {
    await change({ sealedSinceCommit: 1n })
    expect([due(), isLater()]).toEqual([undefined, true])
    endpoint.clock.pass(UPDATE_AFTER_MS - HOUR_MS)
    await swept(new Sweep())
    expect([due(), isLater()]).toEqual([only({ atMs: now + UPDATE_AFTER_MS }), false])
  })

  test('stands aside no more when something else is due at once, and aside again after that', async () => {
    await change({ sealedSinceCommit: 1n })
    await intend(now)
    expect([due(), isLater()]).toEqual([only({ atMs: now }), false])
    await act(unit => unit.context.intents.dropAll(unit.tx, group.in(unit)))
    expect([due(), isLater()]).toEqual([undefined, true])
    await change({ sealedSinceCommit: 0n })
    expect([due(), isLater()]).toEqual([undefined, false])
  })

  test('is looked through a part at a time, all of it within half an hour', async () => {
    const soon = BigInt(now + UPDATE_AFTER_MS)
    await act(({ tx }) => {
      for (let id = 1n; id <= 600n; id++)
        tx.put('later', { group: 0n, id: groupNumber(1000n + id) }, { atMs: soon })
    })
    endpoint.clock.pass(UPDATE_AFTER_MS)
    const one = new Sweep()
    const counts: number[] = []
    for (let step = 0; step < 4; step++) {
      await swept(one)
      counts.push(endpoint.context.due.all().length)
    }
    expect(counts).toEqual([256, 512, 600, 600])
    // From here on it begins again only after half an hour.
    await act(({ tx }) => void tx.put('later', { group: 0n, id: groupNumber(5000n) }, { atMs: soon }))
    await swept(one)
    expect(endpoint.context.due.all().length).toBe(600)
    endpoint.clock.pass(HOUR_MS / 2)
    await swept(one)
    expect(endpoint.context.due.all().length).toBe(601)
  })
})

test('what is due later is found wherever it stands among many that are not', async () => {
  const [soon, late] = [BigInt(now), BigInt(now + 1000 * HOUR_MS)]
  await act(({ tx }) => {
    for (let id = 1n; id <= 600n; id++)
      tx.put('later', { group: 0n, id: groupNumber(1000n + id) }, { atMs: id === 600n ? soon : late })
  })
  const sweep = new Sweep()
  for (let step = 0; step < 3; step++)
    await act(({ context, tx }) => context.due.sweep(tx, sweep, endpoint.clock.now()))
  expect(endpoint.context.due.all().map(({ group }) => group)).toEqual([groupNumber(1600n)])
})

describe('a conversation with a person that has no group', () => {
  const unopened = () => endpoint.context.conversations.unopened()

  test('is one to open, until it has one that can be used', async () => {
    expect(unopened()).toEqual([])
    const carol = await act(({ context, tx }) => context.conversations.openAwaiting(tx, 'carol'))
    expect(unopened()).toEqual([carol])
    await group.enter({ name: 'ended', why: 'removed' })
    expect(unopened()).toEqual([group.conversation, carol])
    await group.enter({ name: 'active' })
    expect(unopened()).toEqual([carol])
  })

  test('is none that came with a history, nor a room', async () => {
    await act(({ context, tx }) =>
      context.conversations.openForHistory(tx, makeAccount('carol').account.publicKey),
    )
    await act(({ context, tx }) => context.conversations.openRoom(tx, 'tea'))
    await act(({ context, tx }) => context.conversations.openOwnDevices(tx))
    expect(unopened()).toEqual([])
  })
})
