// A group takes no commit any more: its conversation goes on in another one.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { SuccessorSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { createSuccessor } from '../../../../services/endpoint/groups/create.js'
import { changeSettings, intend, removeAccount } from '../../../../services/endpoint/groups/intents.js'
import { joined } from '../../../../services/endpoint/groups/state/group.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { COMES_WITHIN_MS, predecessorOfNext } from '../../../../services/endpoint/groups/succession.js'
import { type GroupNumber, NO_KEY, sequenceOf } from '../../../../services/endpoint/ids.js'
import { receiveOwnCommit } from '../../../../services/endpoint/messages/commits.js'
import {
  goOn,
  newestKnown,
  onBroken,
  putOffSuccessor,
  takeNoMore,
  takeSuccessor,
} from '../../../../services/endpoint/messages/succession.js'
import { MAX_INCARNATION } from '../../../../services/protocol/conversation/limits.js'
import { sameKey } from '../../../../services/protocol/keys.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { foundSuccessor, putInPhase } from '../../../support/endpoint-groups.js'
import { TestGroup } from '../../../support/group.js'
import { signedAs } from '../../../support/signed-head.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')
const ID = new Uint8Array(16).fill(99)
const PLACE = { sequence: sequenceOf(5n), storedAtMs: 6n }
const BROKEN = { name: 'broken', succeedAtMs: 0, leaveDue: false } as const
/** The wait of a device for each that comes before it. */
const TURN_MS = 300

let testing: TestContext
/** It was made by bob, who is its only admin; this device comes second. */
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { by: bob, others: [bob, carol], room: {} })
})

const live = (number: GroupNumber): LiveGroup => testing.context.groups.get(number)!
const now = () => testing.clock.now()
const phase = (group: { number: GroupNumber } = room) => live(group.number).phase

/** Another group of the room, which a member has made and this device has come into. */
async function next(before: TestGroup = room, by = carol): Promise<LiveGroup> {
  const { engine } = testing.context
  const others = [alice, bob, carol].filter(each => each !== by)
  const founded = await foundSuccessor(engine, by, before.live.held, { others })
  const entered = by === alice ? founded : await founded.join(0)
  const { number } = await testing.written((tx, unit) =>
    unit.context.groups.add(tx, { conversation: before.conversation, phase: joined() }, entered),
  )
  return live(number)
}

/** The group that this device makes, before the server has it. */
async function ownNext(): Promise<LiveGroup> {
  const invitees = { invitees: [], out: [] }
  const { group } = await testing.written((tx, unit) =>
    createSuccessor(unit.context, tx, room.in(unit), invitees),
  )
  return live(group.number)
}

describe('a group that somebody has broken', () => {
  const breaks = (by: OwnAccount, group = room) =>
    testing.written((tx, unit) => onBroken(unit.context, tx, group.in(unit), by.account.publicKey))

  test('is noted with who it was, once, and goes on in the turn of this device without them', async () => {
    await breaks(carol)
    expect(phase()).toEqual({ ...BROKEN, succeedAtMs: now() + TURN_MS })
    await breaks(bob)
    // Behind nobody any more: the one who made it has broken it.
    expect(phase()).toEqual({ ...BROKEN, succeedAtMs: now() })
    await breaks(carol)
    expect(room.live.record.brokenBy).toEqual([carol.account.publicKey, bob.account.publicKey])
  })

  test('of two is made anew', async () => {
    const direct = await TestGroup.of(testing, { others: [bob] })
    await breaks(bob, direct)
    expect(phase(direct)).toEqual({ name: 'ended', why: 'abandoned' })
    expect(testing.context.conversations.unopened()).toContain(direct.conversation)
  })

  test('is over where the number of the next one would be too high: nobody tries in vain for ever', async () => {
    const { live: last } = room
    const held = { ...last.held, incarnation: MAX_INCARNATION, groupId: ID }
    const { number } = await testing.written((tx, { context }) =>
      context.groups.add(
        tx,
        { conversation: room.conversation, phase: joined() },
        { state: last.state, held },
      ),
    )
    await testing.written((tx, { context }) => takeNoMore(context, tx, context.groups.get(number)!, {}))
    expect(phase({ number })).toEqual({ name: 'ended', why: 'abandoned' })
  })

  test('waits so long before it is anybody’s turn', async () => {
    await testing.written((tx, unit) => takeNoMore(unit.context, tx, room.in(unit), { waitMs: 70 }))
    expect(phase()).toEqual({ ...BROKEN, succeedAtMs: now() + 70 + TURN_MS })
  })
})

