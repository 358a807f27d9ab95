// History from before this device came: who may hand what over and until when, whose words it is, and where it is filed.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { ConversationKind } from '../../../../../gen/parley/content/v1/chain_pb.js'
import type { HistoryMessage } from '../../../../../gen/parley/content/v1/content_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import { joined } from '../../../../../services/endpoint/groups/state/group.js'
import { sequenceOf } from '../../../../../services/endpoint/ids.js'
import {
  awaitHistory,
  HANDED_WITHIN_MS,
  historyPart,
  takeKept,
} from '../../../../../services/endpoint/messages/content/history-part.js'
import { fixedConversationId } from '../../../../../services/protocol/conversation/chain/conversation-id.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
import { TEXT_BYTES } from '../../../../../services/protocol/sizes.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../../../services/protocol/time.js'
import { openTestContext, pinned, type TestContext } from '../../../../support/endpoint-context.js'
import { foundGroup, inNextEpoch } from '../../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { hearsay, signedLine } from '../../../../support/history-lines.js'
import { keyIn } from '../../../../support/numbers.js'
import { saidIn } from '../../../../support/said.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')
const erin = makeAccount('erin')
const phone = secondDevice(alice)

let testing: TestContext
/** With bob alone, who has added alice to the room. */
let direct: TestGroup
/** Of bob, who made it, alice, carol and dave; a day of it is handed over. */
let room: TestGroup
let own: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  direct = await TestGroup.of(testing, { others: [bob] })
  room = await TestGroup.of(testing, { others: [bob, carol, dave], by: bob, room: { historyDays: 1 } })
  own = await TestGroup.of(testing, { others: [phone] })
  await pinned(testing, dave, erin)
  await testing.written((tx, unit) => {
    unit.context.contacts.admit(tx, bob.account.publicKey)
    awaitHistory(unit.context, tx, room.in(unit))
  })
})

interface Line {
  text?: string
  from?: OwnAccount
  sentAtMs?: bigint
  sequence?: bigint
}

interface Part {
  of?: Uint8Array
  peerAccount?: Uint8Array
  peer?: OwnAccount
  last?: boolean
  toDevice?: Uint8Array
}

const now = () => BigInt(testing.clock.now())
const roomId = () => room.live.held.state.id
const filled = (line: Line, index: number) => ({
  ...{ text: 'line', from: dave, sentAtMs: now(), sequence: BigInt(index + 1) },
  ...line,
})

/** A part of the room for a person, complete, unless given. */
function partOf(
  messages: readonly HistoryMessage[],
  { of = roomId(), peer, last = true, ...given }: Part = {},
) {
  const named = peer ? { peerAccount: peer.account.publicKey, peerHandle: peer.handle } : {}
  const value = { conversationId: of, messages: [...messages], ...named, ...given, last }
  return { body: { case: 'historyPart', value } } as const
}

/** The same of lines that their writers have signed. */
const part = (lines: readonly Line[], given: Part = {}) =>
  partOf(
    lines.map((line, index) => signedLine(given.of ?? roomId(), filled(line, index))),
    given,
  )
const toThis = { toDevice: alice.device.publicKey }
const idWith = ({ account }: OwnAccount) =>
  fixedConversationId(crypto, ConversationKind.DIRECT, [alice.account.publicKey, account.publicKey])
/** Of the conversation with this person. */
const withPeer = (peer: OwnAccount): Part => ({ ...toThis, of: idWith(peer), peer })

const history = (group: TestGroup) => testing.context.conversations.history(group.conversation)
const texts = (group: TestGroup) =>
  history(group).flatMap(({ kind, from, own, text, hearsay: teller }) =>
    kind === 'text' ? [`${own ? 'I' : from}: ${text}${teller ? ` (${teller})` : ''}`] : [],
  )
const events = (group: TestGroup) =>
  history(group)
    .filter(({ kind }) => kind === 'event')
    .map(saidIn)
const kept = () => testing.context.records.keys('historyparts').length

