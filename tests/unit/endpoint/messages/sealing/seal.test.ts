// Sealing: numbered, sealed in the present epoch, and saved before it is sent.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { MessageId } from '../../../../../services/endpoint/events.js'
import { commitIntents, intend, refresh } from '../../../../../services/endpoint/groups/intents.js'
import { joined } from '../../../../../services/endpoint/groups/state/group.js'
import { countOf, messageNumber, sequenceOf } from '../../../../../services/endpoint/ids.js'
import { receiveOwnCommit } from '../../../../../services/endpoint/messages/commits.js'
import { putBack } from '../../../../../services/endpoint/messages/put-back.js'
import { decodeContent } from '../../../../../services/endpoint/messages/sealing/format.js'
import {
  isSilent,
  ownDeviceGroups,
  sealAnew,
  sealBody,
  sealLine,
  sendingGroup,
} from '../../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor, waitingLines } from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { recordOf } from '../../../../../services/endpoint/vault/records.js'
import { pad } from '../../../../../services/protocol/content/padding.js'
import { readTextStatement } from '../../../../../services/protocol/conversation/text-statement.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
import { listed, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { foundGroup, inNextEpoch } from '../../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob] })
})

const type = (text: string, status = MessageStatus.WAITING) =>
  testing.written((tx, { context }) => {
    const init = { kind: MessageKind.TEXT, own: true, text, sentAtMs: 5n, status }
    const { id } = context.conversations.append(tx, group.conversation, init)
    waitFor(tx, id)
    return id
  })
const seal = (id: MessageId) => testing.written((tx, unit) => sealLine(unit.context, tx, group.in(unit), id))
/** The items on their way, with their content opened. */
const out = () =>
  testing.outbox.items().map(({ item }) => {
    if (item.what.case !== 'content') throw new Error('no content')
    const { value } = item.what
    return { ...value, opened: decodeContent(pad(value.content))! }
  })
const stop = (blocked = true) =>
  testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, blocked))

describe('a text', () => {
  test('is numbered, sealed with when it was typed, and noted until it is delivered', async () => {
    const [one, two] = [await type('one'), await type('two')]
    await seal(one)
    await seal(two)
    const counts = out().map(({ opened, message, epoch }) => [opened.count, message, epoch, opened.sentAtMs])
    expect(counts).toEqual([
      [1n, one.message, 1n, 5n],
      [2n, two.message, 1n, 5n],
    ])
    expect(out()[0]?.opened.joinedEpoch).toBe(1n)
    expect(group.sent()[0]).toEqual({ case: 'text', value: { text: 'one' } })
    const key = { group: group.number, id: countOf(2n) }
    for (const table of ['undelivered', 'sent'] as const)
      expect(testing.context.records.get(table, key)).toMatchObject({ message: two.message })
    expect(waitingLines(testing.context)).toEqual([])
    expect(group.live.record).toMatchObject({ nextCount: 3n, sealedSinceCommit: 2n })
  })

  test('is signed for the place where it is sealed, and kept so: its words are there once', async () => {
    const id = await type('one')
    const kept = () => testing.context.conversations.message(id)!
    expect(kept()).toMatchObject({ text: 'one', statement: new Uint8Array() })
    await seal(id)
    const { held, record } = group.live
    const writer = { accountKey: alice.account.publicKey, deviceKey: alice.device.publicKey }
    const written = readTextStatement(crypto, { ...writer, conversationId: held.state.id }, kept())
    expect(written).toEqual({
      ...{ groupId: record.conversationId, count: 1n, joinedEpoch: 1n },
      ...{ sentAt: 5, text: 'one' },
    })
    expect(kept().text).toBe('')
    const { statement, signature } = kept()
    expect(out()[0]?.opened.body).toMatchObject({ value: { signed: { statement, signature } } })
  })

  test('that goes out in another group, or under another count, is signed anew', async () => {
    const id = await type('one')
    await seal(id)
    const first = testing.context.conversations.message(id)!
    await testing.written((tx, unit) => putBack(unit.context, tx, group.in(unit)))
    const other = await TestGroup.of(testing, { others: [bob] })
    await testing.written((tx, unit) => sealLine(unit.context, tx, other.in(unit), id))
    const second = testing.context.conversations.message(id)!
    const writer = { accountKey: alice.account.publicKey, deviceKey: alice.device.publicKey }
    const place = { ...writer, conversationId: other.live.held.state.id }
    const readBy = (line: typeof first) => readTextStatement(crypto, place, line)
    expect(second.statement).not.toEqual(first.statement)
    expect(readBy(second)).toMatchObject({
      text: 'one',
      groupId: other.live.record.conversationId,
      count: 1n,
    })
    expect(other.sent()).toEqual([{ case: 'text', value: { text: 'one' } }])
  })

  test('can be opened by the others, in the order of sealing', async () => {
    const [one, two] = [await type('one'), await type('two')]
    await seal(one)
    await seal(two)
    for (const { ciphertext, opened } of out()) {
      const peerList = listOf(bob).hash.subarray(0, 16)
      expect(decodeContent((await opensAs(ciphertext))!)).toEqual({ ...opened, peerList })
    }
  })

  test('is what its type makes of it, and nobody seals what nobody wrote', async () => {
    const ids = await testing.written((tx, { context }) =>
      [MessageKind.EVENT, MessageKind.TEXT].map(kind => {
        const init = { kind, own: true, text: 'line', status: MessageStatus.WAITING }
        return context.conversations.append(tx, group.conversation, init).id
      }),
    )
    for (const id of ids) await seal(id)
    expect(out().map(({ message }) => message)).toEqual([ids[1]?.message])
  })

  test('that waits no more is not sealed', async () => {
    await seal(await type('failed', MessageStatus.FAILED))
    await seal({ conversation: group.conversation, message: messageNumber(99n) })
    expect([out(), group.live.record.nextCount]).toEqual([[], 1n])
    expect(waitingLines(testing.context)).toEqual([])
  })

  /** As bob opens it. */
  async function opensAs(ciphertext: Uint8Array): Promise<Uint8Array | undefined> {
    const opened = await group.opened(bob, ciphertext)
    return opened.kind === 'application' ? opened.plaintext : undefined
  }
})

