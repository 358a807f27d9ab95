// A vault that was put back from a copy, or a server that says so: nothing is sealed with keys that may be used, and
// nothing is given up that is still of use.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { OwnEnvelopeSchema, RejectedSendSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { intend, removeAccount } from '../../../../services/endpoint/groups/intents.js'
import { needsFreshKeys } from '../../../../services/endpoint/groups/state/fresh-keys.js'
import { ASK_AGAIN_MS, created } from '../../../../services/endpoint/groups/state/group.js'
import { clientSequenceOf, countOf, sequenceOf } from '../../../../services/endpoint/ids.js'
import { askAgain } from '../../../../services/endpoint/messages/content/resend-request.js'
import {
  doubtUntil,
  ECHO_MS,
  giveUpDoubtful,
  NOTED_EVERY_MS,
  notePutBack,
} from '../../../../services/endpoint/messages/copied-vault.js'
import { beginEpoch } from '../../../../services/endpoint/messages/fork-detection.js'
import { takeIn } from '../../../../services/endpoint/messages/receive.js'
import { onRejected } from '../../../../services/endpoint/messages/rejections.js'
import { encodeContent } from '../../../../services/endpoint/messages/sealing/format.js'
import { HELD_CONTENTS, hold, holdingGroups } from '../../../../services/endpoint/messages/sealing/held.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { leaveGroup } from '../../../../services/endpoint/messages/self-removal.js'
import { startTransfer } from '../../../../services/endpoint/messages/transfer/history-transfer.js'
import { sealDue } from '../../../../services/endpoint/sync/seal-due.js'
import { loadServer, saveServer } from '../../../../services/endpoint/sync/server-record.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../support/group.js'
import { placed } from '../../../support/numbers.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob, carol], room: {} })
  await room.change({ committedAtMs: BigInt(testing.clock.now()) })
  await testing.written(tx => saveServer(tx, { host: 'memory', port: 1 }))
})

/** The server says at the beginning of a stream that it has so many sends. */
const putBack = (had: bigint) =>
  testing.written((tx, { context, outbox }) => {
    outbox.restart(tx, clientSequenceOf(had))
    notePutBack(context, tx, clientSequenceOf(had))
  })
const seal = (receipts = false) =>
  testing.written((_, unit) => sealDue(unit, { now: testing.clock.now(), receipts }))
const type = (...texts: string[]) =>
  testing.written((tx, { context }) => {
    for (const text of texts) {
      const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
      waitFor(tx, context.conversations.append(tx, room.conversation, init).id)
    }
  })
const out = () => testing.outbox.items().map(({ item }) => `${item.clientSequence} ${item.what.case}`)
const warnings = () =>
  testing.told.filter(event => event.type === 'notice' && event.notice.code === 'copy-put-back').length
const states = () => testing.context.conversations.history(room.conversation).map(({ state }) => state)
const echo = (clientSequence: bigint) =>
  testing.written((tx, { context }) => {
    const value = create(OwnEnvelopeSchema, { clientSequence })
    return takeIn(context, tx, placed(room.envelope({ case: 'own', value })))
  })
const reject = (clientSequence: bigint) =>
  testing.written((tx, { context }) => {
    const reason = { case: 'malformed', value: {} } as const
    return onRejected(context, tx, create(RejectedSendSchema, { clientSequence, reason }))
  })
const putBackOf = () => loadServer(testing.context.records)?.putBack

describe('the person is told', () => {
  test('once, and again where the server says it an hour later', async () => {
    await putBack(3n)
    await putBack(5n)
    testing.clock.pass(NOTED_EVERY_MS - 1)
    await putBack(6n)
    expect([warnings(), putBackOf()?.number]).toEqual([1, 1n])
    testing.clock.pass(1)
    await putBack(7n)
    expect([warnings(), putBackOf()?.number]).toEqual([2, 2n])
    // A clock that was set back says nothing of when it was.
    await testing.written(tx =>
      saveServer(tx, {
        putBack: { ...putBackOf()!, notedAtMs: BigInt(testing.clock.now() + NOTED_EVERY_MS) },
      }),
    )
    await putBack(8n)
    expect([warnings(), putBackOf()?.number]).toEqual([3, 3n])
    expect(loadServer(testing.context.records)?.host).toBe('memory')
  })

  test('nothing where there is no conversation whose keys could be used', async () => {
    testing = await openTestContext(alice)
    await putBack(3n)
    expect([warnings(), putBackOf()]).toEqual([0, undefined])
  })
})

