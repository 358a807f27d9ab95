// History from before this device came: who may hand what over, and where it is filed.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../../gen/parley/content/v1/room_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import { encodeSettings } from '../../../../../services/endpoint/groups/policy.js'
import { sequenceOf } from '../../../../../services/endpoint/ids.js'
import { historyPart, takeKept } from '../../../../../services/endpoint/messages/content/history-part.js'
import { TEXT_BYTES } from '../../../../../services/protocol/sizes.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../../../services/protocol/time.js'
import { openTestContext, pinned, type TestContext } from '../../../../support/endpoint-context.js'
import { foundGroup } from '../../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { keyIn } from '../../../../support/numbers.js'
import { saidIn } from '../../../../support/said.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')
const erin = makeAccount('erin')
const phone = secondDevice(alice)

let testing: TestContext
/** With bob alone. */
let direct: TestGroup
/** Of alice, bob and the phone; a day of it is handed over. */
let room: TestGroup
let own: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  direct = await TestGroup.of(testing, { others: [bob] })
  room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, phone], historyDays: 1 })
  own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [phone] })
  await pinned(testing, dave, erin)
})

interface Line {
  text?: string
  from?: OwnAccount
  fromAccount?: Uint8Array
  fromHandle?: string
  sentAtMs?: bigint
  sequence?: bigint
}

interface Part {
  of?: Uint8Array
  peerAccount?: Uint8Array
  peer?: OwnAccount
  last?: boolean
}

/** A part of the room, complete, unless given. */
function part(lines: readonly Line[], { of, peer, last = true, ...given }: Part = {}) {
  const messages = lines.map(({ text = 'line', from = dave, ...line }, index) => ({
    ...{
      body: { case: 'text' as const, value: text },
      fromAccount: from.account.publicKey,
      fromHandle: from.handle,
      fromDevice: new Uint8Array(32).fill(9),
      sentAtMs: now(),
      sequence: BigInt(index + 1),
    },
    ...line,
  }))
  const named = peer ? { peerAccount: peer.account.publicKey, peerHandle: peer.handle } : {}
  const conversationId = of ?? room.live.record.conversationId
  return {
    body: { case: 'historyPart', value: { conversationId, messages, ...named, ...given, last } },
  } as const
}

const now = () => BigInt(testing.clock.now())
const history = (group: TestGroup) => testing.context.conversations.history(group.conversation)
const texts = (group: TestGroup) =>
  history(group).flatMap(({ kind, from, own, text }) =>
    kind === 'text' ? [`${own ? 'I' : from}: ${text}`] : [],
  )
const events = (group: TestGroup) =>
  history(group)
    .filter(({ kind }) => kind === 'event')
    .map(saidIn)
const kept = () => testing.context.records.keys('historyparts').length

describe('a member of the room', () => {
  test('hands over what the room lets new members see, and it is said who did', async () => {
    await direct.take(bob, part([{ text: 'one' }, { text: 'two' }]))
    expect(texts(room)).toEqual(['dave: one', 'dave: two'])
    expect(events(room)).toEqual(['2 lines of history handed over by bob'])
  })

  test('hands over nothing that is older than the days of the room, clocks aside', async () => {
    const oldest = now() - BigInt(DAY_MS) - BigInt(CLOCK_SLACK_MS)
    await direct.take(
      bob,
      part([
        { text: 'too old', sentAtMs: oldest - 1n },
        { text: 'just so', sentAtMs: oldest },
      ]),
    )
    expect(texts(room)).toEqual(['dave: just so'])
    expect(events(room)).toEqual(['1 line of history handed over by bob'])
  })

  test('hands over nothing where the room says so', async () => {
    room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob], name: 'secret' })
    await direct.take(bob, part([{ text: 'one' }]))
    expect(history(room)).toEqual([])
  })

  test('cannot say what this account has said', async () => {
    await direct.take(bob, part([{ text: 'never said', from: alice }]))
    expect(texts(room)).toEqual(['alice: never said'])
    expect(history(room)[0]).toMatchObject({ own: false, state: 'received' })
  })

  test('cannot do it in the room itself', async () => {
    await room.take(bob, part([{ text: 'one' }]))
    expect(history(room)).toEqual([])
    expect(kept()).toBe(0)
  })
})

test('somebody who is not in the room hands nothing over', async () => {
  const withCarol = await TestGroup.of(testing, { others: [carol] })
  await withCarol.take(carol, part([{ text: 'one' }]))
  expect(history(room)).toEqual([])
  expect(kept()).toBe(0)
})

test('somebody who is not in the room does not end what a member hands over', async () => {
  const withCarol = await TestGroup.of(testing, { others: [carol] })
  await direct.take(bob, part([{ text: 'one' }], { last: false }))
  await withCarol.take(carol, part([]))
  expect(events(room)).toEqual([])
  await direct.take(bob, part([]))
  expect(events(room)).toEqual(['1 line of history handed over by bob'])
})

test('the other one of two hands nothing over, whatever the group says of its history', async () => {
  const { number, live } = await TestGroup.of(testing, { others: [bob] })
  const { conversationId, conversation } = live.record
  const handOver = async () => {
    await direct.take(bob, part([{ text: 'one' }], { of: conversationId }))
    return testing.context.conversations.history(conversation)
  }
  expect(await handOver()).toEqual([])
  const settings = create(GroupSettingsSchema, { kind: GroupKind.DIRECT, history: { days: 7 } })
  const { state } = await foundGroup(testing.context.engine, bob, {
    ...{ others: [alice], settings: encodeSettings(settings) },
  })
  await testing.written((tx, { context }) => context.groups.enter(tx, context.groups.get(number)!, state))
  expect([await handOver(), kept()]).toEqual([[], 0])
})

