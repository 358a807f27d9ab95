// A member with a modified program wants a room to stop: nobody is to be able to say anything there any more, or nobody is
// to read it. They send commits that nobody may take, that some cannot open, and groups in place of the room's.

import { randomBytes } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { CommitBundleSchema } from '../../gen/parley/v1/chat_pb.js'
import { signed } from '../../services/endpoint/groups/heads.js'
import { toHex } from '../../services/protocol/bytes.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import type { AccountKey } from '../../services/protocol/keys.js'
import { cutTo } from '../support/chain-by-force.js'
import { commitByForce, commitOn, type Force } from '../support/forced-commits.js'
import { type ForcedSuccessor, succeedByForce } from '../support/forged-groups.js'
import { accountOn, byForce, devicesInGroupsOn, roomOn, sendByForce } from '../support/modified-client.js'
import { hears, members, openRoom, others, roomOf, say, textsOf } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(60_000)

const HOUR_MS = 3_600_000

let town: Town
let server: Server
/** Nobody of the room. */
let eve: Person
/** All members but mallory, in the order in which they came. */
let honest: Person[]
let mallory: Person
/** By handle, when mallory began. */
let admins: string[]
/** Of the town's time, in ms since 1970. */
let begin: number

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
  eve = await town.join('eve', server)
  await eve.line('up')
})
afterEach(() => town.leave())

const ROLES = ['a plain member', 'an admin', 'the only admin'] as const
type Role = (typeof ROLES)[number]

async function openWith(role: Role): Promise<void> {
  const names = ['alice', 'bob', 'carol', 'mallory', 'dave']
  const people = await openRoom(
    town,
    server,
    role === 'the only admin' ? ['mallory', ...names.filter(name => name !== 'mallory')] : names,
  )
  mallory = people.find(({ handle }) => handle === 'mallory')!
  honest = people.filter(person => person !== mallory)
  if (role !== 'an admin') return
  const [alice] = honest as [Person]
  await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'admin', handle: 'mallory', isAdmin: true })
  for (const person of people) await person.holds(() => adminsAt(person).includes('mallory'))
  await town.clock.settled()
}

const person = (handle: string) => honest.find(each => each.handle === handle)!
const keyOf = (of: Person): AccountKey => accountOn(of.disk).account.publicKey
const deviceOf = (of: Person) => accountOn(of.disk).device.publicKey
const idOf = (of: Person) => Buffer.from(deviceOf(of)).toString('hex')
const roomAt = (at: Person) => at.endpoint.room(roomOf(at)!.number)
const adminsAt = (at: Person) =>
  roomAt(at)
    .members.filter(({ isAdmin }) => isAdmin)
    .map(({ handle }) => handle)
    .sort()
const isNamedAt = (at: Person) => others(at).some(line => line.includes('mallory changed it in a way'))

/** Mallory's program does that, and goes on as any other one does. */
async function does(act: () => Promise<void>): Promise<void> {
  admins = adminsAt(mallory)
  await mallory.close()
  await act()
  begin = town.clock.now()
  mallory = await town.join('mallory', server)
  await mallory.line('up')
  // It has come to all others.
  await town.clock.settled()
}

interface Outcome {
  /** Whether mallory is out of the room. */
  isOut: boolean
  /** Whether all read that mallory has broken it. */
  isNamed?: boolean
  /** Behind what everybody says, where it goes on more than once. */
  after?: string
  /** Until everybody reads everybody again; 5 s unless given. */
  withinMs?: number
}

