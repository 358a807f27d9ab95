// Joining a group by a welcome.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  type DeliveredWelcome,
  DeliveredWelcomeSchema,
  type Envelope,
  EnvelopeSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import type { Context } from '../../../../services/endpoint/context.js'
import { changeSettings, intend } from '../../../../services/endpoint/groups/intents.js'
import type { GroupPhase } from '../../../../services/endpoint/groups/state/group.js'
import type { Held } from '../../../../services/endpoint/groups/state/held.js'
import type { GroupInput } from '../../../../services/endpoint/groups/state/transitions.js'
import { NO_KEY, type Placed } from '../../../../services/endpoint/ids.js'
import { joinByWelcome } from '../../../../services/endpoint/messages/join.js'
import { SET_ASIDE_OF_ONE, viewRequests } from '../../../../services/endpoint/messages/requests.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { move } from '../../../../services/endpoint/messages/transition.js'
import type { KeyPackagePair } from '../../../../services/endpoint/mls/engine.js'
import { MlsRefused } from '../../../../services/endpoint/mls/refused.js'
import type { Change } from '../../../../services/protocol/conversation/chain/change.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, pinned, type TestContext } from '../../../support/endpoint-context.js'
import {
  foundGroup,
  foundSuccessor,
  keyPackageOf,
  putInPhase,
  type RoomSetup,
} from '../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../support/group.js'
import { keyIn, placed } from '../../../support/numbers.js'
import { saidIn } from '../../../support/said.js'
import { signedAs } from '../../../support/signed-head.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

/** A welcome as the server delivers it, to the group of this id. */
interface Welcome {
  id: Uint8Array
  welcome: DeliveredWelcome
}

/** In a bundle that this account's device has signed. */
function welcomeBy(by: OwnAccount, id: Uint8Array, welcome: Uint8Array): Welcome {
  const bundle = { epoch: 0n, commit: Uint8Array.of(1), welcomes: [{ welcome }] }
  const { head, headSignature } = signedAs(by, id, bundle)
  return { id, welcome: create(DeliveredWelcomeSchema, { welcome, epoch: 1n, head, headSignature }) }
}

/** The key package by which this device was added is one of its own. */
const keepPackage = ({ publicPackage, privatePackage }: KeyPackagePair, lastResort = false) =>
  testing.written(tx => {
    const id = BigInt(tx.keys('keypackages').length + 1)
    const key = keyIn('keypackages', { group: 0n, id })
    tx.put('keypackages', key, { publicPackage, privatePackage, lastResort })
  })

interface Invitation {
  by?: OwnAccount
  /** Besides this device and the one who made it. */
  others?: OwnAccount[]
  room?: RoomSetup
  lastResort?: boolean
  id?: Uint8Array
}

/** Somebody makes a group and adds this device to it. */
async function invitation({
  by = bob,
  others = [],
  room,
  lastResort,
  id,
}: Invitation = {}): Promise<Welcome> {
  const founded = await foundGroup(testing.context.engine, by, {
    others: [alice, ...others],
    ...(room && { room }),
    ...(id && { groupId: id }),
  })
  await keepPackage(founded.packages[0]!, lastResort)
  return welcomeBy(by, founded.conversationId, founded.welcome)
}

/** Somebody goes on with a conversation, as they know it, and adds this device. */
async function successor(
  before: Held,
  {
    by = bob,
    others = [],
    changes = [],
  }: { by?: OwnAccount; others?: OwnAccount[]; changes?: Change[] } = {},
): Promise<Welcome> {
  const { engine } = testing.context
  const founded = await foundSuccessor(engine, by, before, { others: [alice, ...others], changes })
  await keepPackage(founded.packages[0]!)
  return welcomeBy(by, founded.conversationId, founded.welcome)
}

let sequence = 0n
const envelopeOf = ({ id: conversationId }: Pick<Welcome, 'id'>) =>
  placed(create(EnvelopeSchema, { conversationId, sequence: ++sequence, storedAtMs: 77n }))

/** `change`: of what the parts share. */
const join = (
  { id, welcome }: Welcome,
  {
    envelope = envelopeOf({ id }),
    change = {},
  }: { envelope?: Placed<Envelope>; change?: Partial<Context> } = {},
) =>
  testing.written((tx, { context }) =>
    joinByWelcome(Object.assign(Object.create(context), change), tx, envelope, welcome),
  )
