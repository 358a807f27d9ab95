// Sealing: numbered, sealed in the present epoch, and saved before it is sent.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind } from '../../../../../gen/parley/content/v1/room_pb.js'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { MessageId } from '../../../../../services/endpoint/events.js'
import { countOf, messageNumber, sequenceOf } from '../../../../../services/endpoint/ids.js'
import { decodeContent } from '../../../../../services/endpoint/messages/sealing/format.js'
import {
  isSilent,
  sealAnew,
  sealBody,
  sealLine,
  sendingGroup,
} from '../../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor, waitingLines } from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { recordOf } from '../../../../../services/endpoint/vault/records.js'
import { pad } from '../../../../../services/protocol/content/padding.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { TestGroup } from '../../../../support/group.js'

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
    expect(out()[0]?.opened).toMatchObject({
      joinedEpoch: 1n,
      body: { case: 'text', value: { text: 'one' } },
    })
    const key = { group: group.number, id: countOf(2n) }
    for (const table of ['undelivered', 'sent'] as const)
      expect(testing.context.records.get(table, key)).toMatchObject({ message: two.message })
    expect(waitingLines(testing.context)).toEqual([])
    expect(group.live.record).toMatchObject({ nextCount: 3n, sealedSinceCommit: 2n })
  })

  test('can be opened by the others, in the order of sealing', async () => {
    const [one, two] = [await type('one'), await type('two')]
    await seal(one)
    await seal(two)
    for (const { ciphertext, content } of out()) expect(await opensAs(ciphertext)).toEqual(pad(content))
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
      sealBody(unit.context, tx, group.in(unit), { case: 'leave', value: { account: true } }, options),
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
    sealBody(unit.context, tx, other.in(unit), { case: 'text', value: { text: 'elsewhere' } }),
  )
  const before = out().map(({ ciphertext }) => ciphertext)
  const { engine } = testing.context
  const { pending } = await engine.commit(group.live.state, {})
  await testing.written((tx, unit) =>
    unit.context.groups.enter(tx, group.in(unit), engine.adopt(group.live.state, pending).state),
  )
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
    const ids = [group, other].map(({ live }) => live.record.conversationId)
    const first = Buffer.compare(ids[0]!, ids[1]!) < 0 ? group : other
    expect(chosen()).toBe(first.number)
    await first.enter({ name: 'ended', why: 'abandoned' })
    expect(chosen()).toBe(first === group ? other.number : group.number)
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
    group = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob] })
    await stop()
    expect([chosen(), isSilent(testing.context, group.live)]).toEqual([group.number, false])
  })
})