describe('a content', () => {
  const sealIt = (options: Parameters<typeof sealBody>[4] = {}) =>
    testing.written((tx, unit) =>
      sealBody(unit.context, tx, group.in(unit), { case: 'deviceName', value: { name: 'laptop' } }, options),
    )

  test('has the time of its sealing, and is of no message, unless given', async () => {
    await sealIt()
    await sealIt({ sentAtMs: 7n, message: messageNumber(8n), resentCount: countOf(9n) })
    expect(out().map(({ message, opened }) => [message, opened.sentAtMs, opened.resentCount])).toEqual([
      [0n, BigInt(testing.clock.now()), 0n],
      [8n, 7n, 9n],
    ])
  })

  test('shows what this device has seen so far, where it has seen anything', async () => {
    await sealIt()
    await group.change({
      log: recordOf('groups', {
        log: { case: 'running', value: { sequence: sequenceOf(3n), hash: new Uint8Array(32) } },
      }).log,
    })
    await sealIt()
    expect(out().map(({ opened }) => opened.logTag?.sequence)).toEqual([undefined, 3n])
  })
})

test('what the server found too old is sealed anew, with all that stands behind it in its group', async () => {
  const other = await TestGroup.of(testing, { others: [bob] })
  for (const text of ['one', 'two', 'three']) await seal(await type(text))
  await testing.written((tx, unit) =>
    sealBody(unit.context, tx, other.in(unit), { case: 'deviceName', value: { name: 'elsewhere' } }),
  )
  const before = out().map(({ ciphertext }) => ciphertext)
  await inNextEpoch(testing, group)
  await testing.written((tx, unit) => sealAnew(unit.context, tx, unit.outbox.items()[1]!))
  expect(out().map(({ epoch }) => epoch)).toEqual([1n, 2n, 2n, 1n])
  expect(out().map(({ ciphertext }, index) => Buffer.compare(ciphertext, before[index]!) === 0)).toEqual([
    ...[true, false, false, true],
  ])
  expect(out().map(({ opened }) => opened.count)).toEqual([1n, 2n, 3n, 1n])
})