const groupOf = ({ id }: Pick<Welcome, 'id'>) => testing.context.groups.byId(id)
const phaseOf = (welcome: Pick<Welcome, 'id'>) => groupOf(welcome)?.phase.name
const moved = ({ id }: Pick<Welcome, 'id'>, input: GroupInput) =>
  testing.written((tx, { context }) => move(context, tx, context.groups.byId(id)!, input))
const conversations = () => testing.context.conversations.all().map(({ kind, peer }) => `${kind} ${peer}`)
const refusals = () =>
  testing.told.flatMap(event =>
    event.type === 'notice' && event.notice.code === 'invitation-refused' ? [event.notice.why] : [],
  )
const keyPackages = () => testing.context.records.keys('keypackages').length
const lines = () =>
  testing.context.conversations
    .all()
    .flatMap(({ number }) => testing.context.conversations.history(number).map(saidIn))

describe('a welcome', () => {
  test('of somebody opens the conversation with them, who only claim to be called so', async () => {
    const welcome = await invitation()
    await join(welcome)
    const bobsName = testing.context.contacts.nameOf(bob.account.publicKey)
    expect(bobsName).toMatch(/^bob~.{8}$/)
    expect(conversations()).toEqual([`direct ${bobsName}`])
    expect(groupOf(welcome)?.phase.name).toBe('active')
    expect(groupOf(welcome)?.record).toMatchObject({
      joinedEpoch: 1n,
      lastSequence: sequence,
      incarnation: 1,
    })
    expect(testing.context.contacts.get(bob.account.publicKey)?.accountKey).toEqual(bob.account.publicKey)
    // This device knows from here on what the group holds of their devices.
    expect(testing.context.lists.inUse(bob.account.publicKey)).toHaveLength(1)
    expect(testing.told.map(({ type }) => type)).toEqual(['conversation', 'conversation'])
    expect(testing.told.at(-1)).toMatchObject({ peer: bobsName, state: 'ready' })
    expect([keyPackages(), testing.context.records.keys('welcomes')]).toEqual([0, []])
  })

  test('leaves the key package of last resort', async () => {
    const welcome = await invitation({ lastResort: true })
    await join(welcome)
    expect([phaseOf(welcome), keyPackages()]).toEqual(['active', 1])
  })

  test('to a room says who is in it, its topic, and what is handed over', async () => {
    await join(await invitation({ room: { topic: 'green', historyDays: 3 }, others: [carol] }))
    expect(conversations()).toEqual(['room #tea'])
    expect(lines()).toHaveLength(1)
    for (const part of ['bob', 'carol', 'green', '3 days']) expect(lines()[0]).toContain(part)
  })

  test('of another device of this account opens the conversation of own devices', async () => {
    await join(await invitation({ by: secondDevice(alice) }))
    expect(testing.context.conversations.all().map(({ kind }) => kind)).toEqual(['own-devices'])
    expect(testing.told).toEqual([])
  })

  test('to a second group of two is taken in the same conversation, beside the first', async () => {
    const [first, second] = [await invitation(), await invitation()]
    await join(first)
    await join(second)
    expect(conversations()).toHaveLength(1)
    expect([phaseOf(first), phaseOf(second)]).toEqual(['active', 'active'])
  })
})

