// From an envelope to history: what is shown, counted, asked for and answered.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { ContentSchema, LogTagSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { type Envelope, SuccessorSchema } from '../../../../gen/parley/v1/chat_pb.js'
import {
  type SignedRejoinStatement,
  SignedRejoinStatementSchema,
} from '../../../../gen/parley/v1/rejoin_pb.js'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { joined } from '../../../../services/endpoint/groups/state/group.js'
import { sequenceOf } from '../../../../services/endpoint/ids.js'
import { beginEpoch, presentTag } from '../../../../services/endpoint/messages/fork-detection.js'
import { takeIn } from '../../../../services/endpoint/messages/receive.js'
import { sealLine } from '../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { pad } from '../../../../services/protocol/content/padding.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { listed, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { foundSuccessor } from '../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../support/group.js'
import { listOf } from '../../../support/known-accounts.js'
import { saidIn } from '../../../support/said.js'
import { signedAs } from '../../../support/signed-head.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const phone = secondDevice(alice)

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob, phone] })
  const began = { sequence: sequenceOf(0n), authenticator: new Uint8Array(1) }
  await group.change({ log: beginEpoch({ case: undefined }, began) })
})

const take = (envelope: Envelope) => testing.written((tx, { context }) => takeIn(context, tx, envelope))
const text = (written: string) => ({ case: 'text', value: { text: written } }) as const
const says = async (from: OwnAccount, count: bigint, written = `number ${count}`) =>
  take(await group.sealed(from, { count, body: text(written) }))
const lines = () => testing.context.conversations.history(group.conversation).map(saidIn)
const sender = (of: OwnAccount) => group.live.sender(of.device.publicKey)

describe('a text', () => {
  test('is shown, and owed a receipt', async () => {
    await says(bob, 1n, 'hello')
    expect(lines()).toEqual(['hello'])
    expect(sender(bob)).toMatchObject({ received: 1n, owed: 1n, receipted: 0n, missing: [], heardEpoch: 1n })
    expect(testing.context.contacts.get(bob.account.publicKey)?.lastHeardMs).toBeGreaterThan(0n)
  })

  test('that was counted before is not shown again', async () => {
    await says(bob, 1n, 'once')
    await says(bob, 1n, 'twice')
    expect(lines()).toEqual(['once'])
  })

  test('of another device of this account is shown, and owed nothing', async () => {
    await says(phone, 1n, 'from the phone')
    expect(lines()).toEqual(['from the phone'])
    expect(sender(phone)).toMatchObject({ received: 1n, owed: 0n })
    expect(testing.context.devices.get(phone.device.publicKey)?.lastHeardMs).toBeGreaterThan(0n)
  })

  test('of somebody who is blocked is counted, and neither shown nor owed a receipt', async () => {
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    await says(bob, 1n)
    await says(bob, 5n)
    expect(lines()).toEqual([])
    expect(group.sent()).toEqual([])
    expect(sender(bob)).toMatchObject({ received: 5n, owed: 0n, missing: [] })
    expect(testing.context.contacts.get(bob.account.publicKey)?.lastHeardMs).toBe(0n)
  })
})

