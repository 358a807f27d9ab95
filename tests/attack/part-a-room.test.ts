// A member with a modified program wants some of a room not to hear the others any more, or the room to stop for long. They
// begin group after group in place of the room's, and each time let in those alone whom they choose.

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { commitByForce } from '../support/forced-commits.js'
import { type ForcedSuccessor, succeedByForce } from '../support/forged-groups.js'
import { groupsOn, roomOn, sendByForce } from '../support/modified-client.js'
import { hears, openRoom, others, roomOf, say, textsOf } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(120_000)

let town: Town
let server: Server
/** All members but mallory; the first is the only admin. */
let honest: Person[]
let mallory: Person

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
})
afterEach(() => town.leave())

const NAMES = ['alice', 'bob', 'carol', 'dave', 'mallory']

async function open(): Promise<void> {
  const people = await openRoom(town, server, NAMES)
  honest = people.slice(0, 4)
  mallory = people[4]!
}

const person = (handle: string) => honest.find(each => each.handle === handle)!

/** Mallory's program does that, and goes on as any other one does. */
async function does(act: () => Promise<void>): Promise<void> {
  await mallory.close()
  await act()
  mallory = await town.join('mallory', server)
  await mallory.line('up')
  await town.clock.settled()
}

async function seconds(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed++) {
    town.clock.pass(1_000)
    await town.clock.settled()
  }
}

const leadsTo = (successor: ForcedSuccessor) => does(() => succeedByForce(mallory.disk, successor))

/** Each of them reads what each of them says, once. */
async function allHear(people: readonly Person[], word: string): Promise<void> {
  const said = people.map((each, index) => `${each.handle} ${index}: ${word}`)
  for (const [index, each] of people.entries()) await say(each, said[index]!)
  for (const each of people) await hears(each, ...said)
  for (const each of people) expect(textsOf(each)).toEqual([...new Set(textsOf(each))])
}

test('a room goes on each time that one is led away, however often', async () => {
  await open()
  for (let times = 0; times < 14; times++) {
    const begin = town.clock.now()
    await leadsTo({ invited: honest, delivered: [person('bob')] })
    await seconds(8)
    await allHear(honest, `${times}`)

    expect(town.clock.now() - begin).toBeLessThan(60_000)
  }
})

test('a device that has come since hears the others when one is led away from where the room once was', async () => {
  await open()
  const first = await roomOn(mallory.disk)
  await leadsTo({ invited: honest })
  await allHear(honest, 'where they have gone on')
  const phone = await town.join('bob', server, {
    vault: 'phone',
    seed: seedOf(person('bob').endpoint.recoveryPhrase()!),
  })
  await phone.line('up')
  await phone.holds(() => roomOf(phone) !== undefined)
  await seconds(3)
  await allHear([...honest, phone], 'with the phone')
  town.clock.pass(3_600_000)
  await leadsTo({ invited: honest, delivered: [person('carol')], from: () => first, place: first })
  await seconds(15)
  await allHear([...honest, phone], 'at last')
})

test.each([
  ['an admin has changed the room', false],
  ['an admin has changed the room and taken somebody in', true],
])('one who is left out while away, and comes back when %s', async (_, isAdded) => {
  await open()
  await person('dave').close()
  const here = honest.slice(0, 3)
  const [alice] = here as [Person]
  await leadsTo({ invited: honest, delivered: here })
  await allHear(here, 'without dave')
  const { number } = roomOf(alice)!
  await alice.endpoint.changeRoom(number, { kind: 'topic', topic: 'green' })
  if (isAdded) {
    const erin = await town.join('erin', server)
    await erin.line('up')
    await alice.endpoint.changeRoom(number, { kind: 'invite', handle: 'erin' })
    await erin.event('conversation', ({ state }) => state === 'ready')
    here.push(erin)
  }
  await seconds(3)
  const dave = await town.join('dave', server)
  await seconds(15)
  await allHear([...here, dave], 'with dave')
})