describe('a welcome is refused', () => {
  const others = (handle: string) => [makeAccount(handle)]

  test.each<[string, object, Invitation]>([
    ['with somebody in it who goes by this handle', { code: 'own-handle' }, { by: makeAccount('alice') }],
    [
      'with two in it who go by one handle',
      { code: 'handle-twice', handle: 'bob' },
      { others: others('bob'), room: {} },
    ],
  ])('%s', async (_, why, how) => {
    const welcome = await invitation(how)
    await join(welcome)
    expect(refusals()).toEqual([why])
    expect([groupOf(welcome), conversations(), keyPackages()]).toEqual([undefined, [], 1])
    expect(testing.context.records.keys('welcomes')).toEqual([])
  })

  test('for another conversation than the server says', async () => {
    const { welcome } = (await invitation()).welcome
    const id = new Uint8Array(16)
    await join(welcomeBy(bob, id, welcome))
    expect([refusals(), keyPackages()]).toEqual([[{ code: 'other-conversation' }], 1])
  })

  test('that says nothing of whose conversation it is', async () => {
    const { engine } = testing.context
    const [own, founder] = [await keyPackageOf(engine, alice), await keyPackageOf(engine, bob)]
    await keepPackage(own)
    const id = new Uint8Array(16).fill(7)
    const founded = await engine.create({ groupId: id, keyPackage: founder })
    const { welcome } = await engine.commit(founded, { add: [own.publicPackage] })
    await join(welcomeBy(bob, id, welcome!))
    expect([refusals(), keyPackages()]).toEqual([[{ code: 'not-right' }], 1])
  })

  test('that the engine refuses', async () => {
    await join(welcomeBy(bob, new Uint8Array(16), Uint8Array.of(1, 2, 3)))
    expect(refusals()).toEqual([{ code: 'mls', cause: 'malformed' }])
  })

  test('that nobody signed, or that the server says something else of, before it is opened', async () => {
    const { id, welcome } = await invitation()
    const forged: Partial<DeliveredWelcome>[] = [
      { headSignature: new Uint8Array() },
      { head: new Uint8Array() },
      { welcome: welcome.welcome.slice(1) },
      { epoch: 2n },
    ]
    const opener = { open: () => Promise.reject(new Error('opened')), close: async () => undefined }
    const change = { welcomes: opener }
    for (const each of forged) await join({ id, welcome: { ...welcome, ...each } }, { change })
    await join({ id: new Uint8Array(16), welcome }, { change })
    expect(refusals()).toEqual(Array.from({ length: 5 }, () => ({ code: 'not-signed' })))
    expect(testing.context.records.keys('welcomes')).toEqual([])
  })

  test('that somebody signed who is not in the group', async () => {
    const { id, welcome } = await invitation()
    await join(welcomeBy(carol, id, welcome.welcome))
    expect(refusals()).toEqual([{ code: 'not-signed' }])
    expect([groupOf({ id }), conversations(), keyPackages()]).toEqual([undefined, [], 1])
  })

  test('in silence for now where all who can invite are blocked', async () => {
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    testing.told.length = 0
    const refused = await invitation({ room: {}, others: [carol] })
    await join(refused)
    // It is heard of if one of them is unblocked.
    const { conversations } = testing.context
    expect([phaseOf(refused), testing.told, conversations.requests()]).toEqual(['requested', [], []])
    expect(conversations.setAside()).toHaveLength(1)
    // One of two admins may have invited.
    const taken = await invitation({ room: { admins: [carol] }, others: [carol] })
    await join(taken)
    expect(phaseOf(taken)).toBe('active')
  })
})