/** All others read all that one says; nobody else got in, and nobody has other rights than before. */
async function goesOn({ isOut, isNamed = true, withinMs = 5_000, after = '' }: Outcome): Promise<void> {
  const names = honest.map(({ handle }) => handle).sort()
  if (isNamed) for (const each of honest) await each.holds(() => isNamedAt(each))
  for (const each of honest) await say(each, `${each.handle} goes on${after}`)
  for (const each of honest) await hears(each, ...names.map(name => `${name} goes on${after}`))
  expect(town.clock.now() - begin).toBeLessThan(withinMs)
  if (isOut) {
    for (const each of honest) await each.holds(() => members(each).join() === names.join())
    for (const each of honest) await say(each, `${each.handle} without mallory`)
    for (const each of honest) await hears(each, ...names.map(name => `${name} without mallory`))
    await town.clock.settled()
    expect(textsOf(mallory).filter(text => text.includes('without mallory'))).toEqual([])
  }
  for (const each of honest) {
    expect(others(each).filter(line => line.includes('the server lies'))).toEqual([])
    expect(textsOf(each)).toEqual([...new Set(textsOf(each))])
  }
  // A further group may be on its way, to which all change.
  await town.clock.settled()
  const room = await roomOn(honest[0]!.disk)
  for (const each of honest) {
    if (!isOut) expect(members(each)).toEqual([...names, 'mallory'].sort())
    expect([roomOf(each)!.peer, roomAt(each).topic]).toEqual(['#tea', ''])
    expect(adminsAt(each)).toEqual(isOut ? admins.filter(name => name !== 'mallory') : admins)
    expect(await devicesInGroupsOn(each.disk)).not.toContain(idOf(eve))
    expect(toHex((await roomOn(each.disk)).groupId)).toBe(toHex(room.groupId))
  }
}

const settings = { name: 'mine', topic: 'stopped', historyDays: 30 }

const AGAINST_RULES: [string, readonly Role[], () => Force][] = [
  [
    'adds a stranger by an entry',
    ['a plain member'],
    () => ({ changes: [{ kind: 'add', accountKey: keyOf(eve) }], add: [accountOn(eve.disk)] }),
  ],
  ['adds a stranger’s leaf', ROLES, () => ({ add: [accountOn(eve.disk)] })],
  [
    'removes somebody by an entry',
    ['a plain member'],
    () => ({ changes: [{ kind: 'remove', accountKey: keyOf(person('bob')) }], remove: ['bob'] }),
  ],
  ['removes somebody’s leaf', ROLES, () => ({ remove: ['bob'] })],
  ['removes everybody’s leaves', ROLES, () => ({ remove: ['alice', 'bob', 'carol', 'dave'] })],
  [
    'makes itself an admin',
    ['a plain member'],
    () => ({ changes: [{ kind: 'make-admin', accountKey: keyOf(mallory) }] }),
  ],
  ['changes the settings', ['a plain member'], () => ({ changes: [{ kind: 'settings', settings }] })],
  ['says another state than it makes', ROLES, () => ({ groupState: fitting => fitting.slice(0, -1) })],
  [
    'leaves no admin',
    ['the only admin'],
    () => ({ changes: [{ kind: 'unmake-admin', accountKey: keyOf(mallory) }] }),
  ],
  [
    'rests on a request of nobody',
    ROLES,
    () => ({ basis: { rejoins: [randomBytes(200)] }, remove: ['bob'] }),
  ],
]

const withRoles = <T>(rows: [string, readonly Role[], T][]): [string, Role, T][] =>
  rows.flatMap(([name, roles, made]) => roles.map((role): [string, Role, T] => [name, role, made]))

const kicked = () => honest.map(deviceOf)

describe.each<[string, () => Uint8Array[]]>([
  ['', () => []],
  [', and takes all others off the server’s roster by it', kicked],
])('a commit that all can see is wrong%s', (_, kicks) => {
  test.each(ROLES)('garbage with its valid head, by %s', async role => {
    await openWith(role)
    const removedDeviceIds = kicks()
    await does(() =>
      sendByForce(mallory.disk, [{ commit: randomBytes(400), rosterChange: { removedDeviceIds } }]),
    )
    await goesOn({ isOut: role !== 'the only admin' })
  })

  test.each(ROLES)('another member’s commit under its own head, by %s', async role => {
    await openWith(role)
    const removedDeviceIds = kicks()
    const commit = await commitOn(person('bob').disk)
    await does(() => sendByForce(mallory.disk, [{ commit, rosterChange: { removedDeviceIds } }]))
    await goesOn({ isOut: role !== 'the only admin' })
  })

  test.each(withRoles(AGAINST_RULES))('%s, by %s', async (_name, role, force) => {
    await openWith(role)
    const forced = { ...force(), kicks: kicks() }
    await does(() => commitByForce(mallory.disk, forced))
    await goesOn({ isOut: role !== 'the only admin' })
  })
})

