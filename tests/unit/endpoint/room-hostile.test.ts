// Rooms on a server that drops, reorders, withholds, repeats and alters, and with members whose program was altered:
// nothing of it passes in silence, and what can be made good is made good.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import type { SignedRejoinStatement } from '../../../gen/parley/v1/rejoin_pb.js'
import type { OwnAccount } from '../../../services/endpoint/contacts/account.js'
import { commitByForce, type Force } from '../../support/forced-commits.js'
import { accountOn } from '../../support/modified-client.js'
import {
  changing,
  firstOf,
  hears,
  isKind,
  isOf,
  lines,
  type Meddling,
  members,
  openRoom,
  others,
  roomOf,
  say,
  textsOf,
} from '../../support/room.js'
import { newTown, type Person, type Server, type Town } from '../../support/town.js'

jest.setTimeout(20_000)

let town: Town
let meddle: Meddling
let server: Server

beforeEach(async () => {
  town = await newTown()
  meddle = envelopes => envelopes
  server = await town.server({
    meddle: (read, device) => ({ ...read, envelopes: meddle(read.envelopes, device) }),
  })
})
afterEach(async () => {
  await town.leave()
})

const room = (...handles: string[]) => openRoom(town, server, handles)

describe('a server that', () => {
  test('drops an envelope for one member: it is missed, asked for and shown, once', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    const dropped = new Set<bigint>()
    let onDrop: () => void = () => undefined
    meddle = changing([carol], 'application', ({ sequence }) => {
      dropped.add(sequence)
      onDrop()
      return []
    })
    await say(alice, 'dropped')
    const { sequence } = lines(alice).find(({ text }) => text === 'dropped')!
    await new Promise<void>(resolve => {
      onDrop = () => void (dropped.has(sequence) && resolve())
      onDrop()
    })
    meddle = envelopes => envelopes
    await hears(bob, 'dropped')
    await say(alice, 'after')
    await hears(carol, 'after', 'dropped')
    await say(bob, 'end')
    await Promise.all([hears(carol, 'end'), hears(bob, 'after')])
    expect(others(carol)).toContainEqual(expect.stringMatching(/^gap: \d+ of what alice sent/))
    for (const person of [bob, carol])
      expect(textsOf(person).filter(text => text === 'dropped')).toHaveLength(1)
  })

  test('hands a newcomer what was sealed before it came: it is shown that it cannot be read, and why', async () => {
    const [alice, bob] = (await room('alice', 'bob')) as [Person, Person]
    let before: Envelope | undefined
    meddle = changing([bob], 'application', envelope => {
      before ??= envelope
      return [envelope]
    })
    await say(alice, 'before')
    await hears(bob, 'before')
    const carol = await town.join('carol', server)
    await carol.line('up')
    await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'invite', handle: 'carol' })
    await carol.event('conversation', ({ state }) => state === 'ready')
    await alice.holds(() => members(alice).length === 3)
    meddle = changing(
      [carol],
      'application',
      firstOf(({ sequence }) => [{ ...before!, sequence }]),
    )
    await say(alice, 'after')
    await say(alice, 'once more')
    await hears(carol, 'once more')
    expect(others(carol)).toContain('unreadable: sealed with keys that are older than this device keeps')
    expect(textsOf(carol)).not.toContain('before')
  })

  test('lets two envelopes change places for one member: the next message tells it, in one line', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    let held: Envelope[] = []
    let isDone = false
    // The first two that carol is to read are given to her the other way round, once both are there.
    meddle = (envelopes, reader) => {
      if (isDone || !isOf(carol, reader)) return envelopes
      const applications = envelopes.filter(isKind('application'))
      const rest = envelopes.filter(envelope => !applications.includes(envelope))
      held.push(...applications)
      const [first, second] = held
      if (!first || !second) return rest
      isDone = true
      const swapped = [
        { ...second, sequence: first.sequence },
        { ...first, sequence: second.sequence },
        ...held.slice(2),
      ]
      held = []
      return [...rest, ...swapped]
    }
    await say(alice, 'one')
    await hears(bob, 'one')
    await say(bob, 'two')
    await hears(alice, 'two')
    await hears(carol, 'one', 'two')
    await say(alice, 'three')
    await hears(carol, 'three')
    await say(bob, 'four')
    await hears(carol, 'four')
    expect(others(carol).filter(line => line.includes('another course'))).toHaveLength(1)
    // Those who saw the right order may notice it by what carol sends.
    for (const person of [alice, bob])
      expect(others(person).filter(line => line.includes('another course')).length).toBeLessThan(2)
  })

  test('shows the halves of a room two histories: the first message across tells it', async () => {
    const people = (await room('alice', 'bob', 'carol', 'dave')) as [Person, Person, Person, Person]
    const [alice, bob, carol, dave] = people
    // The server keeps from carol and dave for good what alice says.
    meddle = changing([carol, dave], 'application', () => [])
    await say(alice, 'for this half only')
    await hears(bob, 'for this half only')
    meddle = changing([alice, bob], 'application', () => [])
    await say(carol, 'for the other half')
    await hears(dave, 'for the other half')
    meddle = envelopes => envelopes
    await say(dave, 'across')
    await Promise.all([hears(alice, 'across'), hears(bob, 'across')])
    for (const person of [alice, bob])
      await person.holds(() => others(person).some(line => line.includes('dave was shown another course')))
    // Carol's own count tells that something of hers is missing, and it is said again.
    await say(carol, 'once more')
    await hears(alice, 'for the other half')
    await hears(bob, 'for the other half')
  })

  test('withholds a commit from a member: it asks to be taken in again, is, and misses nothing', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    meddle = changing(
      [carol],
      'commit',
      firstOf(() => []),
    )
    await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'topic', topic: 'green' })
    await bob.holds(() => others(bob).some(line => line.includes('set the topic')))
    await say(bob, 'in the new epoch')
    await carol.holds(() => others(carol).some(line => line.includes('missed a change')))
    await carol.holds(() => others(carol).filter(line => line.includes('you are in the room')).length === 2)
    await say(carol, 'back')
    await Promise.all([hears(alice, 'back'), hears(bob, 'back')])
    await say(bob, 'welcome back')
    await hears(carol, 'welcome back', 'in the new epoch')
    expect(others(bob)).toContainEqual(expect.stringContaining('a device of carol has lost'))
  })

  test('withholds a commit from a member who then changes the room: they come back, and the change is made', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'admin', handle: 'carol', isAdmin: true })
    await carol.holds(() => others(carol).some(line => line.includes('made carol an admin')))
    meddle = changing(
      [carol],
      'commit',
      firstOf(() => []),
    )
    await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'topic', topic: 'green' })
    await bob.holds(() => others(bob).some(line => line.includes('set the topic')))
    await carol.endpoint.changeRoom(roomOf(carol)!.number, { kind: 'name', name: 'coffee' })
    await carol.holds(() => others(carol).filter(line => line.includes('you are in the room')).length === 2)
    await say(carol, 'back')
    await Promise.all([hears(alice, 'back'), hears(bob, 'back')])
    expect(members(carol)).toEqual(['alice', 'bob', 'carol'])
  })

  test.each([
    ['before it notices', false],
    ['as soon as it has noticed', true],
  ])('withholds commits from a member that leaves %s: it is out all the same', async (_when, hasNoticed) => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    let withheld = 0
    const { promise: allWithheld, resolve } = Promise.withResolvers<void>()
    // More than the server allows a sender to be behind.
    const topics = ['green', 'black', 'white']
    meddle = changing([carol], 'commit', () => {
      withheld += 1
      if (withheld === topics.length) resolve()
      return []
    })
    for (const topic of topics) {
      await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'topic', topic })
      await bob.holds(() => others(bob).some(line => line.includes(`set the topic: ${topic}`)))
    }
    await allWithheld
    meddle = envelopes => envelopes
    if (hasNoticed) {
      await say(bob, 'in the new epoch')
      await carol.holds(() => others(carol).some(line => line.includes('missed a change')))
    }
    await carol.endpoint.leaveRoom(roomOf(carol)!.number)
    for (const person of [alice, bob]) {
      await person.holds(() => others(person).includes('event: carol left'))
      await person.holds(() => members(person).join() === 'alice,bob')
    }
    await say(alice, 'without her')
    await hears(bob, 'without her')
    expect(others(carol).at(-1)).toBe('event: you have left')
    expect(carol.endpoint.room(roomOf(carol)!.number).state).toBe('ended')
    expect(textsOf(carol)).not.toContain('without her')
  })

  test('keeps it from the others that somebody leaves: what they say goes on being sealed for her, and is not shown', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    meddle = changing([alice, bob], 'application', () => [])
    await carol.endpoint.leaveRoom(roomOf(carol)!.number)
    await town.clock.settled()
    meddle = envelopes => envelopes
    await say(bob, 'unheard')
    await hears(alice, 'unheard')
    await bob.write('carol', 'after that')
    await carol.holds(() => carol.history().some(({ text }) => text === 'after that'))
    expect(members(bob)).toContain('carol')
    expect(others(carol).at(-1)).toBe('event: you have left')
    expect(textsOf(carol)).not.toContain('unheard')
  })

  test.each<[string, (request: SignedRejoinStatement) => SignedRejoinStatement]>([
    ['repeats a request to be taken in again', request => request],
    [
      'makes one with bytes of its own',
      request => ({ ...request, statement: request.statement.map(byte => ~byte) }),
    ],
    ['makes one without a signature', request => ({ ...request, signature: new Uint8Array() })],
  ])('%s, in a new place: nobody is removed for it', async (_what, make) => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    let request: SignedRejoinStatement | undefined
    const withholding = changing(
      [carol],
      'commit',
      firstOf(() => []),
    )
    meddle = (envelopes, reader) => {
      for (const { envelope } of envelopes) if (envelope.case === 'rejoin') request = envelope.value
      return withholding(envelopes, reader)
    }
    await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'topic', topic: 'green' })
    await bob.holds(() => others(bob).some(line => line.includes('set the topic')))
    await say(bob, 'in the new epoch')
    await carol.holds(() => others(carol).filter(line => line.includes('you are in the room')).length === 2)
    await say(carol, 'back')
    await Promise.all([hears(alice, 'back'), hears(bob, 'back')])
    // It takes the place of what carol says next, which is missed, asked for and said again.
    const forged = { case: 'rejoin', value: make(request!) } as const
    let placed = 0
    meddle = changing([alice, bob], 'application', envelope => {
      if (placed === 2) return [envelope]
      placed += 1
      return [{ ...envelope, envelope: forged }]
    })
    await say(carol, 'still in')
    await carol.holds(() => placed === 2)
    await say(carol, 'as before')
    await Promise.all([hears(alice, 'still in', 'as before'), hears(bob, 'still in', 'as before')])
    await say(alice, 'so you are')
    await hears(carol, 'so you are')
    for (const person of [alice, bob]) {
      expect(others(person).filter(line => line.includes('has lost'))).toHaveLength(1)
      expect(members(person)).toEqual(['alice', 'bob', 'carol'])
    }
    expect(others(carol).filter(line => line.includes('you are in the room'))).toHaveLength(2)
  })

  test('repeats every envelope in its place: nothing is shown twice', async () => {
    const [alice, bob] = (await room('alice', 'bob')) as [Person, Person]
    meddle = envelopes => envelopes.flatMap(envelope => [envelope, envelope])
    await say(alice, 'once')
    await say(bob, 'and once')
    await Promise.all([hears(bob, 'once'), hears(alice, 'and once')])
    for (const person of [alice, bob])
      expect(textsOf(person).sort()).toEqual(['alice is here', 'and once', 'bob is here', 'once'])
  })

  test('alters a roster change: the commit is dropped and told, and the member comes back by itself', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    const isTold = (line: string) => line.includes('no member has signed')
    meddle = changing([bob], 'commit', envelope => {
      if (envelope.envelope.case !== 'commit') return [envelope]
      const rosterChange = {
        $typeName: 'parley.v1.RosterChange' as const,
        addedDeviceIds: [new Uint8Array(32)],
        removedDeviceIds: [],
      }
      return [
        { ...envelope, envelope: { case: 'commit', value: { ...envelope.envelope.value, rosterChange } } },
      ]
    })
    await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'topic', topic: 'green' })
    await bob.holds(() => others(bob).some(isTold))
    await hears(carol, 'alice is here')
    meddle = envelopes => envelopes
    await say(alice, 'in the new epoch')
    await bob.holds(() => others(bob).filter(line => line.includes('you are in the room')).length === 2)
    await say(alice, 'welcome back')
    await hears(bob, 'welcome back', 'in the new epoch')
  })
})