describe('a welcome to a group that is known', () => {
  let room: TestGroup
  const id = () => ({ id: room.live.record.conversationId })

  beforeEach(async () => {
    room = await TestGroup.of(testing, { by: bob, others: [bob, carol], room: {} })
  })

  /** Another member removes this device, which has asked for it, and adds it again. */
  async function takenInAgain(changes: Change[] = []): Promise<Welcome> {
    const { groupId, incarnation, state, epoch: lastEpoch } = room.live.held
    const asks = { groupId, incarnation, head: state.head, lastEpoch }
    const rejoins = [makeRejoinStatement(crypto, asks, { device: alice.device })]
    await room.committed(bob, { changes, rejoins, remove: [alice], add: [alice] })
    return await welcomed()
  }
  /** The welcome of the last commit. */
  async function welcomed(): Promise<Welcome> {
    const { packages, welcome } = room.welcomed!
    await keepPackage(packages[0]!)
    return welcomeBy(bob, id().id, welcome!)
  }
  const lost = () => moved(id(), { input: 'state-lost', askedLately: false })
  const promoted: Change = { kind: 'make-admin', accountKey: carol.account.publicKey }

  test('is not taken while this device is in it', async () => {
    const before = room.live.record
    await join(await takenInAgain())
    expect(room.live.record).toEqual(before)
    expect([keyPackages(), refusals()]).toEqual([1, []])
  })

  test('that was not asked for is refused', async () => {
    await room.enter({ name: 'broken', succeedAtMs: 0, leaveDue: false })
    await join(await takenInAgain())
    expect([refusals(), room.live.phase.name]).toEqual([[{ code: 'not-theirs' }], 'broken'])
  })

  test('takes it in again, in the same conversation, and says who was made an admin meanwhile', async () => {
    const { conversation } = room
    await lost()
    await join(await takenInAgain([promoted]))
    expect(room.live.phase.name).toBe('active')
    expect(room.live.record).toMatchObject({ conversation, joinedEpoch: 2n, rejoinEpoch: undefined })
    expect(lines().at(-1)).toContain('carol')
    expect(conversations()).toEqual(['room #tea'])
  })

  test('is not taken twice', async () => {
    await lost()
    const welcome = await takenInAgain()
    const envelope = envelopeOf(id())
    await join(welcome, { envelope })
    await moved(id(), { input: 'removed' })
    await join(welcome, { envelope })
    expect(room.live.phase.name).toBe('ended')
  })

  test('where it leads back to an epoch that is over is refused: it must be newer than what was asked from', async () => {
    await lost()
    await room.change({ rejoinEpoch: 2n })
    await join(await takenInAgain())
    expect([refusals(), room.live.phase.name]).toEqual([[{ code: 'not-theirs' }], 'out-of-sync'])
  })

  test('takes in a device that was removed and added again, which is told of it like a newcomer', async () => {
    await moved(id(), { input: 'removed' })
    await room.committed(bob, { changes: [{ kind: 'remove', accountKey: alice.account.publicKey }] })
    const accountKey = alice.account.publicKey
    await room.committed(bob, { changes: [{ kind: 'add', accountKey }], add: [alice] })
    await join(await welcomed())
    expect(room.live.phase.name).toBe('active')
    expect(room.live.record).toMatchObject({ joinedEpoch: 3n, owedSinceEpoch: 3n })
    expect(lines().at(-1)).toMatch(/you are in the room with/)
  })

  test('to a group of another conversation under its id is refused, with the key package kept', async () => {
    await lost()
    const mallory = makeAccount('mallory')
    const before = room.live.record
    for (const how of [{}, { room: {} }, { room: {}, by: bob }])
      await join(await invitation({ by: mallory, ...id(), ...how }))
    expect(refusals()).toEqual([1, 2, 3].map(() => ({ code: 'not-theirs' })))
    expect([room.live.record, keyPackages()]).toEqual([before, 3])
    expect(testing.context.contacts.get(mallory.account.publicKey)).toBeUndefined()
  })

  test('only to say that this account leaves shows nothing', async () => {
    await lost()
    await moved(id(), { input: 'leave', alone: false })
    const before = lines()
    testing.told.length = 0
    await join(await takenInAgain())
    expect(room.live.phase).toMatchObject({ name: 'leaving', leaveDue: true })
    expect([lines(), testing.told]).toEqual([before, []])
  })
})