describe('one after the other', () => {
  test.each([
    ['garbage', () => sendByForce(mallory.disk, [{ commit: randomBytes(400) }])],
    ['commits whose path fails for all others', () => commitByForce(mallory.disk, { garbles: () => true })],
  ])('%s, by the only admin, whom nobody can take out', async (_, act) => {
    await openWith('the only admin')
    for (let times = 0; times < 3; times++) {
      await does(act)
      await goesOn({ isOut: false, withinMs: 10_000, after: `${times}` })
      await mallory.holds(() => members(mallory).length === 5)
    }
  })
})

/** The others are added where one was led to. */
async function seconds(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed++) {
    town.clock.pass(1_000)
    await town.clock.settled()
  }
}

describe('one member alone', () => {
  async function isLedAway(leftOut: number): Promise<void> {
    await openWith('a plain member')
    await does(async () => {
      await commitByForce(mallory.disk, { garbles: index => index === 0 })
      await succeedByForce(mallory.disk, {
        ...{ invited: [person('carol')], isSecret: true },
        from: held => ({ ...held, incarnation: held.incarnation + leftOut }),
      })
    })
    await seconds(30)
    await goesOn({ isOut: false, isNamed: false, withinMs: 60_000 })
  }

  test('who loses the room by a path, and is welcomed to the next group', () => isLedAway(0))

  test('who loses the room by a path, and is welcomed to a group further on', () => isLedAway(7))

  test('who is welcomed to a group further on, while all others make the next one', async () => {
    await openWith('a plain member')
    await does(async () => {
      await commitByForce(mallory.disk, { garbles: () => true })
      await succeedByForce(mallory.disk, {
        ...{ invited: [person('carol')], isSecret: true },
        from: held => ({ ...held, incarnation: held.incarnation + 7 }),
      })
    })
    await seconds(30)
    await goesOn({ isOut: true, withinMs: 60_000 })
  })

  test('who is welcomed to a group that nobody else is told of', async () => {
    await openWith('a plain member')
    await does(() => succeedByForce(mallory.disk, { invited: [person('carol')], isSecret: true }))
    await seconds(5)
    await goesOn({ isOut: false, isNamed: false, withinMs: 60_000 })
  })
})

describe('somebody who was removed', () => {
  test('makes a group in place of the room, from the state that they had', async () => {
    await openWith('a plain member')
    const [alice] = honest as [Person]
    await town.clock.settled()
    town.disk('before').copyFrom(mallory.disk)
    await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'remove', handle: 'mallory' })
    for (const each of honest) await each.holds(() => !members(each).includes('mallory'))
    await does(async () => {
      mallory.disk.copyFrom(town.disk('before'))
      await succeedByForce(mallory.disk, { invited: honest })
    })
    await goesOn({ isOut: true, isNamed: false, withinMs: 60_000 })
    await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'topic', topic: 'green' })
    for (const each of honest) await each.holds(() => roomAt(each).topic === 'green')
    for (const each of honest) expect((await roomOn(each.disk)).incarnation).toBe(2)
  })
})

test.each(ROLES)('garbage whose head says that others have another state, by %s', async role => {
  await openWith(role)
  await does(() => sendByForce(mallory.disk, [{ commit: randomBytes(400) }], { isOfNoState: true }))
  await goesOn({ isOut: false, isNamed: false })
  for (const each of honest)
    expect(others(each).filter(line => line.includes('mallory was shown another course'))).toHaveLength(1)
})