describe('a member with an altered program', () => {
  const WENT_ON =
    'event: the room goes on, sealed anew: a change that nobody could take had stopped it, or not all had come along'
  const adding = ({ account }: OwnAccount) => ({ kind: 'add' as const, accountKey: account.publicKey })
  const removing = ({ account }: OwnAccount) => ({ kind: 'remove' as const, accountKey: account.publicKey })
  const broken = (person: Person) =>
    others(person).filter(line => line.includes('mallory changed it in a way'))
  /** Mallory is a member, and no admin unless given. */
  const force = async (mallory: Person, forced: Force) => {
    await mallory.close()
    await commitByForce(mallory.disk, forced)
    const again = await town.join('mallory', server)
    await again.line('up')
  }

  test.each<[string, (eve: OwnAccount, bob: OwnAccount) => Force]>([
    ['adds somebody', eve => ({ changes: [adding(eve)], add: [eve] })],
    ['adds somebody without a word of it', eve => ({ add: [eve] })],
    ['removes somebody', (_, bob) => ({ changes: [removing(bob)], remove: ['bob'] })],
    ['removes somebody without a word of it', () => ({ remove: ['bob'] })],
    [
      'renames the room',
      () => ({
        changes: [{ kind: 'settings', settings: { name: 'mine', topic: '', historyDays: 0 } }],
      }),
    ],
  ])(
    'that %s without being an admin is refused by all others, named, and taken out',
    async (_name, forced) => {
      const [alice, bob, mallory] = (await room('alice', 'bob', 'mallory')) as [Person, Person, Person]
      const eve = await town.join('eve', server)
      await eve.line('up')
      await force(mallory, forced(accountOn(eve.disk), accountOn(bob.disk)))
      for (const person of [alice, bob]) {
        await person.holds(() => broken(person).length === 1)
        await person.holds(() => others(person).includes(WENT_ON))
        await person.holds(() => members(person).join() === 'alice,bob')
        expect(roomOf(person)!.peer).toBe('#tea')
      }
      await say(alice, 'without mallory')
      await say(bob, 'nor eve')
      await Promise.all([hears(bob, 'without mallory'), hears(alice, 'nor eve')])
      expect(others(bob)).toContain('event: alice removed mallory')
      for (const person of [alice, bob]) expect(broken(person)).toHaveLength(1)
      expect(roomOf(eve)).toBeUndefined()
    },
  )

  test('that adds and removes in one commit, as an admin may: all are told alike, and the room goes on', async () => {
    const people = (await room('mallory', 'alice', 'bob', 'carol')) as [Person, Person, Person, Person]
    const [mallory, alice, bob, carol] = people
    const eve = await town.join('eve', server)
    await eve.line('up')
    const [eves, bobs] = [accountOn(eve.disk), accountOn(bob.disk)]
    await force(mallory, { changes: [adding(eves), removing(bobs)], add: [eves], remove: ['bob'] })
    for (const person of [alice, carol]) {
      await person.holds(() => others(person).includes('event: mallory added eve'))
      await person.holds(() => others(person).includes('event: mallory removed bob'))
      expect(members(person)).toEqual(['alice', 'carol', 'eve', 'mallory'])
    }
    await bob.holds(() => others(bob).includes('event: mallory removed you'))
    await say(alice, 'without bob')
    await hears(carol, 'without bob')
    expect(textsOf(bob)).not.toContain('without bob')
  })
})