describe('a welcome to the next group of a room', () => {
  let room: TestGroup
  const BROKEN: GroupPhase = { name: 'broken', succeedAtMs: 0, leaveDue: false }

  beforeEach(async () => {
    await pinned(testing, bob, carol)
    room = await TestGroup.of(testing, { by: bob, others: [bob, carol], room: {} })
  })

  /** The server has put it into the order of the one before. */
  async function listed(...made: Parameters<typeof successor>): Promise<Welcome> {
    const welcome = await successor(...made)
    const one = {
      $typeName: 'parley.vault.v1.Successor',
      conversationId: welcome.id,
      by: NO_KEY,
      listedAtMs: 0n,
    } as const
    await room.change({ successors: [...room.live.record.successors, one] })
    return welcome
  }

  test('goes on in the same conversation, with what was to be changed, and says so', async () => {
    const { conversation } = room
    const change = changeSettings({ topic: 'green' })
    await testing.written((tx, unit) => {
      intend(unit.context, tx, room.in(unit), change)
      const init = { kind: MessageKind.TEXT, own: true, text: 'waits', status: MessageStatus.WAITING }
      waitFor(tx, unit.context.conversations.append(tx, conversation, init).id)
    })
    await putInPhase(testing, room, BROKEN)
    const welcome = await listed(room.live.held, {
      others: [carol],
      changes: [{ kind: 'make-admin', accountKey: carol.account.publicKey }],
    })
    await join(welcome)
    expect(groupOf(welcome)).toMatchObject({
      phase: { name: 'active' },
      record: { conversation, incarnation: 2 },
    })
    expect(room.live.phase).toEqual({ name: 'ended', why: 'succeeded' })
    expect(conversations()).toEqual(['room #tea'])
    expect(lines().slice(1)).toEqual([expect.stringMatching(/^the room goes on/), 'bob made carol an admin'])
    expect(testing.context.intents.of(room)).toEqual([])
    expect(testing.context.intents.of(groupOf(welcome)!).map(({ intent }) => intent.change)).toEqual([change])
    expect(waitingLines(testing.context)).toHaveLength(1)
  })

  test('is taken from any member, also while this device is in the one before', async () => {
    const welcome = await listed(room.live.held, { by: carol })
    await join(welcome)
    expect([phaseOf(welcome), room.live.phase.name]).toEqual(['active', 'ended'])
  })

  test('is none where the others are not told of it', async () => {
    const welcome = await successor(room.live.held, { by: carol })
    await join(welcome)
    expect(refusals()).toEqual([{ code: 'not-theirs' }])
    expect([groupOf(welcome), room.live.phase.name, keyPackages()]).toEqual([undefined, 'active', 1])
  })

  test('is none where it does not go on from what was decided', async () => {
    const stale = room.live.held
    const { changes, add } = {
      changes: [{ kind: 'make-admin', accountKey: carol.account.publicKey } as const],
      add: [],
    }
    await room.committed(bob, { changes, add })
    await lostAndBack()
    const welcome = await successor(stale, { by: carol })
    await join(welcome)
    expect(refusals()).toEqual([{ code: 'not-theirs' }])
    expect([groupOf(welcome), room.live.phase.name, keyPackages()]).toEqual([undefined, 'active', 1])
  })

  /** This device comes to hold what the others do. */
  async function lostAndBack(): Promise<void> {
    const { groupId, incarnation, state, epoch: lastEpoch } = room.live.held
    await moved({ id: groupId }, { input: 'state-lost', askedLately: false })
    const asks = { groupId, incarnation, head: state.head, lastEpoch }
    const rejoins = [makeRejoinStatement(crypto, asks, { device: alice.device })]
    await room.committed(bob, { rejoins, remove: [alice], add: [alice] })
    const { packages, welcome } = room.welcomed!
    await keepPackage(packages[0]!)
    await join(welcomeBy(bob, groupId, welcome!))
  }

  test('is none behind another one of the same place in the order', async () => {
    const [first, second] = [await listed(room.live.held), await successor(room.live.held, { by: carol })]
    await join(first)
    await join(second)
    expect(refusals()).toEqual([{ code: 'not-theirs' }])
    expect([phaseOf(first), phaseOf(second)]).toEqual(['active', undefined])
  })

  test('takes the place of another one that stands before it in the order, and none that stands behind it', async () => {
    const [first, second] = [await listed(room.live.held), await listed(room.live.held, { by: carol })]
    await join(first)
    expect(phaseOf(first)).toBe('active')
    await join(second)
    expect([phaseOf(second), groupOf(first)?.phase]).toEqual(['active', { name: 'ended', why: 'succeeded' }])
    room = await TestGroup.of(testing, { by: bob, others: [bob, carol], room: {} })
    const [early, late] = [await listed(room.live.held), await listed(room.live.held, { by: carol })]
    await join(late)
    await join(early)
    expect([phaseOf(early), phaseOf(late)]).toEqual([undefined, 'active'])
    expect(refusals()).toEqual([])
  })

  test('of one that this account has left is there to say so, with nothing shown', async () => {
    const left: GroupPhase[] = [
      { name: 'broken', succeedAtMs: 0, leaveDue: true },
      // It was said in the group before, and nobody has committed it.
      { name: 'leaving', leaveDue: false, commitOut: false },
    ]
    for (const phase of left) {
      room = await TestGroup.of(testing, { by: bob, others: [bob, carol], room: {} })
      await putInPhase(testing, room, phase)
      const welcome = await listed(room.live.held)
      await join(welcome)
      expect(groupOf(welcome)?.phase).toEqual({ name: 'leaving', leaveDue: true, commitOut: false })
      expect(testing.context.conversations.history(room.conversation)).toEqual([])
    }
  })

  test('takes in a device that waits to be taken in again in the one before', async () => {
    await moved({ id: room.live.record.conversationId }, { input: 'state-lost', askedLately: false })
    const welcome = await listed(room.live.held)
    await join(welcome)
    expect([phaseOf(welcome), room.live.phase]).toEqual(['active', { name: 'ended', why: 'succeeded' }])
    expect(testing.outbox.items()).toEqual([])
  })
})