describe('what is skipped', () => {
  test('is told, asked for, and holds the receipt back until it is there', async () => {
    await says(bob, 1n)
    await says(bob, 4n)
    expect(lines()).toEqual(['number 1', expect.stringMatching(/^2 of what bob sent/), 'number 4'])
    expect(group.sent()).toMatchObject([
      { case: 'resendRequest', value: { deviceId: bob.device.publicKey, counts: [2n, 3n] } },
    ])
    expect(sender(bob)).toMatchObject({ received: 4n, owed: 1n, missing: [2n, 3n] })
    await take(await group.sealed(bob, { count: 5n, resentCount: 3n, body: text('number 3') }))
    expect(lines().at(-1)).toBe('number 3')
    expect(sender(bob)).toMatchObject({ received: 5n, owed: 1n, missing: [2n] })
    await take(await group.sealed(bob, { count: 6n, resentCount: 2n, body: text('number 2') }))
    expect(sender(bob)).toMatchObject({ received: 6n, owed: 6n, missing: [] })
  })

  test('and said again without being missing here is not shown', async () => {
    await says(bob, 1n)
    await take(await group.sealed(bob, { count: 2n, resentCount: 1n, body: text('again') }))
    expect(lines()).toEqual(['number 1'])
    expect(sender(bob)).toMatchObject({ received: 2n, owed: 1n })
  })

  test('before this device came is not missing', async () => {
    await group.change({ owedSinceEpoch: 9n, joinedEpoch: 9n })
    await take(await group.sealed(bob, { count: 7n, joinedEpoch: 1n, body: text('the first heard') }))
    expect(lines()).toEqual(['the first heard'])
    expect(sender(bob)).toMatchObject({ received: 7n, owed: 7n, missing: [] })
    await take(await group.sealed(bob, { count: 9n, joinedEpoch: 1n, body: text('another') }))
    expect(sender(bob)).toMatchObject({ missing: [8n] })
  })

  test('of a device that came while this one had lost the state is missing', async () => {
    await group.change({ owedSinceEpoch: 5n, joinedEpoch: 9n })
    await take(await group.sealed(bob, { count: 3n, joinedEpoch: 7n, body: text('the first heard') }))
    expect(sender(bob)).toMatchObject({ received: 3n, missing: [1n, 2n] })
    expect(lines()).toEqual([expect.stringMatching(/^2 of what bob sent/), 'the first heard'])
  })

  test('counts anew for a device that has joined again', async () => {
    await says(bob, 5n)
    await take(await group.sealed(bob, { count: 1n, joinedEpoch: 2n, body: text('back') }))
    expect(lines().at(-1)).toBe('back')
    expect(sender(bob)).toMatchObject({ joinedEpoch: 2n, received: 1n, owed: 1n, missing: [] })
    await take(await group.sealed(bob, { count: 9n, joinedEpoch: 1n, body: text('of before') }))
    expect(lines()).not.toContain('of before')
  })
})

describe('what cannot be taken', () => {
  test('says whose it is, and that it is of no form that this version knows', async () => {
    await take(await group.sealedBytes(bob, new Uint8Array(256)))
    await take(await group.sealedBytes(bob, pad(Uint8Array.of(0xff))))
    // A content without a body that this version knows.
    await take(await group.sealedBytes(bob, pad(Uint8Array.of(0x08, 0x01))))
    expect(testing.context.conversations.history(group.conversation)).toMatchObject([
      { kind: 'unreadable', from: 'bob', cause: { code: 'bad-content' } },
      { kind: 'unreadable', from: 'bob', cause: { code: 'bad-content' } },
      { kind: 'unreadable', from: 'bob', cause: { code: 'unknown-content' } },
    ])
  })

  test('and is of somebody who is blocked is not told of', async () => {
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    await take(await group.sealedBytes(bob, new Uint8Array(256)))
    await take(await group.sealedBytes(bob, pad(Uint8Array.of(0x08, 0x01))))
    expect(lines()).toEqual([])
  })

  test('because it was changed on its way says so', async () => {
    const envelope = await group.sealed(bob, { body: text('true') })
    if (envelope.envelope.case !== 'application') throw new Error('no application')
    envelope.envelope.value.ciphertext[100]! ^= 1
    await take(envelope)
    expect(testing.context.conversations.history(group.conversation)).toMatchObject([
      { kind: 'unreadable', cause: { code: 'refused', cause: 'not-authentic' } },
    ])
  })

  test('because its epoch has not come has this device ask to be taken in again', async () => {
    await group.committed(bob)
    await says(bob, 1n)
    expect(testing.context.conversations.history(group.conversation)).toMatchObject([
      { kind: 'unreadable', cause: { code: 'future-epoch' } },
    ])
    expect(group.live.phase).toEqual({ name: 'out-of-sync', askDue: false, leaveDue: false })
    expect(testing.outbox.items().map(({ item }) => item.what.case)).toEqual(['rejoin'])
  })
})