describe('the server says that the room goes on', () => {
  const successorBy = (account: OwnAccount, of = room.live.record.conversationId, id = ID) => {
    const bundle = { epoch: 0n, commit: Uint8Array.of(1), welcomes: [], creates: true }
    const { head, headSignature } = signedAs(account, id, bundle, {
      succeeds: { conversationId: of, epoch: 1n },
    })
    return create(SuccessorSchema, { conversationId: id, head, headSignature })
  }
  const take = (successor: ReturnType<typeof successorBy>, { group = room, place = PLACE } = {}) =>
    testing.written((tx, unit) => takeSuccessor(unit.context, tx, group.in(unit), { successor, place }))
  const places = () => room.live.record.successors.map(({ conversationId }) => conversationId)

  test('in a group that a member has made: its welcome is waited for', async () => {
    await take(successorBy(carol))
    expect(places()).toEqual([ID])
    expect(phase()).toEqual({ ...BROKEN, succeedAtMs: now() + COMES_WITHIN_MS + TURN_MS })
  })

  test('in several, of which each has its place, and neither a further one nor one that is said again puts anything off', async () => {
    const other = new Uint8Array(16).fill(98)
    await take(successorBy(carol))
    const before = phase()
    testing.clock.pass(1000)
    await take(successorBy(bob, undefined, other))
    expect([places(), phase()]).toEqual([[ID, other], before])
    testing.clock.pass(1000)
    await take(successorBy(carol))
    expect([places(), phase()]).toEqual([[ID, other], before])
  })

  test.each<[string, () => ReturnType<typeof successorBy>]>([
    ['that nobody of the room has made', () => successorBy(dave)],
    ['that goes on from another one', () => successorBy(carol, new Uint8Array(16))],
    [
      'of another id than its maker has signed',
      () => ({ ...successorBy(carol), conversationId: new Uint8Array(16) }),
    ],
    ['that nobody has signed', () => ({ ...successorBy(carol), headSignature: new Uint8Array(64) })],
  ])('in one %s: that is skipped', async (_, make) => {
    await take(make())
    expect([places(), phase().name]).toEqual([[], 'active'])
  })

  test('and one that is over stays so, with the place noted', async () => {
    await room.enter({ name: 'ended', why: 'succeeded' })
    await take(successorBy(carol))
    expect([places(), phase()]).toEqual([[ID], { name: 'ended', why: 'succeeded' }])
  })

  describe('which this device has gone on in another one of', () => {
    const LATER = new Uint8Array(16).fill(97)
    let present: LiveGroup
    beforeEach(async () => {
      present = await next()
      await take(successorBy(carol, undefined, new Uint8Array(present.record.conversationId)))
      await testing.written((tx, { context }) => goOn(context, tx, context.groups.get(present.number)!))
    })
    const used = () => live(present.number)

    test('by a member who did not come there, perhaps: that one goes on anew, in the place of the first', async () => {
      await take(successorBy(bob, undefined, LATER))
      expect(places()).toEqual([present.record.conversationId, LATER])
      expect(phase()).toEqual({ name: 'ended', why: 'succeeded' })
      // Carol made that, and bob and this device come behind her.
      expect(phase(present)).toEqual({ ...BROKEN, succeedAtMs: now() + COMES_WITHIN_MS + 2 * TURN_MS })
      expect(predecessorOfNext(testing.context, used()).number).toBe(room.number)
    })

    test('by one who is no member there any more: nothing changes, and its place is none', async () => {
      await testing.written((tx, { context }) => {
        const group = context.groups.get(present.number)!
        const members = group.held.state.members.filter(
          ({ accountKey }) => !sameKey(accountKey, bob.account.publicKey),
        )
        const held = { ...group.held, state: { ...group.held.state, members } }
        context.groups.enter(tx, group, { state: group.state, held })
      })
      await take(successorBy(bob, undefined, LATER))
      expect([places(), phase(present).name]).toEqual([[present.record.conversationId], 'active'])
    })

    test('where that has come further in the chain: a member makes so many in vain, and a person is told', async () => {
      await testing.written((tx, { context }) => {
        const group = context.groups.get(present.number)!
        const state = { ...group.held.state, head: new Uint8Array(32).fill(1) }
        context.groups.enter(tx, group, { state: group.state, held: { ...group.held, state } })
      })
      const told = () => testing.context.conversations.history(room.conversation)
      // Bob has made it at the same time, perhaps, and comes along.
      await take(successorBy(bob, undefined, LATER))
      const place = { ...PLACE, storedAtMs: PLACE.storedAtMs + BigInt(COMES_WITHIN_MS) }
      await take(successorBy(alice, undefined, new Uint8Array(16).fill(98)), { place })
      expect(phase(present).name).toBe('active')
      const ids = Array.from({ length: 7 }, (_, index) => new Uint8Array(16).fill(200 + index))
      for (const id of ids) await take(successorBy(bob, undefined, id), { place })
      expect([phase(present).name, told()]).toEqual(['broken', []])
      const before = places()
      await take(successorBy(bob, undefined, new Uint8Array(16).fill(99)), { place })
      expect(places()).toEqual(before)
      expect(told()).toMatchObject([{ system: { code: 'not-along', who: 'bob' } }])
      // Another one may have been left out.
      await take(successorBy(carol, undefined, new Uint8Array(16).fill(100)), { place })
      expect(places()).toHaveLength(before.length + 1)
    })
  })

  test('and one that is to be left is left in the next', async () => {
    await room.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await take(successorBy(carol))
    expect(phase()).toMatchObject({ name: 'broken', leaveDue: true })
  })
})

