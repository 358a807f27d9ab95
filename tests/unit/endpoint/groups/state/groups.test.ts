// The MLS groups of this device: which there are, what carries which conversation, and how they change.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { ForkedLogSchema } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { Unit } from '../../../../../services/endpoint/context.js'
import { created, joined } from '../../../../../services/endpoint/groups/state/group.js'
import {
  CIPHER_SUITE,
  type Groups,
  LIBRARY_MAJOR,
} from '../../../../../services/endpoint/groups/state/groups.js'
import { atState } from '../../../../../services/endpoint/groups/state/held.js'
import type { LiveGroup } from '../../../../../services/endpoint/groups/state/live-group.js'
import {
  conversationNumber,
  countOf,
  groupNumber,
  messageNumber,
} from '../../../../../services/endpoint/ids.js'
import { Records, type Transaction } from '../../../../../services/endpoint/vault/records.js'
import { openTestContext, storesOn, type TestContext } from '../../../../support/endpoint-context.js'
import { foundGroup, keyPackageOf } from '../../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { MemoryDisk } from '../../../../support/memory/vault.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob] })
})

const groups = () => testing.context.groups
const epoch = (live: LiveGroup) => testing.context.engine.epoch(live.state)
const isSame = (one: LiveGroup | undefined, other: LiveGroup) => one?.number === other.number