describe('an envelope', () => {
  test('at a place that was passed changes nothing', async () => {
    const [first, second] = [
      await group.sealed(bob, { count: 1n, body: text('one') }),
      await group.sealed(bob, { count: 2n, body: text('two') }),
    ]
    await take(second)
    const before = group.live.record
    await take(first)
    await take({ ...first, sequence: second.sequence })
    expect(group.live.record).toEqual(before)
    expect(lines().at(-1)).toBe('two')
    expect(group.live.record.lastSequence).toBe(second.sequence)
  })

  test('with a number that no server gives ends the line', async () => {
    const envelope = await group.sealed(bob, { body: text('one') })
    await expect(take({ ...envelope, sequence: 2n ** 62n + 1n })).rejects.toMatchObject({
      why: { code: 'wrong-numbers' },
    })
    await take({ ...envelope, sequence: 2n ** 62n })
    expect(lines()).toEqual(['one'])
  })

  test('of a conversation that is not here changes nothing', async () => {
    const envelope = await group.sealed(bob, { body: text('one') })
    await take({ ...envelope, conversationId: new Uint8Array(16).fill(99) })
    expect([lines(), testing.told]).toEqual([[], []])
  })

  test.each(['out-of-sync', 'left'] as const)('is not opened in a group that is %s', async which => {
    await group.enter(
      which === 'left'
        ? { name: 'ended', why: 'left' }
        : { name: 'out-of-sync', askDue: false, leaveDue: false },
    )
    await says(bob, 1n)
    expect(lines()).toEqual([])
    expect(group.live.record.lastSequence).toBe(0n)
  })
})

describe('what the server has deleted', () => {
  const missed = (count: bigint) =>
    ({ case: 'missed', value: { $typeName: 'parley.v1.MissedEnvelopes', count } }) as const

  test('is told, and the log goes on from what a member has seen behind it', async () => {
    await take(group.envelope(missed(3n)))
    expect(testing.context.conversations.history(group.conversation)).toMatchObject([
      { kind: 'gap', cause: { code: 'expired', count: 3n } },
    ])
    expect(group.live.record.log.case).toBe('gap')
    await says(bob, 1n)
    const { lastSequence: sequence } = group.live.record
    expect(group.live.record.log.case).toBe('gap')
    const { joinedEpoch } = group.live.record
    const hash = new Uint8Array(32).fill(1)
    const place = { count: 2n, joinedEpoch, sentAtMs: 5n, resentCount: 0n }
    const body = group.signedText(bob, 'hm', place)
    const content = create(ContentSchema, { ...place, body, logTag: { sequence, hash } })
    await take(await group.sealedBytes(bob, pad(toBinary(ContentSchema, content))))
    expect(group.live.record.log).toMatchObject({
      case: 'running',
      value: { sequence: sequence + 1n, earlier: [{ sequence, hash }] },
    })
  })

  test('of a conversation that is not here is told of as an invitation', async () => {
    await take({ ...group.envelope(missed(3n)), conversationId: new Uint8Array(16).fill(99) })
    expect(testing.told).toMatchObject([{ type: 'notice', notice: { code: 'welcome-expired', count: 3n } }])
  })
})