describe('what another device of this account hands over', () => {
  test('is of any age, and what this account said is its own', async () => {
    await own.take(phone, part([{ text: 'long ago', sentAtMs: 1n, from: alice }]))
    expect(texts(room)).toEqual(['I: long ago'])
    expect(history(room)[0]).toMatchObject({ state: 'stored' })
    expect(events(room)[0]).toMatch(/^1 line of history from your device SHA256:/)
  })

  test('of a conversation with a person is filed there, and needs no group', async () => {
    await own.take(phone, part([{ text: 'hi', from: erin }], { of: new Uint8Array(), peer: erin }))
    const number = testing.context.conversations.withPerson(erin.account.publicKey)!
    expect(testing.context.conversations.history(number)[0]).toMatchObject({ from: 'erin', text: 'hi' })
    expect(testing.context.conversations.isFromHistory(number)).toBe(true)
  })

  test.each([
    ['this account', alice],
    ['what is no handle', { ...erin, handle: 'No Handle' }],
  ])('of a conversation with %s is not filed', async (_, peer) => {
    const before = testing.context.conversations.all()
    await own.take(phone, part([{ text: 'hi' }], { peer }))
    expect(testing.context.conversations.all()).toEqual(before)
    expect(history(room)).toEqual([])
  })

  test('in a conversation with somebody else is not for a conversation with a person', async () => {
    const withPhone = await TestGroup.of(testing, { others: [carol, phone] })
    await withPhone.take(phone, part([{ text: 'hi' }], { of: new Uint8Array(), peer: erin }))
    expect(testing.context.conversations.withPerson(erin.account.publicKey)).toBeUndefined()
  })
})

describe('lines', () => {
  test.each<[string, Line]>([
    ['of no handle', { fromHandle: 'No Handle' }],
    ['of an account whose key is none', { fromAccount: new Uint8Array(5) }],
    ['without a place in the order', { sequence: 0n }],
    ['longer than a text can be', { text: 'x'.repeat(TEXT_BYTES + 1) }],
  ])('%s are left out', async (_, line) => {
    await direct.take(bob, part([line, { text: 'good', sequence: 7n }]))
    expect(texts(room)).toEqual(['dave: good'])
    expect(events(room)).toEqual(['1 line of history handed over by bob'])
  })

  test('as long as a text can be are taken', async () => {
    await direct.take(bob, part([{ text: 'x'.repeat(TEXT_BYTES) }]))
    expect(texts(room)).toHaveLength(1)
  })

  test('that are here already are not shown twice, nor counted', async () => {
    await direct.take(bob, part([{ text: 'one' }]))
    await direct.take(bob, part([{ text: 'one' }]))
    expect(texts(room)).toEqual(['dave: one'])
    expect(events(room)).toHaveLength(1)
  })

  test('of several parts are counted together, when the last has come', async () => {
    await direct.take(bob, part([{ text: 'one' }], { last: false }))
    expect(events(room)).toEqual([])
    await direct.take(bob, part([{ text: 'two', sequence: 9n }]))
    expect(events(room)).toEqual(['2 lines of history handed over by bob'])
  })
})

describe('a part that comes before its room', () => {
  const OTHER = new Uint8Array(16).fill(200)
  /** This device joins the room whose parts have come. */
  async function joins(): Promise<void> {
    const place = { sequence: sequenceOf(50n), storedAtMs: now() }
    await testing.written((tx, unit) => {
      const group = room.in(unit)
      tx.put('groups', { group: 0n, id: group.number }, { ...group.record, conversationId: OTHER })
      takeKept(unit.context, tx, group, place)
    })
  }

  test('waits for it, and is filed as it would have been', async () => {
    await direct.take(bob, part([{ text: 'early' }], { of: OTHER }))
    const withCarol = await TestGroup.of(testing, { others: [carol] })
    await withCarol.take(carol, part([{ text: 'of a stranger', sequence: 5n }], { of: OTHER }))
    await direct.take(bob, part([{ text: 'of another room' }], { of: new Uint8Array(16).fill(201) }))
    expect([history(room).length, kept()]).toEqual([0, 3])
    await joins()
    expect(texts(room)).toEqual(['dave: early'])
    expect(history(room).at(-1)).toMatchObject({ kind: 'event', sequence: 50n })
    expect(kept()).toBe(1)
  })

  test('waits with so many others at most, since anybody can send them', async () => {
    await testing.written(tx => {
      for (let id = 1n; id <= 511n; id++)
        tx.put('historyparts', keyIn('historyparts', { group: 0n, id }), {
          giverAccount: bob.account.publicKey,
          giverDevice: bob.device.publicKey,
        })
    })
    for (const text of ['the last', 'one too many']) await direct.take(bob, part([{ text }], { of: OTHER }))
    expect(kept()).toBe(512)
    const last = testing.context.records.get('historyparts', keyIn('historyparts', { group: 0n, id: 512n }))
    expect(Buffer.from(last!.part).includes('the last')).toBe(true)
  })

  test('of another device of this account waits also for a room that is over here', async () => {
    await room.enter({ name: 'ended', why: 'removed' })
    await direct.take(bob, part([{ text: 'one' }]))
    expect(kept()).toBe(0)
    await own.take(phone, part([{ text: 'one' }]))
    expect(kept()).toBe(1)
    expect(history(room)).toEqual([])
    // Among others it hands over nothing that only its own account may have.
    const withPhone = await TestGroup.of(testing, { others: [carol, phone] })
    await withPhone.take(phone, part([{ text: 'one' }]))
    expect(kept()).toBe(1)
  })
})

test('history is owed a receipt, and is not taken from somebody who is blocked', () => {
  expect(historyPart).toMatchObject({ owesReceipt: true, fromBlocked: false })
})