describe('a group that is there to go on in', () => {
  const goesOn = (group: LiveGroup) =>
    testing.written((tx, unit) => goOn(unit.context, tx, unit.context.groups.get(group.number)!))

  test('takes the place of all that were before, and what was to be changed there', async () => {
    const second = await next()
    await testing.written((tx, unit) => {
      const topic = (text: string) => changeSettings({ topic: text })
      intend(unit.context, tx, room.in(unit), topic('one'))
      intend(unit.context, tx, unit.context.groups.get(second.number)!, topic('two'))
    })
    const third = await testing.written(async (tx, unit) => {
      const before = unit.context.groups.get(second.number)!
      const founded = await foundSuccessor(unit.context.engine, bob, before.held, { others: [alice] })
      const entered = await founded.join(0)
      return unit.context.groups.add(tx, { conversation: room.conversation, phase: joined() }, entered).number
    })
    await goesOn(live(third))
    expect([phase(), phase(second)]).toEqual([1, 2].map(() => ({ name: 'ended', why: 'succeeded' })))
    expect(testing.context.intents.of(live(third)).map(({ intent }) => intent.change)).toEqual([
      ...[changeSettings({ topic: 'one' }), changeSettings({ topic: 'two' })],
    ])
    expect(testing.context.intents.all()).toHaveLength(2)
  })

  test.each([
    [
      'and takes out who had broken that, where this device may',
      {},
      [removeAccount(carol.account.publicKey)],
    ],
    ['and leaves that to an admin', { by: bob }, []],
  ])('takes the place of one that was broken, %s', async (_, by, intended) => {
    room = await TestGroup.of(testing, { ...by, others: [bob, carol], room: {} })
    await room.change({ brokenBy: [carol.account.publicKey, dave.account.publicKey] })
    const second = await next()
    await goesOn(second)
    expect(testing.context.intents.of(live(second.number)).map(({ intent }) => intent.change)).toEqual(
      intended,
    )
  })

  test('leaves others and later ones alone', async () => {
    const second = await next()
    const other = await TestGroup.of(testing, { others: [bob], room: {} })
    await goesOn(live(room.number))
    expect([phase(other).name, phase(second).name]).toEqual(['active', 'active'])
  })

  test.each([
    [{ ...BROKEN, leaveDue: true }, true],
    [{ name: 'out-of-sync', askDue: false, leaveDue: true }, true],
    [{ name: 'leaving', leaveDue: false, commitOut: false }, true],
    [{ name: 'ended', why: 'left' }, false],
    [BROKEN, false],
  ] as const)('after one that was %j: is to be left %s', async (before, isLeft) => {
    await room.enter(before)
    const second = await next()
    await goesOn(second)
    expect(phase(second)).toEqual(isLeft ? { name: 'leaving', leaveDue: true, commitOut: false } : joined())
    expect(testing.context.conversations.history(room.conversation)).toEqual([])
  })

  test('of two stands beside one of the same incarnation', async () => {
    const [one, other] = [
      await TestGroup.of(testing, { others: [bob] }),
      await TestGroup.of(testing, { others: [bob] }),
    ]
    await goesOn(live(other.number))
    expect([phase(one).name, phase(other).name]).toEqual(['active', 'active'])
  })

  test('follows the newest that is known', async () => {
    const find = () => newestKnown(testing.context, room.live.held)?.number
    expect(find()).toBe(room.number)
    const second = await next()
    expect(find()).toBe(second.number)
  })
})