describe('somebody whom nobody has let in', () => {
  const HOLD = { change: { requests: 'hold' as const } }
  const requests = () => viewRequests(testing.context).map(({ peer }) => peer)

  test('asks by their welcome: nothing goes out before a person decides', async () => {
    const welcome = await invitation()
    await join(welcome, HOLD)
    expect(phaseOf(welcome)).toBe('requested')
    expect(requests()).toHaveLength(1)
    expect(testing.told.map(({ type }) => type)).toEqual(['request'])
    expect(testing.outbox.items()).toEqual([])
  })

  test('asks as well by taking this account into a room', async () => {
    const welcome = await invitation({ room: {}, others: [carol] })
    await join(welcome, HOLD)
    expect([phaseOf(welcome), requests()]).toEqual(['requested', ['#tea']])
  })

  test('asks no second time by going on with the room in another group: that waits as well', async () => {
    const first = await invitation({ room: {}, others: [carol] })
    await join(first, HOLD)
    const second = await successor(groupOf(first)!.held)
    const one = {
      $typeName: 'parley.vault.v1.Successor',
      conversationId: second.id,
      by: NO_KEY,
      listedAtMs: 0n,
    } as const
    await testing.written((tx, { context }) =>
      context.groups.change(tx, context.groups.get(groupOf(first)!.number)!, { successors: [one] }),
    )
    await join(second, HOLD)
    expect([groupOf(first)?.phase, phaseOf(second)]).toEqual([
      { name: 'ended', why: 'succeeded' },
      'requested',
    ])
    expect(requests()).toEqual(['#tea'])
    expect(groupOf(second)?.record.conversation).toBe(groupOf(first)?.record.conversation)
  })

  test('asks nothing of a person who has blocked them, and it is not said that they are there', async () => {
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    testing.told.length = 0
    await join(await invitation(), HOLD)
    expect(requests()).toEqual([])
    expect(testing.told).not.toContainEqual(expect.objectContaining({ type: 'request' }))
    expect(testing.told).not.toContainEqual(expect.objectContaining({ state: 'ready' }))
  })

  test('asks twice a day, and is not shown after that', async () => {
    const welcomes = [
      await invitation({ room: {} }),
      await invitation({ room: {} }),
      await invitation({ room: {} }),
    ]
    for (const welcome of welcomes) await join(welcome, HOLD)
    expect(welcomes.map(phaseOf)).toEqual(['requested', 'requested', 'requested'])
    expect([requests().length, refusals()]).toEqual([2, []])
    expect(testing.told.filter(({ type }) => type === 'request')).toHaveLength(2)
  })

  test('leaves nothing behind where there is no room for it at all', async () => {
    await testing.written((tx, { context }) => {
      for (let each = 0; each < SET_ASIDE_OF_ONE; each++)
        context.conversations.request(tx, bob.account.publicKey, { roomName: 'tea', setAside: true })
      context.contacts.block(tx, bob.account.publicKey, true)
    })
    const [packages, contacts] = [keyPackages(), testing.context.contacts.all().length]
    const welcome = await invitation({ room: {}, others: [carol] })
    await join(welcome, HOLD)
    expect([phaseOf(welcome), refusals(), keyPackages()]).toEqual([undefined, [], packages + 1])
    expect(testing.context.contacts.all()).toHaveLength(contacts)
  })
})

describe('opening', () => {
  const failing = (error: Error, times = Number.POSITIVE_INFINITY) => {
    let left = times
    return {
      open: async (request: Parameters<Context['welcomes']['open']>[0]) => {
        if (left-- > 0) throw error
        return await testing.context.welcomes.open(request)
      },
      close: async () => undefined,
    }
  }

  test('is tried again where it took too long, and given up at last', async () => {
    const welcome = await invitation()
    await join(welcome, { change: { welcomes: failing(new MlsRefused('too-costly'), 2) } })
    expect(conversations()).toHaveLength(1)
    await join(await invitation(), { change: { welcomes: failing(new MlsRefused('too-costly')) } })
    expect(refusals()).toEqual([{ code: 'too-many-attempts', attempts: 3 }])
  })

  test('that takes the program down is noted before, and not tried for ever', async () => {
    const welcome = await invitation()
    const envelope = envelopeOf(welcome)
    const down = { envelope, change: { welcomes: failing(new Error('the end')) } }
    for (let attempt = 1; attempt <= 3; attempt++) {
      await expect(join(welcome, down)).rejects.toThrow('the end')
      expect(testing.context.records.keys('welcomes')).toHaveLength(attempt)
    }
    await join(welcome, down)
    expect(refusals()).toEqual([{ code: 'too-many-attempts', attempts: 3 }])
    expect(testing.context.records.keys('welcomes')).toEqual([])
  })
})
