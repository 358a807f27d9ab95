import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { EndpointEvent } from '../../../../../services/endpoint/events.js'
import { addAccount, intend } from '../../../../../services/endpoint/groups/intents.js'
import type { LiveGroup } from '../../../../../services/endpoint/groups/state/groups.js'
import type { ConversationNumber } from '../../../../../services/endpoint/ids.js'
import { waitFor } from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { KeyClaims } from '../../../../../services/endpoint/sync/keys/key-claims.js'
import { Scheduler } from '../../../../../services/endpoint/sync/scheduler.js'
import { RpcError } from '../../../../../services/rpc/error.js'
import {
  groupIn,
  listed,
  openTestContext,
  pinned,
  type TestContext,
} from '../../../../support/endpoint-context.js'
import { learn, putInPhase, roomWith } from '../../../../support/endpoint-groups.js'
import { FakeDirectory } from '../../../../support/fake-directory.js'
import { secondDevice } from '../../../../support/group.js'
import { listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const [bob, carol, dave] = [makeAccount('bob'), makeAccount('carol'), makeAccount('dave')]

let endpoint: TestContext
let directory: FakeDirectory
let claims: KeyClaims
let nudges: number
let events: EndpointEvent[]
/** The fate of changed keys. */
let settle: (onDecided: () => void) => Promise<void>

beforeEach(async () => {
  endpoint = await openTestContext(alice)
  await endpoint.written((_, unit) => learn(unit, [alice]))
  directory = new FakeDirectory(endpoint.context.engine, alice)
  nudges = 0
  events = []
  settle = async () => undefined
  claims = new KeyClaims({
    ...endpoint,
    exchange: directory.exchange,
    changedKeys: { settle: onDecided => settle(onDecided) },
    scheduler: new Scheduler(endpoint.clock),
    nudge: () => nudges++,
    emit: event => void events.push(event),
  })
})

const openWith = (handle: string) =>
  endpoint.written((tx, { context }) => context.conversations.openAwaiting(tx, handle))
/** A text that waits to be sent. */
const write = (conversation: ConversationNumber) =>
  endpoint.written((tx, { context }) => {
    const init = { kind: MessageKind.TEXT, own: true, text: 'hello', status: MessageStatus.WAITING }
    waitFor(tx, context.conversations.append(tx, conversation, init).id)
  })
const claimed = () => directory.calls.map(({ claimHandles }) => claimHandles)
const hasGroup = (conversation: ConversationNumber) => endpoint.context.groups.of(conversation).length > 0

describe('somebody whom a conversation is with', () => {
  test('gets a group with them and with own devices, and is not looked for again', async () => {
    directory.list(bob)
    const conversation = await openWith('bob')
    await claims.run()
    await claims.run()
    expect(claimed()).toEqual([['bob', 'alice']])
    expect(hasGroup(conversation)).toBe(true)
    expect(nudges).toBe(1)
  })

  test('who is not there is looked for every 15 seconds, and told of once, to somebody who has written', async () => {
    const conversation = await openWith('bob')
    await claims.run()
    expect(events).toEqual([])
    await write(conversation)
    await claims.run()
    await claims.run()
    expect(events).toMatchObject([{ type: 'notice', notice: { code: 'absent', peer: 'bob' } }])
    expect(claimed()).toHaveLength(1)
    endpoint.clock.pass(14_000)
    await claims.run()
    expect(claimed()).toHaveLength(1)
    endpoint.clock.pass(1_000)
    // It was said to be due.
    expect(nudges).toBe(1)
    await claims.run()
    expect(claimed()).toHaveLength(2)
    expect(events).toHaveLength(1)
  })

  test('is looked for anew with a new line', async () => {
    await openWith('bob')
    await claims.run()
    claims.restart()
    await claims.run()
    expect(claimed()).toHaveLength(2)
  })

  test('who is blocked, or whose key has changed, is not looked for', async () => {
    directory.list(bob, carol)
    await openWith('bob')
    await openWith('carol')
    await endpoint.written((tx, { context }) => {
      context.contacts.handles.block(tx, 'bob', true)
      context.contacts.handles.expect(tx, 'carol', new Uint8Array(32))
      context.contacts.meet(tx, { handle: 'carol', accountKey: carol.account.publicKey })
    })
    await claims.run()
    expect(claimed()).toEqual([])
  })

  test('with whom another device speaks is looked for when something is written here', async () => {
    directory.list(bob)
    const conversation = await endpoint.written((tx, { context }) =>
      context.conversations.openForHistory(tx, bob.account.publicKey),
    )
    await pinned(endpoint, bob)
    await claims.run()
    expect(claimed()).toEqual([])
    await write(conversation)
    await claims.run()
    expect(hasGroup(conversation)).toBe(true)
  })
})

test('an answer that has no room for all is asked for the rest; one with room for none is not', async () => {
  directory.list(bob)
  directory.claimsAnswered = 1
  const conversation = await openWith('bob')
  await claims.run()
  expect(claimed()).toEqual([['bob', 'alice'], ['alice']])
  expect(hasGroup(conversation)).toBe(true)
  directory.calls.length = 0
  directory.claimsAnswered = 0
  await openWith('carol')
  await claims.run()
  expect(claimed()).toEqual([['carol', 'alice']])
})

describe('those who are to be added', () => {
  let room: LiveGroup
  const invite = (...handles: string[]) =>
    endpoint.written((tx, unit) => {
      for (const handle of handles) {
        intend(unit.context, tx, groupIn(unit, room), addAccount({ handle }))
      }
    })
  const packages = () =>
    endpoint.context.intents
      .all()
      .map(({ intent: { change } }) => (change.case === 'addAccount' ? change.value.keyPackages.length : -1))

  beforeEach(async () => {
    room = await roomWith(endpoint, [])
    directory.list(bob, carol, dave)
  })

  test('are claimed in one call, for one commit', async () => {
    await invite('bob', 'carol', 'dave')
    await claims.run()
    await claims.run()
    expect(claimed()).toEqual([['bob', 'carol', 'dave']])
    expect(packages()).toEqual([1, 1, 1])
  })

  test('are claimed in as many calls as the server wants', async () => {
    claims.limit(2)
    await invite('bob', 'carol', 'dave')
    await claims.run()
    expect(claimed()).toEqual([['bob', 'carol'], ['dave']])
    expect(packages()).toEqual([1, 1, 1])
  })

  test('are not taken in by halves: what failed because of the line is claimed anew with the next', async () => {
    claims.limit(2)
    await invite('bob', 'carol', 'dave')
    directory.downAt = 2
    await claims.run()
    expect(packages()).toEqual([0, 0, 0])
    directory.downAt = Number.POSITIVE_INFINITY
    await claims.run()
    expect(claimed()).toHaveLength(2)
    claims.restart()
    await claims.run()
    expect(packages()).toEqual([1, 1, 1])
  })
})

describe('a room that takes no commit any more', () => {
  let room: LiveGroup
  const breaks = (succeedAtMs = 0) =>
    putInPhase(endpoint, room, { name: 'broken', succeedAtMs, leaveDue: false })
  const next = () => {
    const [group] = endpoint.context.groups
      .of(room.record.conversation)
      .filter(({ phase }) => phase.name === 'creating')
    return group && endpoint.context.engine.adopt(group.state, group.pending!).state
  }

  beforeEach(async () => {
    room = await roomWith(endpoint, [bob, carol])
    directory.list(bob, carol)
  })

  test('goes on in another one with the devices of its members, which are claimed once', async () => {
    await breaks()
    await claims.run()
    await claims.run()
    expect(claimed()).toEqual([['alice', 'bob', 'carol']])
    expect(endpoint.context.engine.members(next()!)).toHaveLength(3)
    expect(nudges).toBe(1)
  })

  test('has its members claimed in as many calls as the server wants', async () => {
    claims.limit(2)
    await breaks()
    await claims.run()
    expect(claimed()).toEqual([['alice', 'bob'], ['carol']])
    expect(endpoint.context.engine.members(next()!)).toHaveLength(3)
  })

  test('goes on without somebody who is not there any more', async () => {
    directory.devices.delete('bob')
    await breaks()
    await claims.run()
    expect(endpoint.context.engine.members(next()!)).toHaveLength(2)
  })

  test('waits for this device’s turn', async () => {
    await breaks(endpoint.clock.now() + 1)
    await claims.run()
    expect([claimed(), next()]).toEqual([[], undefined])
  })

  test('waits for the line', async () => {
    await breaks()
    directory.downAt = 1
    await claims.run()
    expect(next()).toBeUndefined()
    directory.downAt = Number.POSITIVE_INFINITY
    await claims.run()
    expect(next()).toBeDefined()
  })
})

test('a device that its account has ended makes no groups', async () => {
  directory.list(bob)
  const conversation = await openWith('bob')
  const room = await roomWith(endpoint, [bob])
  await putInPhase(endpoint, room, { name: 'broken', succeedAtMs: 0, leaveDue: false })
  await listed(endpoint, [secondDevice(alice)], listOf(alice).number + 1)
  await claims.run()
  expect([claimed(), hasGroup(conversation)]).toEqual([[], false])
  expect(endpoint.outbox.items()).toEqual([])
})

describe('changed keys', () => {
  test('are looked into first; when one is decided on, all are due', async () => {
    await openWith('bob')
    await claims.run()
    settle = async onDecided => onDecided()
    directory.list(bob)
    await claims.run()
    expect(claimed()).toHaveLength(2)
  })

  test('that cannot be looked into because of the line keep back nobody else', async () => {
    settle = () => Promise.reject(new RpcError('UNAVAILABLE', 'the line is down'))
    directory.list(bob)
    const conversation = await openWith('bob')
    await claims.run()
    expect(hasGroup(conversation)).toBe(true)
  })
})

test('a call that the server refuses keeps back nobody else', async () => {
  directory.list(bob, carol)
  const conversations = [await openWith('bob'), await openWith('carol')]
  directory.downAt = 1
  await claims.run()
  expect(claimed()).toHaveLength(2)
  expect(conversations.map(hasGroup)).toEqual([false, false])
})

test('a vault that fails is told of', async () => {
  directory.list(bob)
  await openWith('bob')
  endpoint.disk.fail({ reason: 'full' })
  await expect(claims.run()).rejects.toMatchObject({ name: 'VaultError' })
})