describe('a group', () => {
  test('is found by its number, its id, and the conversation that it carries', async () => {
    const other = await TestGroup.of(testing, { others: [bob] })
    const { live } = group
    expect(isSame(groups().get(live.number), live)).toBe(true)
    expect(isSame(groups().byId(live.record.conversationId), live)).toBe(true)
    expect(
      groups()
        .of(live.record.conversation)
        .map(({ number }) => number),
    ).toEqual([live.number, other.number])
    expect(
      groups()
        .all()
        .map(({ number }) => number),
    ).toEqual([live.number, other.number])
    expect([
      groups().get(groupNumber(99n)),
      groups().byId(new Uint8Array(16)),
      groups().of(conversationNumber(99n)),
    ]).toEqual([undefined, undefined, []])
  })

  test('of one conversation stands before others that are over, and of these before earlier ones', async () => {
    const [second, third] = [
      await TestGroup.of(testing, { others: [bob] }),
      await TestGroup.of(testing, { others: [bob] }),
    ]
    const inOrder = () =>
      groups()
        .of(group.conversation)
        .map(({ number }) => number)
    await second.change({ incarnation: 3 })
    await third.change({ incarnation: 2 })
    expect(inOrder()).toEqual([second.number, third.number, group.number])
    await second.enter({ name: 'ended', why: 'succeeded' })
    await third.enter({ name: 'ended', why: 'removed' })
    expect(inOrder()).toEqual([group.number, second.number, third.number])
  })

  test('is found by the id of its conversation, which others of it have as well', async () => {
    const again = await TestGroup.of(testing, { others: [bob] })
    const room = await TestGroup.of(testing, { others: [bob], room: {} })
    const ofChain = ({ live }: TestGroup) =>
      groups()
        .ofChain(live.held.state.id)
        .map(({ number }) => number)
    expect(ofChain(group)).toEqual([group.number, again.number])
    expect(ofChain(room)).toEqual([room.number])
    expect(groups().ofChain(new Uint8Array(32))).toEqual([])
  })

  test('begins with what it is bound to, and counts from 1', () => {
    expect(group.live.record).toMatchObject({
      ...{ nextCount: 1n, cipherSuite: CIPHER_SUITE, libraryMajor: LIBRARY_MAJOR },
      ...{ joinedEpoch: 1n, owedSinceEpoch: 0n, log: { case: undefined } },
    })
  })

  test('that this device founds counts from the first epoch that others are in', async () => {
    const { engine } = testing.context
    const { state, held } = await foundGroup(engine, alice, { others: [bob] })
    const groupId = new Uint8Array(16).fill(100)
    const alone = {
      state: await engine.create({ groupId, keyPackage: await keyPackageOf(engine, alice) }),
      held: { ...held, groupId, epoch: 0n, incarnation: 4 },
    }
    const next = engine.adopt(state, (await engine.commit(state, {})).pending).state
    const later = { state: next, held: atState(engine, held, next) }
    const records = await testing.written((tx, { context }) =>
      [alone, later].map((each, index) => {
        const phase = index === 0 ? created() : joined()
        return context.groups.add(tx, { conversation: conversationNumber(1n), phase }, each).record
      }),
    )
    expect(records).toMatchObject([
      { joinedEpoch: 1n, owedSinceEpoch: 0n, phase: { case: 'creating' }, incarnation: 4 },
      { joinedEpoch: 2n, owedSinceEpoch: 2n, phase: { case: 'active' }, incarnation: 1 },
    ])
    for (const { chainId } of records) expect(chainId).toEqual(held.state.id)
  })

  test('is opened again as it was, message by message', async () => {
    const { engine } = testing.context
    // The other one's messages are nothing to it.
    for (const each of [group, await TestGroup.of(testing, { others: [bob] })])
      for (let count = 0; count < 3; count++) {
        const sealed = await engine.seal(each.live.state, Uint8Array.of(count))
        await testing.written((tx, unit) =>
          unit.context.groups.advance(tx, each.in(unit), sealed.state, sealed.changed),
        )
        const { envelope } = await each.sealedBytes(bob, Uint8Array.of(count))
        if (envelope.case !== 'application') throw new Error('no message')
        const opened = await engine.open(each.live.state, envelope.value.ciphertext, () => true)
        if (opened.kind !== 'application') throw new Error(opened.kind)
        await testing.written((tx, unit) =>
          unit.context.groups.advance(tx, each.in(unit), opened.state, opened.changed),
        )
      }
    const other = await openedAgain()
    expect(engine.save(other.state)).toEqual(engine.save(group.live.state))
    const next = await engine.commit(group.live.state, {})
    const { state } = engine.adopt(group.live.state, next.pending)
    const after = { state, held: atState(engine, group.live.held, state) }
    await testing.written((tx, unit) => unit.context.groups.enter(tx, group.in(unit), after))
    expect(testing.context.records.keys('ratchets', { group: group.number })).toEqual([])
    expect(epoch(await openedAgain())).toBe(2n)
  })

  /** By another process, which has nothing in memory. */
  async function openedAgain(): Promise<LiveGroup> {
    const copy = new MemoryDisk()
    copy.copyFrom(testing.disk)
    const { context } = await storesOn(new Records(copy.open(), () => undefined), testing.clock)
    return context.groups.get(group.number)!
  }

  test('of a unit of work that failed is as it was', async () => {
    const before = group.live.record
    const failed = testing.written((tx, unit) => {
      unit.context.groups.change(tx, group.in(unit), { nextCount: countOf(9n) })
      unit.context.groups.move(tx, group.in(unit), { input: 'removed' })
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(group.live.record).toEqual(before)
  })

  test('that is not there has neither record nor state', async () => {
    const gone = group.live
    await testing.written(tx => {
      for (const table of ['groups', 'states'] as const) tx.delete(table, { group: 0n, id: group.number })
    })
    expect(() => gone.record).toThrow(new RangeError(`there is no group ${group.number}`))
    expect(groups().get(group.number)).toBeUndefined()
  })
})

describe('a group that this device is in again', () => {
  const sender = () => group.live.sender(bob.device.publicKey)
  const again = async () => {
    const founded = await foundGroup(testing.context.engine, alice, { others: [bob] })
    await testing.written((tx, unit) => unit.context.groups.restart(tx, group.in(unit), founded))
  }
  beforeEach(async () => {
    await group.change({
      ...{
        nextCount: countOf(7n),
        committedAtMs: 5n,
        log: { case: 'forked', value: create(ForkedLogSchema) },
      },
      ...{ goneDeviceIds: [bob.device.publicKey], rejoinRequests: [Uint8Array.of(1)] },
      ...{ heardEpoch: 9n, rejoinEpoch: 9n },
    })
    await testing.written((tx, unit) => {
      const live = group.in(unit)
      unit.context.groups.saveSender(tx, live, {
        ...live.sender(bob.device.publicKey),
        received: countOf(4n),
      })
      unit.context.groups.savePending(tx, live, { state: Uint8Array.of(1), held: live.held })
      tx.put('sent', { group: group.number, id: countOf(1n) }, { message: messageNumber(1n) })
    })
  })

  test('after it was removed begins anew, and is owed nothing of what was said meanwhile', async () => {
    await group.enter({ name: 'ended', why: 'removed' })
    expect(group.live.pending).toEqual(Uint8Array.of(1))
    await again()
    expect(group.live.phase.name).toBe('active')
    expect(group.live.record).toMatchObject({
      ...{ nextCount: 1n, committedAtMs: 0n, joinedEpoch: 1n, owedSinceEpoch: 1n },
      ...{ goneDeviceIds: [], rejoinRequests: [], heardEpoch: 0n, log: { case: undefined } },
    })
    expect([sender().received, group.live.pending]).toEqual([0n, undefined])
    expect(group.live.record.rejoinEpoch).toBeUndefined()
    expect(testing.context.records.keys('sent')).toEqual([])
    expect(testing.context.records.keys('pendingchains')).toEqual([])
  })

  test('after it had lost the state is owed what was said meanwhile', async () => {
    for (const phase of [
      { name: 'out-of-sync', askDue: false, leaveDue: false },
      { name: 'broken', succeedAtMs: 5, leaveDue: false },
    ] as const) {
      await group.enter(phase)
      await again()
      expect(group.live.record).toMatchObject({ owedSinceEpoch: 0n, nextCount: 1n })
      expect(sender().received).toBe(4n)
    }
  })
})

describe('what is known of another device', () => {
  test('is nothing at first, and then what was saved', async () => {
    expect(group.live.senders()).toEqual([])
    expect(group.live.sender(bob.device.publicKey)).toMatchObject({
      ...{ deviceId: bob.device.publicKey, received: 0n, missing: [] },
    })
    await testing.written((tx, unit) => {
      const live = group.in(unit)
      const known = live.sender(bob.device.publicKey)
      unit.context.groups.saveSender(tx, live, { ...known, received: countOf(3n) })
      unit.context.groups.saveSender(tx, live, { ...known, received: countOf(4n) })
    })
    expect(group.live.senders()).toMatchObject([{ deviceId: bob.device.publicKey, received: 4n }])
    const other = await TestGroup.of(testing, { others: [bob] })
    expect(other.live.senders()).toEqual([])
  })

  test('is owed no receipt any more as soon as one is sealed, in the same unit of work too', async () => {
    const owed = (live: LiveGroup) => live.owed().map(({ deviceId }) => deviceId)
    const heard = { owed: countOf(3n), receipted: countOf(2n) }
    await testing.written((tx, unit) => {
      const live = group.in(unit)
      unit.context.groups.saveSender(tx, live, { ...live.sender(bob.device.publicKey), ...heard })
    })
    expect(owed(group.live)).toEqual([bob.device.publicKey])
    await testing.written((tx, unit) => {
      const live = group.in(unit)
      const told = { ...live.sender(bob.device.publicKey), receipted: countOf(3n) }
      unit.context.groups.saveSender(tx, live, told)
      expect(owed(live)).toEqual([])
    })
  })
})

describe('the groups that a unit of work has changed', () => {
  const changedBy = (work: (unit: Unit, live: LiveGroup) => Promise<void> | void) =>
    testing.written(async (tx, unit) => {
      await work(unit, group.in(unit))
      return unit.context.groups.changed(tx)
    })
  const other = () => foundGroup(testing.context.engine, alice, { others: [bob] })

  test('are those in another epoch, and those that the account has come into or out of', async () => {
    const { number } = group
    const founded = await other()
    const entered = await changedBy(({ context, tx }, live) => {
      context.groups.enter(tx, live, founded)
      context.groups.change(tx, live, { committedAtMs: 5n })
    })
    expect(entered).toEqual([{ number, wasIn: true }])
    expect(
      await changedBy(({ context, tx }, live) => void context.groups.move(tx, live, { input: 'removed' })),
    ).toEqual([{ number, wasIn: true }])
    expect(await changedBy(({ context, tx }, live) => context.groups.restart(tx, live, founded))).toEqual([
      { number, wasIn: false },
    ])
    const added = await changedBy(({ context, tx }) => {
      const conversation = context.conversations.open(tx, bob.account.publicKey)
      context.groups.add(tx, { conversation, phase: created() }, founded)
    })
    expect(added).toEqual([{ number: groupNumber(number + 1n), wasIn: false }])
  })

  test('are not those in which something else happened', async () => {
    const { engine } = testing.context
    const sealed = await engine.seal(group.live.state, Uint8Array.of(1))
    const nothing = await changedBy(({ context, tx }, live) => {
      context.groups.change(tx, live, { committedAtMs: 5n })
      context.groups.advance(tx, live, sealed.state, sealed.changed)
      context.groups.move(tx, live, { input: 'commit-made' })
    })
    expect(nothing).toEqual([])
  })
})

describe('the groups of a person', () => {
  const withThem = ({ account }: OwnAccount) =>
    (['all', 'unreconciled'] as const).map(which => groups().with(account.publicKey, which))
  const compared = ({ account: { publicKey: accountKey } }: OwnAccount, isComplete: boolean) =>
    testing.written((tx, unit) =>
      unit.context.groups.noteCompared(tx, group.in(unit), { accountKey, isComplete }),
    )
  const enter = async (...others: OwnAccount[]) => {
    const founded = await foundGroup(testing.context.engine, alice, { others, room: {} })
    await testing.written((tx, unit) => unit.context.groups.enter(tx, group.in(unit), founded))
  }

  test('are to be compared with the directory from the first day on, until they are', async () => {
    const { number } = group
    expect(withThem(bob)).toEqual([[number], [number]])
    await compared(bob, true)
    expect(withThem(bob)).toEqual([[number], []])
    await compared(bob, false)
    expect(withThem(bob)).toEqual([[number], [number]])
    expect(withThem(carol)).toEqual([[], []])
  })

  test('are compared again where a device of theirs came or went', async () => {
    const { number } = group
    const tablet = secondDevice(bob)
    await compared(bob, true)
    await enter(bob, carol)
    expect([withThem(bob), withThem(carol)]).toEqual([
      [[number], []],
      [[number], [number]],
    ])
    await enter(bob, tablet, carol)
    expect(withThem(bob)).toEqual([[number], [number]])
    const laptop = secondDevice(bob)
    for (const devices of [[tablet], [bob, tablet, laptop], [tablet, laptop]]) {
      await compared(bob, true)
      await enter(...devices, carol)
      expect(withThem(bob)).toEqual([[number], [number]])
    }
  })

  test('are theirs also where none of their devices is in it', async () => {
    const { number } = group
    const founded = await foundGroup(testing.context.engine, alice, { others: [bob], room: {} })
    const member = { accountKey: carol.account.publicKey, added: 3, isAdmin: false }
    const state = { ...founded.held.state, members: [...founded.held.state.members, member] }
    await testing.written((tx, unit) =>
      unit.context.groups.enter(tx, group.in(unit), { ...founded, held: { ...founded.held, state } }),
    )
    expect(withThem(carol)).toEqual([[number], [number]])
    await compared(carol, true)
    await enter(bob, carol)
    expect(withThem(carol)).toEqual([[number], [number]])
  })

  test('are theirs no more when they are out', async () => {
    await enter(carol)
    expect([withThem(bob), withThem(carol)]).toEqual([
      [[], []],
      [[group.number], [group.number]],
    ])
  })

  test('are compared again, all of them, after this device was out of it', async () => {
    await compared(bob, true)
    await group.enter({ name: 'ended', why: 'removed' })
    const founded = await foundGroup(testing.context.engine, alice, { others: [bob] })
    await testing.written((tx, unit) => unit.context.groups.restart(tx, group.in(unit), founded))
    expect(withThem(bob)).toEqual([[group.number], [group.number]])
  })
})

test('a group that another unit of work reads cannot be changed: that one’s changes would be lost', async () => {
  const { live } = group
  const { state, held, number } = live
  const sender = live.sender(bob.device.publicKey)
  const place = { epoch: 1n, leaf: 0 }
  const { conversation } = live.record
  const changes: ((groups: Groups, tx: Transaction) => unknown)[] = [
    (_, tx) => groups().add(tx, { conversation, phase: created() }, { state, held }),
    (own, tx) => own.restart(tx, live, { state, held }),
    (own, tx) => own.change(tx, live, {}),
    (own, tx) => own.move(tx, live, { input: 'removed' }),
    (own, tx) => own.advance(tx, live, state, place),
    (own, tx) => own.enter(tx, live, { state, held }),
    (own, tx) => own.savePending(tx, live, undefined),
    (own, tx) => own.saveSender(tx, live, sender),
    (own, tx) => own.noteCompared(tx, live, { accountKey: bob.account.publicKey, isComplete: true }),
  ]
  for (const change of changes) {
    const changed = testing.written((tx, { context }) => void change(context.groups, tx))
    await expect(changed).rejects.toThrow('not of this unit of work')
  }
  expect(groups().get(number)?.phase.name).toBe('active')
})