test('a copy of a vault that is put back renews its keys before it says anything, and gets what it missed', async () => {
  let [alice, bob] = (await room('alice', 'bob')) as [Person, Person]
  await alice.write('bob', 'direct')
  await bob.received(1)
  await bob.close()
  town.disk('copy').copyFrom(bob.disk)
  bob = await town.join('bob', server)
  await bob.line('up')
  /** The epochs of what the device has sealed, by the conversation. */
  let sealed = new Map<string, bigint[]>()
  meddle = (envelopes, reader) => {
    for (const { conversationId, envelope } of isOf(alice, reader) ? envelopes : []) {
      if (envelope.case !== 'application') continue
      const id = Buffer.from(conversationId).toString('hex')
      sealed.set(id, [...(sealed.get(id) ?? []), envelope.value.epoch])
    }
    return envelopes
  }
  await say(bob, 'said after the copy')
  await bob.write('alice', 'direct after the copy')
  await hears(alice, 'said after the copy')
  await alice.received(1)
  const before = sealed
  await say(alice, 'missed by the copy')
  await hears(bob, 'missed by the copy')
  await bob.close()
  bob.disk.copyFrom(town.disk('copy'))

  bob = await town.join('bob', server)
  await bob.event('notice', ({ notice }) => notice.code === 'copy-put-back')
  sealed = new Map()
  await say(bob, 'back')
  await hears(alice, 'back')
  await say(alice, 'welcome back')
  await hears(bob, 'welcome back', 'missed by the copy')
  await bob.write('alice', 'direct again')
  await alice.holds(() =>
    alice.history().some(({ text, state }) => text === 'direct again' && state === 'received'),
  )
  expect(before.size).toBe(2)
  for (const [id, epochs] of before) {
    const later = sealed.get(id) ?? []
    expect(later).not.toEqual([])
    for (const epoch of later) expect(epochs.every(used => used < epoch)).toBe(true)
  }
  // Nothing was lost, so nobody had to take it in again.
  expect(others(bob).filter(line => line.includes('you are in the room'))).toHaveLength(1)
  expect([...others(alice), ...others(bob)].filter(line => line.includes('another course'))).toEqual([])
})

test('who is removed and invited again sees nothing that was said meanwhile', async () => {
  const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
  const number = roomOf(alice)!.number
  await alice.endpoint.changeRoom(number, { kind: 'remove', handle: 'carol' })
  await carol.holds(() => others(carol).some(line => line.includes('alice removed you')))
  await say(alice, 'without carol')
  await hears(bob, 'without carol')
  await say(bob, 'nor this')
  await hears(alice, 'nor this')
  await alice.endpoint.changeRoom(number, { kind: 'invite', handle: 'carol' })
  await carol.holds(() => others(carol).filter(line => line.includes('you are in the room')).length === 2)
  await say(bob, 'with carol again')
  await say(alice, 'and from alice')
  await hears(carol, 'with carol again', 'and from alice')
  expect(textsOf(carol)).toEqual([
    'alice is here',
    'bob is here',
    'carol is here',
    'with carol again',
    'and from alice',
  ])
  expect(lines(carol).filter(({ kind }) => kind === 'gap')).toEqual([])
})