describe('sends that the server is said to have', () => {
  beforeEach(async () => {
    await type('one')
    await seal()
    await testing.written((tx, { outbox }) => {
      outbox.add(tx, room.number, { case: 'commit', value: {} })
      outbox.add(tx, room.number, { case: 'rejoin', value: {} })
    })
    await room.enter({ name: 'committing' })
    await putBack(3n)
  })

  test('wait for their echoes', async () => {
    testing.clock.pass(ECHO_MS - 1)
    await seal()
    expect(out()).toEqual(['1 content', '2 commit', '3 rejoin'])
    expect([states(), room.live.phase.name]).toEqual([['waiting'], 'committing'])
    await echo(1n)
    expect(states()).toEqual(['stored'])
  })

  test('are given up after a while: a text shows that its fate is not known, and others may commit', async () => {
    expect(doubtUntil(testing.context.records)).toBe(testing.clock.now() + ECHO_MS)
    testing.clock.pass(ECHO_MS)
    await testing.written((tx, { context, outbox }) => {
      outbox.add(tx, room.number, { case: 'rejoin', value: {} })
      giveUpDoubtful(context, tx, testing.clock.now())
    })
    expect(out()).toEqual(['4 rejoin'])
    expect([states(), room.live.phase.name]).toEqual([['failed'], 'active'])
    expect(testing.told).toContainEqual(expect.objectContaining({ state: 'failed', failure: 'uncertain' }))
    expect(doubtUntil(testing.context.records)).toBeUndefined()
  })

  test('are given up without the commit that is made after them', async () => {
    await testing.written((tx, { outbox }) => {
      for (const number of [2n, 3n]) outbox.echoed(tx, clientSequenceOf(number))
    })
    await room.enter({ name: 'active' })
    await testing.written((tx, unit) => {
      const content = encodeContent({ body: { case: 'receipt', value: { delivered: [] } } })
      unit.outbox.add(tx, room.number, { case: 'content', value: { content } })
    })
    await putBack(4n)
    await type('two')
    await seal()
    expect(out()).toEqual(['1 content', '4 content', '5 commit'])
    testing.clock.pass(ECHO_MS)
    await seal()
    expect([out(), room.live.phase.name]).toEqual([['5 commit'], 'committing'])
    expect(states()).toEqual(['failed', 'waiting'])
  })

  test('are given up, too, where the group is gone, or nothing was ever said of a copy', async () => {
    await testing.written(tx => tx.delete('groups', { group: 0n, id: room.number }))
    testing.clock.pass(ECHO_MS)
    await testing.written((tx, { context }) => giveUpDoubtful(context, tx, testing.clock.now()))
    expect(out()).toEqual([])
    await testing.written((tx, { outbox }) => {
      saveServer(tx, { putBack: undefined })
      outbox.add(tx, room.number, { case: 'rejoin', value: {} })
    })
    await testing.written((tx, { context }) => giveUpDoubtful(context, tx, testing.clock.now()))
    expect(out()).toEqual(['4 rejoin'])
  })
})

test('that this account leaves is said again, where nobody knows whether it was', async () => {
  await testing.written((tx, unit) => leaveGroup(unit.context, tx, room.in(unit)))
  expect(out()).toEqual(['1 content'])
  await putBack(1n)
  testing.clock.pass(ECHO_MS)
  await testing.written((tx, { context }) => giveUpDoubtful(context, tx, testing.clock.now()))
  expect(room.live.phase).toMatchObject({ name: 'leaving', leaveDue: true })
  // For that, the device has to be taken in with keys that nobody has used.
  await seal()
  expect(out()).toEqual(['2 rejoin'])
  expect(room.live.phase).toMatchObject({ name: 'out-of-sync', leaveDue: true })
})

test('a group that was being made when the copy was is not waited for any longer', async () => {
  await testing.written((tx, { outbox }) => outbox.add(tx, room.number, { case: 'commit', value: {} }))
  await room.enter(created())
  await putBack(1n)
  testing.clock.pass(ECHO_MS)
  await seal()
  expect(room.live.phase).toEqual({ name: 'ended', why: 'abandoned' })
})