test('a member that was shown another course is told of, and noted', async () => {
  await says(bob, 1n)
  const { sequence } = presentTag(group.live.record.log)!
  const logTag = create(LogTagSchema, { sequence, hash: new Uint8Array(16) })
  const { joinedEpoch } = group.live.record
  const place = { count: 2n, joinedEpoch, sentAtMs: 5n, resentCount: 0n }
  const content = create(ContentSchema, { ...place, body: group.signedText(bob, 'hm', place), logTag })
  await take(await group.sealedBytes(bob, pad(toBinary(ContentSchema, content))))
  expect(testing.context.conversations.history(group.conversation)).toMatchObject([
    { text: 'number 1' },
    { kind: 'gap', cause: { code: 'forked', from: 'bob' } },
    { text: 'hm' },
  ])
  expect(sender(bob)).toMatchObject({ differedEpoch: 1n })
  expect(group.live.record.log.case).toBe('forked')
})

describe('the echo of what this device sent', () => {
  const own = (clientSequence: bigint, ciphertextHash = new Uint8Array(32)) =>
    take(
      group.envelope({
        case: 'own',
        value: { $typeName: 'parley.v1.OwnEnvelope', clientSequence, ciphertextHash },
      }),
    )

  test('gives a text its place, and takes it from what is on its way', async () => {
    const id = await testing.written(async (tx, unit) => {
      const init = { kind: MessageKind.TEXT, own: true, text: 'mine', status: MessageStatus.WAITING }
      const { id } = unit.context.conversations.append(tx, group.conversation, init)
      waitFor(tx, id)
      await sealLine(unit.context, tx, group.in(unit), id)
      return id
    })
    testing.outbox.takeUnsent()
    await own(1n)
    expect(testing.context.conversations.message(id)).toMatchObject({
      status: MessageStatus.STORED,
      sequence: 1n,
    })
    expect(testing.outbox.items()).toEqual([])
    expect(group.live.record.log).toMatchObject({ case: 'running', value: { sequence: 1n } })
  })

  test('of something that it did not send is shown as that, and is part of the order', async () => {
    const digest = new Uint8Array(32).fill(5)
    await own(7n, digest)
    expect(testing.context.conversations.history(group.conversation)).toMatchObject([
      { kind: 'gap', cause: { code: 'unknown-echo' } },
    ])
    const passed = presentTag(group.live.record.log)
    expect(passed?.sequence).toBe(group.live.record.lastSequence)
    await own(8n, new Uint8Array())
    expect(presentTag(group.live.record.log)).toEqual(passed)
  })

  test('of something that it did not send is known where a copy was put back', async () => {
    await group.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    await own(7n)
    expect(lines()).toEqual([])
  })
})

/** Says that a device has lost the state of this group, as its own knowledge has it. */
function rejoinOf({ device }: OwnAccount, of: TestGroup, lastEpoch = 1n): SignedRejoinStatement {
  const { groupId, incarnation, state } = of.live.held
  const request = { groupId, incarnation, head: state.head, lastEpoch }
  return fromBinary(SignedRejoinStatementSchema, makeRejoinStatement(crypto, request, { device }))
}

describe('a device that lost its state', () => {
  test('is told of, where this account has not left', async () => {
    const room = await TestGroup.of(testing, { others: [bob], room: {} })
    const said = () => testing.context.conversations.history(room.conversation).map(saidIn)
    await take(room.envelope({ case: 'rejoin', value: rejoinOf(bob, room) }))
    expect(said()).toEqual([expect.stringContaining('a device of bob has lost')])
    await room.committed(bob)
    await room.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await take(room.envelope({ case: 'rejoin', value: rejoinOf(phone, room) }))
    expect(said()).toHaveLength(1)
  })

  test('while this one has, too, has the conversation go on in another group', async () => {
    const room = await TestGroup.of(testing, { others: [bob], room: {} })
    await room.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    await take(room.envelope({ case: 'rejoin', value: rejoinOf(bob, room) }))
    expect(room.live.phase.name).toBe('broken')
  })
})