describe('the account that added this one to a room', () => {
  test('hands over what the room lets new members see, and it is said who did', async () => {
    await direct.take(bob, part([{ text: 'one' }, { text: 'two', from: carol }]))
    expect(texts(room)).toEqual(['dave: one', 'carol: two'])
    expect(events(room)).toEqual(['2 lines of history handed over by bob'])
    expect(testing.context.certificates.get(dave.device.publicKey)).toEqual(dave.certificate)
  })

  test('hands over nothing that is older than the days of the room, clocks aside', async () => {
    const oldest = now() - BigInt(DAY_MS) - BigInt(CLOCK_SLACK_MS)
    const lines = [
      { text: 'too old', sentAtMs: oldest - 1n },
      { text: 'just so', sentAtMs: oldest },
    ]
    await direct.take(bob, part(lines))
    expect(texts(room)).toEqual(['dave: just so'])
    expect(events(room)).toEqual(['1 line of history handed over by bob'])
  })

  test('hands over nothing where the room says so', async () => {
    room = await TestGroup.of(testing, { others: [bob, dave], by: bob, room: { name: 'secret' } })
    await testing.written((tx, unit) => awaitHistory(unit.context, tx, room.in(unit)))
    await direct.take(bob, part([{ text: 'one' }]))
    expect(history(room)).toEqual([])
  })

  test('hands over what this account has said where a device of it has signed that', async () => {
    await direct.take(bob, part([{ text: 'said', from: phone }]))
    expect(history(room)[0]).toMatchObject({ text: 'said', own: true, state: 'stored' })
    const told = filled({ text: 'never said', from: alice, sequence: 9n }, 0)
    await testing.written((tx, unit) => awaitHistory(unit.context, tx, room.in(unit)))
    await direct.take(bob, partOf([hearsay(told)]))
    const never = history(room).find(({ text }) => text === 'never said')
    expect(never).toMatchObject({ own: false, state: 'received', hearsay: 'bob' })
  })

  test('cannot do it in the room itself', async () => {
    await room.take(bob, part([{ text: 'one' }]))
    expect(history(room)).toEqual([])
    expect(kept()).toBe(0)
  })

  test('can do it until all was handed over', async () => {
    await direct.take(bob, part([{ text: 'one' }], { last: false }))
    await direct.take(bob, part([{ text: 'two', sequence: 2n }]))
    await direct.take(bob, part([{ text: 'three', sequence: 3n }]))
    expect(texts(room)).toEqual(['dave: one', 'dave: two'])
    expect(kept()).toBe(0)
  })

  test('can do it for an hour, by the clock of this device', async () => {
    testing.clock.pass(HANDED_WITHIN_MS - 1)
    await direct.take(bob, part([{ text: 'in time' }], { last: false }))
    testing.clock.pass(1)
    await direct.take(bob, part([{ text: 'late', sequence: 2n }]))
    expect(texts(room)).toEqual(['dave: in time'])
  })

  test('does not get more time by a clock that is put back', async () => {
    await testing.written((tx, { context }) =>
      context.conversations.mayBeHanded(tx, room.conversation, testing.clock.now() + HANDED_WITHIN_MS + 1),
    )
    await direct.take(bob, part([{ text: 'one' }]))
    expect(history(room)).toEqual([])
  })

  test('has no time for it where this account was added before, or by itself', async () => {
    const until = () => testing.context.conversations.handedUntil(room.conversation)
    const waits = () => testing.written((tx, unit) => awaitHistory(unit.context, tx, room.in(unit)))
    const forget = () =>
      testing.written((tx, { context }) => context.conversations.mayBeHanded(tx, room.conversation, 0))
    expect(until()).toBe(testing.clock.now() + HANDED_WITHIN_MS)
    await forget()
    await testing.written((tx, { context }) => {
      const { held, record } = context.groups.get(room.number)!
      // The room has gone on in another group, at an epoch with that number.
      awaitHistory(context, tx, { held: { ...held, groupId: new Uint8Array(16) }, record })
    })
    expect(until()).toBe(0)
    await inNextEpoch(testing, room)
    await waits()
    expect(until()).toBe(0)
    await direct.take(bob, part([{ text: 'one' }]))
    expect(history(room)).toEqual([])
  })
})

test.each([
  ['another member of the room', carol],
  ['somebody who is not in it', erin],
])('%s hands nothing over', async (_, giver) => {
  const others = await TestGroup.of(testing, { others: [giver] })
  await testing.written((tx, { context }) => context.contacts.admit(tx, giver.account.publicKey))
  await direct.take(bob, part([{ text: 'one' }], { last: false }))
  await others.take(giver, part([{ text: 'two', sequence: 2n }]))
  expect([texts(room), events(room), kept()]).toEqual([['dave: one'], [], 0])
  // Nor does that end what the one who may hand it over does.
  await direct.take(bob, part([]))
  expect(events(room)).toEqual(['1 line of history handed over by bob'])
})

test('of a conversation of two nobody else hands anything over', async () => {
  await direct.take(bob, part([{ text: 'one', from: bob }], { of: idWith(bob) }))
  await direct.take(bob, part([{ text: 'one', from: erin }], { of: idWith(erin), peer: erin }))
  expect([history(direct), kept()]).toEqual([[], 0])
  expect(testing.context.conversations.withPerson(erin.account.publicKey)).toBeUndefined()
})

test('what another device of this account hands over to somebody else is not taken', async () => {
  const withPhone = await TestGroup.of(testing, { others: [bob, phone] })
  await withPhone.take(phone, part([{ text: 'one' }], toThis))
  await withPhone.take(phone, part([{ text: 'one', from: erin }], withPeer(erin)))
  expect([history(room), kept()]).toEqual([[], 0])
  expect(testing.context.conversations.withPerson(erin.account.publicKey)).toBeUndefined()
})