describe('a group that this device has made to go on in', () => {
  const won = (group: LiveGroup) =>
    testing.written((tx, unit) =>
      receiveOwnCommit(unit.context, tx, unit.context.groups.get(group.number)!, PLACE, []),
    )
  /** The places of groups in the order of the one before. */
  const ordered = (...groups: LiveGroup[]) =>
    room.change({
      successors: groups.map(({ record: { conversationId } }) => ({
        $typeName: 'parley.vault.v1.Successor',
        conversationId,
        by: NO_KEY,
        listedAtMs: 0n,
      })),
    })

  beforeEach(() => room.enter(BROKEN))

  test('is used from when the server has it', async () => {
    const own = await ownNext()
    expect([phase(own).name, phase().name]).toEqual(['creating', 'broken'])
    await won(own)
    expect([phase(own).name, phase()]).toEqual(['active', { name: 'ended', why: 'succeeded' }])
    // Those who join it read that as well.
    expect(testing.context.conversations.history(room.conversation)).toMatchObject([
      { system: { code: 'went-on' } },
    ])
  })

  test('tells who had begun others before it, of those that this device was never in', async () => {
    const [own, known] = [await ownNext(), await next()]
    const entry = (conversationId: Uint8Array, by: OwnAccount | undefined) => ({
      $typeName: 'parley.vault.v1.Successor' as const,
      ...{ conversationId, by: by?.account.publicKey ?? NO_KEY, listedAtMs: 0n },
    })
    const unknown = (byte: number) => new Uint8Array(16).fill(byte)
    await room.change({
      successors: [
        entry(unknown(1), dave),
        entry(known.record.conversationId, carol),
        entry(unknown(2), bob),
        entry(unknown(3), bob),
        entry(unknown(4), undefined),
        entry(own.record.conversationId, alice),
        entry(unknown(5), carol),
      ],
    })
    await won(own)
    expect(testing.context.conversations.history(room.conversation)).toMatchObject([
      { system: { code: 'begun-without-you', who: ['bob'] } },
      { system: { code: 'went-on' } },
    ])
  })

  test('is over where another one stands behind it, and takes its place where that stands before', async () => {
    for (const [place, winner] of [
      [0, 'own'],
      [1, 'other'],
    ] as const) {
      room = await TestGroup.of(testing, { by: bob, others: [bob, carol], room: {} })
      await room.enter(BROKEN)
      const [own, other] = [await ownNext(), await next()]
      await ordered(...(place === 0 ? [other, own] : [own, other]))
      await won(own)
      const [used, over] = winner === 'own' ? [own, other] : [other, own]
      expect([phase(used).name, phase(over)]).toEqual(['active', { name: 'ended', why: 'succeeded' }])
    }
  })

  test('and that came behind another one is waited for, and made behind that', async () => {
    const own = await ownNext()
    await testing.written((tx, { context }) =>
      putOffSuccessor(context, tx, context.groups.get(own.number)!, { last: ID }),
    )
    expect(phase()).toEqual({ ...BROKEN, succeedAtMs: now() + COMES_WITHIN_MS + TURN_MS })
    expect(room.live.record.lastSuccessor).toEqual(ID)
  })

  test('and that the server refuses is made again later, three times in a minute', async () => {
    const putOff = (group: LiveGroup, retryAfterMs: number) =>
      testing.written((tx, unit) =>
        putOffSuccessor(unit.context, tx, unit.context.groups.get(group.number)!, { retryAfterMs }),
      )
    const AGAIN_MS = 1_000
    for (let time = 1; time <= 3; time++) {
      const own = await ownNext()
      await testing.written((tx, unit) => {
        const group = unit.context.groups.get(own.number)!
        unit.context.groups.change(tx, group, { succeededAtMs: BigInt(now()) })
      })
      await putInPhase(testing, own, { name: 'ended', why: 'abandoned' })
      await putOff(own, time === 1 ? 5_000 : 0)
      const wait = [5_000, AGAIN_MS, 60_000 - TURN_MS][time - 1]!
      expect(phase()).toEqual({ ...BROKEN, succeedAtMs: now() + wait + TURN_MS })
    }
  })
})