describe('with keys that may be used', () => {
  beforeEach(async () => {
    await type('before')
    await seal()
    await echo(1n)
    await room.change({ nextCount: countOf(7n) })
    await putBack(9n)
  })

  test('nothing is committed where nothing is to be said', async () => {
    await seal(true)
    testing.clock.pass(ECHO_MS)
    await seal(true)
    expect([out(), needsFreshKeys(room.live)]).toEqual([[], true])
  })

  test('a text waits for a commit of this device, and goes out in the epoch after it with counts that begin anew', async () => {
    const before = testing.context.engine.epoch(room.live.state)
    await room.change({ joinedEpoch: 1n })
    await testing.written((tx, unit) => {
      const sender = room.in(unit).sender(bob.device.publicKey)
      unit.context.groups.saveSender(tx, room.in(unit), { ...sender, confirmed: countOf(6n) })
    })
    await type('one', 'two')
    await seal()
    await seal()
    expect([out(), waitingLines(testing.context).length]).toEqual([['10 commit'], 2])
    await echo(10n)
    expect(needsFreshKeys(room.live)).toBe(false)
    expect(room.live.record).toMatchObject({ nextCount: 1n, joinedEpoch: before + 1n })
    expect(room.live.sender(bob.device.publicKey).confirmed).toBe(0n)
    for (const table of ['sent', 'undelivered'] as const)
      expect(testing.context.records.keys(table)).toEqual([])
    await seal()
    const [item, ...more] = testing.outbox.items().map(each => each.item.what)
    expect([item, ...more]).toMatchObject([
      { case: 'content', value: { epoch: before + 1n } },
      { case: 'content', value: { epoch: before + 1n } },
    ])
    expect(room.sent().map(({ case: name }) => name)).toEqual(['text', 'text'])
  })

  test('a commit that was on its way before brings none', async () => {
    await room.change({ commitSincePutBack: 0n })
    const { pending } = await testing.context.engine.commit(room.live.state, {})
    await testing.written((tx, unit) => {
      unit.outbox.add(tx, room.number, { case: 'commit', value: {} })
      unit.context.groups.savePending(tx, room.in(unit), { state: pending, held: undefined })
    })
    await room.enter({ name: 'committing' })
    await echo(10n)
    expect([room.live.phase.name, needsFreshKeys(room.live)]).toEqual(['active', true])
    expect(room.live.record.nextCount).toBe(7n)
  })

  test('nor does one that is another’s, or that lost against it', async () => {
    await type('one')
    await seal()
    const envelope = await room.committed(bob)
    await testing.written((tx, { context }) => takeIn(context, tx, envelope))
    expect(room.live.phase.name).toBe('active')
    await echo(10n)
    expect(needsFreshKeys(room.live)).toBe(true)
    await seal()
    expect(out()).toEqual(['11 commit'])
  })

  test('a change is committed behind the fresh keys, and behind what others have to know before', async () => {
    await testing.written(async (tx, unit) => {
      const group = room.in(unit)
      await askAgain(unit.context, tx, group, { deviceId: bob.device.publicKey, counts: [countOf(1n)] })
      intend(unit.context, tx, group, removeAccount(carol.account.publicKey))
    })
    expect(holdingGroups(testing.context.records)).toEqual([room.number])
    await seal()
    expect(testing.outbox.items()).toMatchObject([
      { item: { what: { case: 'commit', value: { intents: [] } } } },
    ])
    await echo(10n)
    await seal()
    expect(testing.outbox.items()).toMatchObject([
      { item: { what: { case: 'content' } } },
      { item: { what: { case: 'commit', value: { intents: [1n] } } } },
    ])
    expect(room.sent()).toMatchObject([{ case: 'resendRequest', value: { counts: [1n] } }])
    expect(holdingGroups(testing.context.records)).toEqual([])
  })

  test('a change that is not due yet brings no commit', async () => {
    await testing.written((tx, unit) =>
      intend(unit.context, tx, room.in(unit), removeAccount(carol.account.publicKey), 1000),
    )
    await room.change({ committedAtMs: 0n })
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    testing.clock.pass(999)
    await seal()
    expect(out()).toEqual(['10 commit'])
  })

  test('an update that is due brings them', async () => {
    await room.change({ committedAtMs: 0n })
    await seal()
    expect(out()).toEqual(['10 commit'])
    await echo(10n)
    expect(needsFreshKeys(room.live)).toBe(false)
  })

  test('receipts are held, once', async () => {
    await testing.written((tx, unit) => {
      const sender = room.in(unit).sender(bob.device.publicKey)
      const owed = { received: countOf(1n), owed: countOf(1n) }
      unit.context.groups.saveSender(tx, room.in(unit), { ...sender, ...owed })
    })
    await seal(true)
    await seal(true)
    expect(out()).toEqual(['10 commit'])
    await echo(10n)
    await seal()
    expect(room.sent()).toMatchObject([{ case: 'receipt' }])
  })

  test('what was said is not said again: nobody would know what it stands for', async () => {
    await room.take(bob, {
      body: {
        case: 'resendRequest',
        value: { deviceId: alice.device.publicKey, counts: [1n] },
      },
    })
    expect(holdingGroups(testing.context.records)).toEqual([])
    expect(testing.context.records.keys('sent')).toHaveLength(1)
  })

  test('of a history that is handed over, one part is held and the rest waits', async () => {
    const phone = secondDevice(alice)
    const own = await TestGroup.of(testing, { others: [phone] })
    await own.change({ keysSincePutBack: 0n, committedAtMs: BigInt(testing.clock.now()) })
    await testing.written((tx, { context }) =>
      context.devices.change(tx, phone.device.publicKey, { mayHaveHistory: true }),
    )
    const { conversation } = room
    const sequence = sequenceOf(1n)
    await testing.written((tx, { context }) => {
      for (let line = 0; line < 300; line++)
        context.conversations.append(tx, conversation, {
          ...{ kind: MessageKind.TEXT, text: 'x'.repeat(400), sequence },
        })
      startTransfer(tx, conversation, { toDevice: phone.device.publicKey })
    })
    await seal()
    await seal()
    expect(testing.context.records.keys('held')).toHaveLength(1)
    expect(out()).toEqual(['10 commit'])
    await own.change({ keysSincePutBack: 1n })
    await seal()
    expect(own.sent().map(({ case: name }) => name)).toContain('historyPart')
    expect(own.sent().length).toBeGreaterThan(2)
  })

  test('a commit that the server refuses is not made again at once', async () => {
    await type('one')
    await seal()
    testing.clock.pass(1)
    await reject(10n)
    await seal()
    expect(out()).toEqual([])
    testing.clock.pass(ASK_AGAIN_MS - 1)
    await seal()
    expect(out()).toEqual([])
    testing.clock.pass(1)
    await seal()
    expect(out()).toEqual(['10 commit'])
  })

  test('what is held of a group that is over goes', async () => {
    await testing.written((tx, unit) => {
      for (let one = 0; one <= HELD_CONTENTS; one++) hold(tx, room.in(unit), new Uint8Array())
    })
    expect(testing.context.records.keys('held')).toHaveLength(HELD_CONTENTS)
    await room.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    await seal()
    expect(testing.context.records.keys('held')).toHaveLength(HELD_CONTENTS)
    await room.enter({ name: 'ended', why: 'removed' })
    await seal()
    expect(testing.context.records.keys('held')).toEqual([])
  })

  test('a group that this device joins from then on has keys of its own', async () => {
    const other = await TestGroup.of(testing, { others: [bob] })
    expect(needsFreshKeys(other.live)).toBe(false)
    await room.enter({ name: 'out-of-sync', askDue: false, leaveDue: false })
    const { state, held } = room.live
    await testing.written((tx, unit) => unit.context.groups.restart(tx, room.in(unit), { state, held }))
    expect(needsFreshKeys(room.live)).toBe(false)
  })
})

test('what comes is compared from a place behind which nothing is missing, once', async () => {
  const running = beginEpoch(
    { case: undefined },
    { sequence: sequenceOf(1n), authenticator: Uint8Array.of(1) },
  )
  await room.change({ log: running })
  await putBack(4n)
  expect(room.live.record.log.case).toBe('running')
  const body = { case: 'text' as const, value: { text: 'hello' } }
  const first = await room.sealed(bob, { body })
  await testing.written((tx, { context }) => takeIn(context, tx, first))
  expect(room.live.record.log).toMatchObject({ case: 'gap' })
  await room.change({ log: running })
  const second = await room.sealed(bob, { body, count: 2n })
  await testing.written((tx, { context }) => takeIn(context, tx, second))
  expect(room.live.record.log.case).toBe('running')
})