describe('the group that texts go out in', () => {
  const chosen = () => sendingGroup(testing.context, group.conversation)?.number

  test('is the same one for everybody, of several', async () => {
    const other = await TestGroup.of(testing, { others: [bob] })
    const hashes = [group, other].map(({ live }) => crypto.sha256(live.record.conversationId))
    const first = Buffer.compare(hashes[0]!, hashes[1]!) < 0 ? group : other
    expect(chosen()).toBe(first.number)
    await first.enter({ name: 'ended', why: 'abandoned' })
    expect(chosen()).toBe(first === group ? other.number : group.number)
  })

  test('is the newest, also where that is silent: the others take no other one', async () => {
    const founded = await foundGroup(testing.context.engine, alice, { others: [bob], incarnation: 2 })
    const { conversation } = group
    const newest = await testing.written((tx, { context }) =>
      context.groups.add(tx, { conversation, phase: joined() }, founded),
    )
    expect(chosen()).toBe(newest.number)
    await listed(testing, [secondDevice(bob)], listOf(bob).number + 1)
    expect(chosen()).toBeUndefined()
  })

  test.each([
    { name: 'creating' },
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'ended', why: 'removed' },
  ] as const)('is none that is $name', async phase => {
    await group.enter(phase)
    expect(chosen()).toBeUndefined()
  })

  test('is none while the person is blocked or their key has changed', async () => {
    expect([chosen(), isSilent(testing.context, group.live)]).toEqual([group.number, false])
    await stop()
    expect([chosen(), isSilent(testing.context, group.live)]).toEqual([undefined, true])
    await stop(false)
    await testing.written((tx, { context }) => {
      context.contacts.meet(tx, { handle: 'bob', accountKey: bob.account.publicKey })
      context.contacts.meet(tx, { handle: 'bob', accountKey: makeAccount('bob').account.publicKey })
    })
    expect([chosen(), isSilent(testing.context, group.live)]).toEqual([undefined, true])
  })

  test('of a room is used whoever in it is blocked', async () => {
    group = await TestGroup.of(testing, { others: [bob], room: {} })
    await stop()
    expect([chosen(), isSilent(testing.context, group.live)]).toEqual([group.number, false])
  })
})

describe('nothing is said in a group', () => {
  const tablet = secondDevice(bob)
  const silent = (of = group) => isSilent(testing.context, of.live)
  /** The group is told all that is known here of the account, and the commit of that has won. */
  const tell = async (account: OwnAccount) => {
    const made = await testing.written(async (tx, unit) => {
      intend(unit.context, tx, group.in(unit), refresh(account.account.publicKey))
      return (await commitIntents(unit.context, tx, group.in(unit), testing.clock.now())).made!
    })
    const place = { sequence: sequenceOf(9n), storedAtMs: 1n }
    await testing.written((tx, unit) =>
      receiveOwnCommit(unit.context, tx, group.in(unit), place, made.intents),
    )
  }

  beforeEach(async () => {
    group = await TestGroup.of(testing, { others: [bob, tablet] })
  })

  test('with a device that its account has ended, by all that is known here, until it is out', async () => {
    expect(silent()).toBe(false)
    await listed(testing, [bob], listOf(bob).number + 1)
    expect(silent()).toBe(true)
    await tell(bob)
    expect(silent()).toBe(false)
    expect(group.live.held.leaves.map(({ deviceKey }) => deviceKey)).not.toContainEqual(
      tablet.device.publicKey,
    )
  })

  test('that does not know the newest list of this account, whatever that says', async () => {
    await listed(testing, [alice], listOf(alice).number + 1)
    expect(silent()).toBe(true)
    await tell(alice)
    expect(silent()).toBe(false)
  })

  test('is not so because somebody else has a newer list that ends nobody who is in it', async () => {
    await listed(testing, [bob, tablet, secondDevice(bob)], listOf(bob).number + 1)
    expect(silent()).toBe(false)
  })

  test('with somebody who is not whom the conversation is with', async () => {
    const withCarol = await TestGroup.of(testing, { others: [makeAccount('carol')] })
    await testing.written((tx, unit) => unit.context.groups.carry(tx, withCarol.in(unit), group.conversation))
    expect([silent(withCarol), silent()]).toEqual([true, false])
  })

  test('of own devices with one that is not in use', async () => {
    const phone = secondDevice(alice)
    const own = await TestGroup.of(testing, { others: [phone] })
    const used = () => ownDeviceGroups(testing.context).map(({ number }) => number)
    expect(used()).toEqual([own.number])
    await listed(testing, [alice], listOf(alice).number + 1)
    expect(used()).toEqual([])
  })

  test('that carries the conversation of own devices and is of somebody else', async () => {
    const own = await TestGroup.of(testing, { others: [secondDevice(alice)] })
    const direct = await TestGroup.of(testing, { others: [bob] })
    await testing.written((tx, unit) => unit.context.groups.carry(tx, direct.in(unit), own.conversation))
    expect(ownDeviceGroups(testing.context).map(({ number }) => number)).toEqual([own.number])
  })
})