test('what one says who is led further on is heard by all', async () => {
  await open()
  const carol = person('carol')
  await does(async () => {
    await commitByForce(mallory.disk, { garbles: () => true })
    await succeedByForce(mallory.disk, {
      ...{ invited: [carol], isSecret: true },
      from: held => ({ ...held, incarnation: held.incarnation + 7 }),
    })
  })
  await carol.endpoint.send(roomOf(carol)!.number, 'carol is alone')
  await seconds(30)
  await allHear(honest, 'at last')
  for (const each of honest) await hears(each, 'carol is alone')
})

// Bob is there, so that carol seals; all others join there by themselves, a moment later. To be done: a text that was said
// while a member had no leaf in a group is to be said again when they have one, and shown once by those who know it.
test.failing('what one of two says who are led further on together is heard by all', async () => {
  await open()
  await does(async () => {
    await commitByForce(mallory.disk, { garbles: () => true })
    await succeedByForce(mallory.disk, {
      ...{ invited: [person('bob'), person('carol')], isSecret: true },
      from: held => ({ ...held, incarnation: held.incarnation + 7 }),
    })
  })
  await person('carol').endpoint.send(roomOf(person('carol'))!.number, 'carol is with bob')
  await seconds(30)
  await allHear(honest, 'at last')
  for (const each of honest) await hears(each, 'carol is with bob')
})

test('two who are led further on together, where all others have leaves, hear the others', async () => {
  await open()
  await does(async () => {
    await commitByForce(mallory.disk, { garbles: () => true })
    await succeedByForce(mallory.disk, {
      ...{ invited: honest, delivered: [person('bob'), person('carol')], isSecret: true },
      from: held => ({ ...held, incarnation: held.incarnation + 7 }),
    })
  })
  await seconds(30)
  await allHear(honest, 'at last')
})

test('where an admin has forked the chain, the others do not make groups for ever', async () => {
  await open()
  const [alice, bob, ...more] = honest as [Person, Person, ...Person[]]
  await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'admin', handle: 'mallory', isAdmin: true })
  await seconds(2)
  await does(async () => {
    await sendByForce(mallory.disk, [{ commit: randomBytes(400) }])
    const { epoch } = await roomOn(mallory.disk)
    await succeedByForce(mallory.disk, {
      ...{ invited: honest, delivered: [bob], epoch: epoch + 1n },
      changes: [{ kind: 'settings', settings: { name: 'tea', topic: 'forked', historyDays: 0 } }],
    })
  })
  await seconds(1_200)
  await allHear([alice, ...more], 'without bob')
  for (const each of [alice, ...more])
    await each.holds(() => others(each).some(line => line.includes('bob has not come along')))
  await bob.holds(() => others(bob).some(line => line.includes('alice has not come along')))
  const made = (await groupsOn(alice.disk)).length
  await seconds(600)
  expect((await groupsOn(alice.disk)).length).toBe(made)
})

describe('from several devices', () => {
  test('a room goes on, however many groups they begin in its place', async () => {
    await open()
    const seed = seedOf(mallory.endpoint.recoveryPhrase()!)
    const devices: Person[] = []
    for (let n = 0; n < 6; n++) {
      const device = await town.join('mallory', server, { vault: `mallory ${n}`, seed })
      await device.line('up')
      await device.holds(() => roomOf(device) !== undefined)
      await seconds(2)
      devices.push(device)
    }
    await allHear(honest, 'before')
    for (const each of devices) await each.close()
    await mallory.close()
    const place = await roomOn(devices[0]!.disk)
    for (const [n, device] of devices.entries()) {
      const begin = town.clock.now()
      await succeedByForce(device.disk, {
        invited: honest,
        delivered: [person('bob')],
        place,
        from: () => place,
      })
      const again = await town.join('mallory', server, { vault: `mallory ${n}` })
      await again.line('up')
      await town.clock.settled()
      await again.close()
      await seconds(10)
      await allHear(honest, `${n}`)

      expect(town.clock.now() - begin).toBeLessThan(60_000)
    }
  })
})