describe('what another device of this account hands over', () => {
  test('is of any age, and what this account said is its own', async () => {
    await own.take(phone, part([{ text: 'long ago', sentAtMs: 1n, from: alice }], toThis))
    expect(texts(room)).toEqual(['I: long ago'])
    expect(history(room)[0]).toMatchObject({ state: 'stored' })
    expect(events(room)[0]).toMatch(/^1 line of history from your device SHA256:/)
  })

  test('is for the device that it names', async () => {
    await own.take(phone, part([{ text: 'one' }], { toDevice: phone.device.publicKey }))
    await own.take(phone, part([{ text: 'one' }]))
    expect([history(room), kept()]).toEqual([[], 0])
  })

  test('of a conversation with a person is filed there, and needs no group', async () => {
    await own.take(phone, part([{ text: 'hi', from: erin }], withPeer(erin)))
    const number = testing.context.conversations.withPerson(erin.account.publicKey)!
    expect(testing.context.conversations.history(number)[0]).toMatchObject({ from: 'erin', text: 'hi' })
    expect(testing.context.conversations.isFromHistory(number)).toBe(true)
    expect(testing.context.contacts.isAdmitted(erin.account.publicKey)).toBe(true)
  })

  test.each<[string, Part]>([
    ['this account', { peer: alice }],
    ['what is no handle', { peer: { ...erin, handle: 'No Handle' } }],
    ['what is no key', { peer: erin, peerAccount: new Uint8Array(5) }],
    ['somebody, named by another id', { peer: erin, of: idWith(bob) }],
  ])('of a conversation with %s is not filed', async (_, given) => {
    const before = testing.context.conversations.all()
    await own.take(phone, part([{ text: 'hi', from: erin }], { ...toThis, of: idWith(erin), ...given }))
    expect(testing.context.conversations.all()).toEqual(before)
    expect(history(room)).toEqual([])
  })

  test('without a signature is told by the one who told it to that device, or by this account', async () => {
    const toldBy = bob.account.publicKey
    const told = [hearsay(filled({ text: 'one' }, 0), { toldBy }), hearsay(filled({ text: 'two' }, 1))]
    await own.take(phone, partOf(told, toThis))
    expect(texts(room)).toEqual(['dave: one (bob)', 'dave: two (alice)'])
    // The one who hands it over is shown as its teller, whoever told it to them.
    await direct.take(
      bob,
      partOf([hearsay(filled({ text: 'three' }, 2), { toldBy: carol.account.publicKey })]),
    )
    expect(texts(room)[2]).toBe('dave: three (bob)')
  })
})

describe('lines', () => {
  const good = () => signedLine(roomId(), filled({ text: 'good', sequence: 7n }, 0))
  const line = (given: Line = {}) => filled(given, 0)
  test.each<[string, () => HistoryMessage]>([
    ['of somebody who never was in the room', () => signedLine(roomId(), line({ from: erin }))],
    ['of another conversation', () => signedLine(idWith(dave), line())],
    ['without a place in the order', () => signedLine(roomId(), line({ sequence: 0n }))],
    ['whose certificate is another device’s', () => signedLine(roomId(), line({ from: swapped }))],
    ['of a type that is not known', () => ({ ...good(), body: { case: undefined } })],
    ['told of somebody who never was in the room', () => hearsay(line({ from: erin }))],
    ['told of no handle', () => hearsay(line(), { fromHandle: 'No Handle' })],
    ['told of an account whose key is none', () => hearsay(line(), { fromAccount: new Uint8Array(5) })],
    ['told of a device whose key is none', () => hearsay(line(), { fromDevice: new Uint8Array(31) })],
    ['told without a place in the order', () => hearsay(line({ sequence: 0n }))],
    ['told longer than a text can be', () => hearsay(line({ text: 'x'.repeat(TEXT_BYTES + 1) }))],
  ])('%s are left out', async (_, bad) => {
    await direct.take(bob, partOf([bad(), good()]))
    expect(texts(room)).toEqual(['dave: good'])
    expect(events(room)).toEqual(['1 line of history handed over by bob'])
  })
  const swapped = { ...dave, device: carol.device }

  test('as long as a text can be are taken, told ones, too', async () => {
    const text = 'x'.repeat(TEXT_BYTES)
    await direct.take(bob, partOf([signedLine(roomId(), line({ text })), hearsay(filled({ text }, 1))]))
    expect(texts(room)).toHaveLength(2)
  })

  test('of somebody who has left are theirs still', async () => {
    const { state } = room.live.held
    expect(state.members).toHaveLength(4)
    await room.committed(bob)
    await testing.written((tx, { context }) => {
      const live = context.groups.get(room.number)!
      const members = state.members.filter(({ accountKey }) => accountKey !== state.members[3]!.accountKey)
      context.groups.enter(tx, live, {
        state: live.state,
        held: { ...live.held, state: { ...state, members } },
      })
    })
    await direct.take(bob, part([{ text: 'one', from: dave }]))
    expect(texts(room)).toEqual(['dave: one'])
  })

  test('that are here already are not shown twice, nor counted', async () => {
    const lines = [{ text: 'one', sentAtMs: now() }]
    await own.take(phone, part(lines, toThis))
    await own.take(phone, part(lines, toThis))
    await own.take(phone, part([{ ...lines[0], sequence: 1n }], toThis))
    expect(texts(room)).toEqual(['dave: one'])
    expect(events(room)).toHaveLength(1)
  })

  test('of several parts are counted together, when the last has come, also within one write', async () => {
    await direct.take(bob, part([{ text: 'one' }], { last: false }))
    expect(events(room)).toEqual([])
    await direct.take(bob, part([{ text: 'two', sequence: 9n }]))
    expect(events(room)).toEqual(['2 lines of history handed over by bob'])
  })
})