describe('a commit that nobody but its maker can tell from a good one', () => {
  test.each(ROLES)('whose path fails for all others, by %s', async role => {
    await openWith(role)
    await does(() => commitByForce(mallory.disk, { garbles: () => true }))
    await goesOn({ isOut: role !== 'the only admin', withinMs: 10_000 })
  })

  test.each(ROLES)('whose path fails for one, by %s', async role => {
    await openWith(role)
    await does(() => commitByForce(mallory.disk, { garbles: index => index === 0 }))
    await goesOn({ isOut: false, isNamed: false, withinMs: 10_000 })
  })
})

const STRANGE: [string, readonly Role[], () => ForcedSuccessor][] = [
  ['that nobody else is in', ROLES, () => ({ invited: [] })],
  ['that one other is in', ROLES, () => ({ invited: [person('bob')] })],
  ['without the admin', ['a plain member'], () => ({ invited: honest.slice(1) })],
  [
    'that forks the chain',
    ROLES,
    () => ({ invited: honest, from: held => cutTo(held, held.entries.length - 1) }),
  ],
  [
    'that forks the chain by an entry of its own',
    ['an admin', 'the only admin'],
    () => ({
      ...{ invited: [person('alice')], from: held => cutTo(held, 1) },
      changes: [{ kind: 'add', accountKey: keyOf(person('alice')) }],
    }),
  ],
  [
    'in which it is an admin',
    ['a plain member'],
    () => ({ invited: honest, changes: [{ kind: 'make-admin', accountKey: keyOf(mallory) }] }),
  ],
  [
    'that is called otherwise',
    ['a plain member'],
    () => ({ invited: honest, changes: [{ kind: 'settings', settings }] }),
  ],
  [
    'without somebody whom it removes',
    ['a plain member'],
    () => ({ invited: honest.slice(1), changes: [{ kind: 'remove', accountKey: keyOf(honest[0]!) }] }),
  ],
  ['with a stranger', ROLES, () => ({ invited: [...honest, eve] })],
  [
    'with a stranger whom it adds',
    ['a plain member'],
    () => ({ invited: [...honest, eve], changes: [{ kind: 'add', accountKey: keyOf(eve) }] }),
  ],
  [
    'that leaves groups out, so that nobody could follow',
    ROLES,
    () => ({ invited: honest, from: held => ({ ...held, incarnation: held.incarnation + 7 }) }),
  ],
  ['that is right, though the room is sound', ROLES, () => ({ invited: honest })],
]

describe.each([
  ['', false],
  [', behind a commit that breaks it', true],
])('a group in place of the room%s', (_, breaks) => {
  test.each(withRoles(STRANGE))('%s, by %s', async (_name, role, successor) => {
    await openWith(role)
    await does(async () => {
      if (breaks) await sendByForce(mallory.disk, [{ commit: randomBytes(400) }])
      const { epoch } = await roomOn(mallory.disk)
      await succeedByForce(mallory.disk, { ...successor(), epoch: epoch + (breaks ? 1n : 0n) })
    })
    await goesOn({ isOut: breaks && role !== 'the only admin', isNamed: breaks, withinMs: 60_000 })
  })
})

/** A group in place of the room; the first commit behind its own is garbage where it is broken at once. */
async function leadsAway(
  successor: ForcedSuccessor,
  { isBrokenAtOnce = false }: { isBrokenAtOnce?: boolean } = {},
): Promise<void> {
  await succeedByForce(mallory.disk, successor)
  if (!isBrokenAtOnce) return
  await byForce(mallory.disk, ({ outbox, tx, context }, group) => {
    const bundle = create(CommitBundleSchema, { epoch: 1n, commit: randomBytes(400) })
    const commitBundle = toBinary(CommitBundleSchema, signed(context, group.state, bundle))
    outbox.add(tx, group.number, { case: 'commit', value: { commitBundle } })
  })
}