describe('a line of a device that its account does not have in use', () => {
  const held = { kind: 'unreadable', from: 'bob', cause: { code: 'not-in-use', from: 'bob' } }
  const history = () => testing.context.conversations.history(group.conversation)

  test('is held back by all that is known here, and is not counted', async () => {
    await listed(testing, [secondDevice(bob)], listOf(bob).number + 1)
    await says(bob, 1n)
    expect(history()).toMatchObject([held])
    expect(sender(bob)).toMatchObject({ received: 0n, owed: 0n })
    expect(testing.context.contacts.get(bob.account.publicKey)?.lastHeardMs).toBe(0n)
    await listed(testing, [bob], listOf(bob).number + 2)
    await says(bob, 2n)
    expect(lines().at(-1)).toBe('number 2')
  })

  test('is taken where it is said by one that is', async () => {
    await listed(testing, [alice], listOf(alice).number + 1)
    await says(phone, 1n, 'of a lost phone')
    await says(bob, 1n)
    expect(lines().slice(1)).toEqual(['number 1'])
  })
})

describe('in a room that has gone on in another group, a line of before', () => {
  const removal = { kind: 'remove', accountKey: carol.account.publicKey } as const
  let room: TestGroup

  beforeEach(async () => {
    room = await TestGroup.of(testing, { others: [bob, carol], room: {} })
    const { engine } = testing.context
    const next = await foundSuccessor(engine, alice, room.live.held, { others: [bob], changes: [removal] })
    const { conversation } = room
    await testing.written((tx, { context }) =>
      context.groups.add(tx, { conversation, phase: joined() }, next),
    )
  })

  const saysThere = async (from: OwnAccount) =>
    take(await room.sealed(from, { count: 1n, body: text('late') }))
  const there = () => testing.context.conversations.history(room.conversation)

  test('of somebody who is in that is shown, and of somebody who is not is held back', async () => {
    await room.enter({ name: 'ended', why: 'succeeded' })
    await saysThere(bob)
    await saysThere(carol)
    expect(there()).toMatchObject([
      { text: 'late', from: 'bob' },
      { kind: 'unreadable', cause: { code: 'not-in-use', from: 'carol' } },
    ])
  })

  test('is shown where this device has not gone on yet', async () => {
    await saysThere(carol)
    expect(there()).toMatchObject([{ text: 'late', from: 'carol' }])
  })
})

describe('the newest epoch that this device has heard of', () => {
  const heard = () => group.live.record.heardEpoch

  test('is that of a line, or the one that a commit leads to, also where it cannot be opened', async () => {
    await says(bob, 1n)
    expect(heard()).toBe(1n)
    await group.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    for (const _ of [1, 2]) await take(await group.committed(bob))
    expect(heard()).toBe(3n)
    expect(group.live.held.epoch).toBe(1n)
  })

  test('is none that no group gets to', async () => {
    await group.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    const envelope = await group.committed(bob)
    if (envelope.envelope.case !== 'commit') throw new Error('no commit')
    const { value } = envelope.envelope
    for (const epoch of [2n ** 64n - 1n, 2n ** 62n])
      await take({ ...envelope, envelope: { case: 'commit', value: { ...value, epoch } } })
    expect(heard()).toBe(0n)
  })
})

describe('that the conversation goes on in another group', () => {
  const successor = (): Envelope['envelope'] => {
    const { conversationId } = group.live.record
    const id = new Uint8Array(16).fill(99)
    const bundle = { epoch: 0n, commit: Uint8Array.of(1), welcomes: [], creates: true }
    const head = signedAs(bob, id, bundle, { succeeds: { conversationId, epoch: 1n } })
    return { case: 'successor', value: create(SuccessorSchema, { conversationId: id, ...head }) }
  }

  test('is heard also by a device that has lost the state, and noted in a group that is over', async () => {
    group = await TestGroup.of(testing, { others: [bob], room: {} })
    await group.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    await take(group.envelope(successor()))
    expect(group.live.phase.name).toBe('broken')
    await group.enter({ name: 'ended', why: 'left' })
    await group.change({ successors: [] })
    await take(group.envelope(successor()))
    expect([group.live.phase.name, group.live.record.successors.length]).toEqual(['ended', 1])
  })
})