describe('a part that comes before its room', () => {
  /** A room of bob, to which he has added alice. */
  const founded = () =>
    foundGroup(testing.context.engine, bob, { others: [alice, dave], room: { historyDays: 1 } })
  type Founded = Awaited<ReturnType<typeof founded>>

  async function joins(other: Founded): Promise<TestGroup['conversation']> {
    const group = await other.join(0)
    return await testing.written((tx, { context }) => {
      const conversation = context.conversations.openRoom(tx, 'other')
      const live = context.groups.add(tx, { conversation, phase: joined() }, group)
      awaitHistory(context, tx, live)
      takeKept(context, tx, live, { sequence: sequenceOf(50n), storedAtMs: now() })
      return conversation
    })
  }

  test('waits for it, and is filed as it would have been', async () => {
    const other = await founded()
    const of = other.held.state.id
    const withCarol = await TestGroup.of(testing, { others: [carol] })
    await testing.written((tx, { context }) => context.contacts.admit(tx, carol.account.publicKey))
    await direct.take(bob, part([{ text: 'early' }], { of }))
    await withCarol.take(carol, part([{ text: 'of another one', sequence: 5n }], { of }))
    await own.take(phone, part([{ text: 'of this account', sequence: 6n }], { ...toThis, of }))
    await direct.take(bob, part([{ text: 'of another room' }], { of: new Uint8Array(32).fill(201) }))
    expect(kept()).toBe(4)
    const conversation = await joins(other)
    const lines = testing.context.conversations.history(conversation)
    expect(lines.map(saidIn)).toEqual([
      'early',
      'of this account',
      '1 line of history handed over by bob',
      expect.stringMatching(/^1 line of history from your device/),
    ])
    expect(lines.at(-1)).toMatchObject({ sequence: 50n })
    expect(kept()).toBe(1)
  })

  test('of a stranger is not kept', async () => {
    const withCarol = await TestGroup.of(testing, { others: [carol] })
    await withCarol.take(carol, part([{ text: 'one' }], { of: new Uint8Array(32).fill(9) }))
    expect(kept()).toBe(0)
  })

  test.each([
    ['another account', 256n, false],
    ['this account', 512n, true],
  ])('of %s waits with so many others at most', async (_, most, isOurs) => {
    await testing.written(tx => {
      for (let id = 1n; id < most; id++)
        tx.put('historyparts', keyIn('historyparts', { group: 0n, id }), {
          giverAccount: bob.account.publicKey,
          giverDevice: bob.device.publicKey,
        })
    })
    const of = new Uint8Array(32).fill(9)
    for (const text of ['the last', 'one too many'])
      if (isOurs) await own.take(phone, part([{ text }], { ...toThis, of }))
      else await direct.take(bob, part([{ text }], { of }))
    expect(kept()).toBe(Number(most))
    const last = testing.context.records.get('historyparts', keyIn('historyparts', { group: 0n, id: most }))
    expect(Buffer.from(last!.part).includes('the last')).toBe(true)
  })

  test('of another device of this account waits also for a room that is over here', async () => {
    await room.enter({ name: 'ended', why: 'removed' })
    await direct.take(bob, part([{ text: 'one' }]))
    expect(kept()).toBe(0)
    await own.take(phone, part([{ text: 'one' }], toThis))
    expect(kept()).toBe(1)
    expect(history(room)).toEqual([])
  })
})

test('history is owed a receipt, and is not taken from somebody who is blocked', () => {
  expect(historyPart).toMatchObject({ owesReceipt: true, fromBlocked: false })
})