describe('a group in place of the room that the others hear nothing of', () => {
  const isSecret = true
  test.each<[string, () => ForcedSuccessor, object]>([
    ['is for one alone', () => ({ invited: [person('bob')], isSecret }), {}],
    ['has leaves of all', () => ({ invited: honest, delivered: [person('bob')], isSecret }), {}],
    ['is broken at once', () => ({ invited: [person('bob')], isSecret }), { isBrokenAtOnce: true }],
  ])('and that %s', async (_, successor, how) => {
    await openWith('a plain member')
    await does(() => leadsAway(successor(), how))
    await goesOn({ isOut: false, isNamed: false })
  })
})

// The one who is welcomed goes on there, and the others make one behind it: that is where all are from then on.
describe('a group in place of the room that reaches one alone', () => {
  const REACHING_BOB: [string, () => ForcedSuccessor, { isBrokenAtOnce?: boolean }][] = [
    ['though it has leaves of all', () => ({ invited: honest, delivered: [person('bob')] }), {}],
    ['and is broken at once', () => ({ invited: [person('bob')] }), { isBrokenAtOnce: true }],
    ['and has its leaf alone', () => ({ invited: [person('bob')] }), {}],
  ]

  test.each(REACHING_BOB)('%s', async (name, successor, how) => {
    await openWith('a plain member')
    await does(() => leadsAway(successor(), how))
    await goesOn({ isOut: false, isNamed: false, withinMs: 60_000 })
    // Where the one adds the others at once, nobody was left out.
    if (name === 'and has its leaf alone') return
    for (const each of honest.filter(({ handle }) => handle !== 'bob'))
      await each.holds(() => others(each).some(line => line.includes('mallory had begun a group in place')))
  })

  test.each(REACHING_BOB)('%s, who is away meanwhile', async (_, successor, how) => {
    await openWith('a plain member')
    await person('bob').close()
    await does(() => leadsAway(successor(), how))
    const here = honest.filter(({ handle }) => handle !== 'bob')
    for (const each of here) await say(each, `${each.handle} without bob`)
    for (const each of here) await hears(each, ...here.map(({ handle }) => `${handle} without bob`))
    await town.clock.settled()
    const bob = await town.join('bob', server)
    honest = [...here, bob]
    await hears(bob, ...here.map(({ handle }) => `${handle} without bob`))
    await goesOn({ isOut: false, isNamed: false, withinMs: 120_000 })
  })

  test('twice, the second time where they have gone on', async () => {
    await openWith('a plain member')
    await does(() => leadsAway({ invited: honest, delivered: [person('bob')] }))
    await goesOn({ isOut: false, isNamed: false, withinMs: 60_000 })
    await does(() => leadsAway({ invited: honest, delivered: [person('carol')] }))
    await goesOn({ isOut: false, isNamed: false, withinMs: 60_000, after: ' twice' })
  })

  test('and was made once more in the place of the first room, from which all have gone on', async () => {
    await openWith('a plain member')
    const first = await roomOn(mallory.disk)
    await does(() => leadsAway({ invited: honest }))
    await goesOn({ isOut: false, isNamed: false, withinMs: 60_000 })
    town.clock.pass(HOUR_MS)
    await does(() =>
      leadsAway({ invited: honest, delivered: [person('carol')], from: () => first, place: first }),
    )
    await goesOn({ isOut: false, isNamed: false, withinMs: 60_000, after: ' once more' })
  })

  describe('with a change of the room in it, by an admin', () => {
    beforeEach(async () => {
      await openWith('an admin')
      const changes: Change[] = [{ kind: 'settings', settings: { name: 'tea', topic: '', historyDays: 30 } }]
      await does(() => leadsAway({ invited: honest, delivered: [person('bob')], changes }))
    })

    // The one who is led there holds an entry of the chain that the others do not know, and drops none: it could be the one
    // by which somebody was removed. So all go on from there.
    test('all come together again, with the change', async () => {
      await goesOn({ isOut: false, isNamed: false, withinMs: 60_000 })
    })
  })
})
