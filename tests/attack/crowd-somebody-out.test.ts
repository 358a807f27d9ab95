// Somebody with many accounts asks to be let in with each, so that there is no room for the request of anybody else.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { REQUESTS } from '../../services/endpoint/messages/requests.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { DAY_MS } from '../../services/protocol/time.js'
import { isKind, isOf } from '../support/room.js'
import { newMemoryTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(60_000)

let town: Town
let server: Server
let alice: Person
let carol: Person
/** No new conversation comes to this person's device, as where there is no room for a request at all. */
let turnsAway: Person | undefined

beforeEach(async () => {
  turnsAway = undefined
  town = await newMemoryTown()
  const isForTurnedAway = (device: Uint8Array) => turnsAway !== undefined && isOf(turnsAway, device)
  server = await town.server({
    meddle: (read, device) => ({
      ...read,
      envelopes: read.envelopes.filter(each => !(isKind('welcome')(each) && isForTurnedAway(device))),
    }),
  })
  alice = await town.join('alice', server, { requests: 'hold' })
  carol = await town.join('carol', server)
  await alice.line('up')
  await carol.line('up')
})
afterEach(() => town.leave())

const requests = (of = alice) =>
  of.endpoint.requests().map(({ peer, lines }) => {
    const texts = lines.filter(({ kind }) => kind === 'text').map(({ text }) => text)
    return [peer, ...texts]
  })
const told = (of = alice) => of.events.filter(({ type }) => type === 'request').length

/** The program has done all that it does by itself: nothing is heard after that. */
const settled = () => town.clock.settled()

/** All places are taken, by accounts that ask as often as they may. */
async function crowd(of: readonly Person[] = [alice]): Promise<void> {
  for (let at = 0; at < REQUESTS / 2; at++) {
    const mallory = await town.join(`mallory-${at}`, server)
    await mallory.line('up')
    await mallory.write('alice', 'let me in')
    await mallory.endpoint.createRoom({ name: `trap-${at}`, historyDays: 0, invite: ['alice'] })
  }
  for (const each of of) await each.holds(() => each.endpoint.requests().length === REQUESTS)
}

/** The person looks at all that is there, and wants none of it. */
async function declineAll(of = alice): Promise<void> {
  for (const { from } of of.endpoint.requests())
    if (from !== 'carol' && of.endpoint.requests().some(each => each.from === from))
      await of.endpoint.decline(from)
}

const unheard = () =>
  carol.events.filter(
    event => event.type === 'presence' || (event.type === 'state' && event.state === 'delivered'),
  )

describe('when there is room again, somebody who was turned away', () => {
  test('is heard, also with what they said before, and learns nothing meanwhile', async () => {
    await crowd()
    await carol.write('alice', 'it is me, carol')
    await carol.allAre('stored')
    await settled()
    expect([requests().filter(([peer]) => peer === 'carol'), told()]).toEqual([[], REQUESTS])
    await declineAll()
    expect([requests(), told()]).toEqual([[['carol', 'it is me, carol']], REQUESTS + 1])
    await carol.write('alice', 'are you there?')
    await alice.holds(() => requests()[0]!.length === 3)
    await settled()
    expect(unheard()).toEqual([])
    await alice.endpoint.admit('carol')
    await carol.allAre('delivered')
    await alice.write('carol', 'yes')
    expect(await carol.received(1)).toEqual(['yes'])
  })

  test('is heard in the room that they have taken the person into, after a restart, too', async () => {
    await crowd()
    const room = await carol.endpoint.createRoom({ name: 'tea', historyDays: 0, invite: ['alice'] })
    await carol.holds(() => carol.endpoint.room(room).members.length === 2)
    await carol.endpoint.send(room, 'welcome, alice')
    await settled()
    expect(requests().filter(([peer]) => peer === '#tea')).toEqual([])
    await alice.close()
    alice = await town.join('alice', server, { requests: 'hold' })
    await alice.line('up')
    await declineAll()
    expect(requests()).toEqual([['#tea', 'welcome, alice']])
    await alice.endpoint.admit('carol')
    const [tea] = alice.endpoint.conversations().filter(({ kind }) => kind === 'room')
    await alice.endpoint.send(tea!.number, 'thank you')
    await carol.holds(() => carol.endpoint.history(room).some(({ text }) => text === 'thank you'))
  })

  test('is heard on each device of the person, and let in on all of them by one', async () => {
    const seed = seedOf(alice.endpoint.recoveryPhrase() ?? '')
    const tablet = await town.join('alice', server, { requests: 'hold', vault: 'tablet', seed })
    await tablet.line('up')
    await alice.holds(() => alice.endpoint.devices().length === 2)
    await settled()
    await crowd([alice, tablet])
    await carol.write('alice', 'it is me, carol')
    await carol.allAre('stored')
    await settled()
    await declineAll()
    expect(requests()).toEqual([['carol', 'it is me, carol']])
    expect(requests(tablet).filter(([peer]) => peer === 'carol')).toEqual([])
    await alice.endpoint.admit('carol')
    await tablet.holds(() => tablet.endpoint.conversations().length > 0)
    expect(await tablet.received(1)).toEqual(['it is me, carol'])
    await carol.write('alice', 'there you are')
    for (const each of [alice, tablet])
      expect(await each.received(2)).toEqual(['it is me, carol', 'there you are'])
  })

  test('is let in by being written to, though nobody has heard of them', async () => {
    await crowd()
    await carol.write('alice', 'it is me, carol')
    await carol.allAre('stored')
    await settled()
    await alice.write('carol', 'how are you?')
    await carol.allAre('delivered')
    expect(await alice.received(1)).toEqual(['it is me, carol'])
    expect(await carol.received(1)).toEqual(['how are you?'])
  })

  test('is asked again for what was too much to keep', async () => {
    await crowd()
    const long = ['first', ...Array.from({ length: 4 }, (_, at) => `${at}`.repeat(60_000)), 'last']
    await carol.write('alice', ...long)
    await carol.allAre('stored')
    await settled()
    await declineAll()
    const [asked] = alice.endpoint.requests()
    expect(asked!.lines.filter(({ kind }) => kind === 'gap')).toHaveLength(1)
    expect(asked!.lines.filter(({ kind }) => kind === 'text').length).toBeLessThan(long.length)
    await alice.endpoint.admit('carol')
    expect([...(await alice.received(long.length))].sort()).toEqual([...long].sort())
    await carol.allAre('delivered')
  })
})

describe('somebody who asks too often', () => {
  const ROOMS = ['one', 'two', 'three']
  const openRooms = async () => {
    for (const name of ROOMS) {
      const room = await carol.endpoint.createRoom({ name, historyDays: 0, invite: ['alice'] })
      await carol.holds(() => carol.endpoint.room(room).members.length === 2)
      await carol.endpoint.send(room, `this is ${name}`)
    }
    await alice.holds(() => requests().length === 2)
    await settled()
  }

  test('is heard in all of it when they are let in', async () => {
    await openRooms()
    expect([requests().map(([peer]) => peer), told()]).toEqual([['#one', '#two'], 2])
    await alice.endpoint.admit('carol')
    const rooms = alice.endpoint.conversations()
    expect(rooms.map(({ peer }) => peer)).toEqual(['#one', '#two', '#three'])
    const said = rooms.flatMap(({ number }) => alice.endpoint.history(number).map(({ text }) => text))
    expect(said.filter(text => text !== '')).toEqual(['this is one', 'this is two', 'this is three'])
  })

  test('is heard when they say something in it on the next day', async () => {
    await openRooms()
    town.clock.pass(DAY_MS)
    const third = carol.endpoint.conversations().find(({ peer }) => peer === '#three')
    await carol.endpoint.send(third!.number, 'nobody here?')
    await alice.holds(() => requests().length === 3)
    await alice.holds(() => requests()[2]!.length === 3)
    expect(requests()[2]).toEqual(['#three', 'this is three', 'nobody here?'])
  })
})

describe('somebody who was blocked', () => {
  test('before they opened a room, and while they waited, is heard from when they are unblocked', async () => {
    const dave = await town.join('dave', server)
    await dave.line('up')
    await dave.write('alice', 'hello')
    await alice.holds(() => requests()[0]?.length === 2)
    await alice.endpoint.block('dave')
    await dave.endpoint.createRoom({ name: 'tea', historyDays: 0, invite: ['alice'] })
    await dave.holds(() => dave.endpoint.conversations().some(({ peer }) => peer === '#tea'))
    await settled()
    expect([requests(), told()]).toEqual([[], 1])
    await alice.endpoint.unblock('dave')
    await dave.write('alice', 'may I?')
    await alice.holds(() => requests().length === 2 && requests()[0]!.length === 3)
    expect(requests()).toEqual([['dave', 'hello', 'may I?'], ['#tea']])
    await alice.endpoint.admit('dave')
    await dave.allAre('delivered')
  })

  test('takes no place of others, however much they ask', async () => {
    await carol.write('alice', 'hello')
    await alice.holds(() => requests()[0]?.length === 2)
    await alice.endpoint.block('carol')
    await carol.write('alice', 'why not?')
    await carol.allAre('stored')
    await settled()
    expect([requests(), told(), unheard()]).toEqual([[], 1, []])
    await crowd()
    expect(requests()).toHaveLength(REQUESTS)
    await declineAll()
    expect(requests()).toEqual([])
    await alice.endpoint.unblock('carol')
    expect(requests()).toEqual([['carol', 'hello']])
  })
})

describe('somebody for whose request there is no room at all', () => {
  const texts = (person: Person) => person.history().map(({ text }) => text)
  const ASKED = ['it is me, carol', 'are you there?', 'hello?']

  /** The first texts of Carol's lead nowhere. */
  async function turnedAway(): Promise<void> {
    turnsAway = alice
    await carol.write('alice', ...ASKED.slice(0, 2))
    await carol.allAre('stored')
    await settled()
    turnsAway = undefined
  }

  test('is heard when there is, and they go on writing a day later, with all that they have said', async () => {
    await turnedAway()
    await carol.write('alice', 'hm')
    await carol.allAre('stored')
    await settled()
    expect(requests()).toEqual([])
    town.clock.pass(DAY_MS)
    await carol.write('alice', 'hello?')
    await alice.holds(() => requests()[0]?.length === 5)
    expect(requests()).toEqual([['carol', ...ASKED.slice(0, 2), 'hm', 'hello?']])
    await alice.endpoint.admit('carol')
    await carol.allAre('delivered')
    expect(texts(carol)).toEqual([...ASKED.slice(0, 2), 'hm', 'hello?'])
  })

  test('says nothing twice to somebody who was away, and to whom it has come after all', async () => {
    await alice.close()
    for (const text of ASKED) {
      await carol.write('alice', text)
      await carol.allAre('stored')
      town.clock.pass(2 * DAY_MS)
    }
    alice = await town.join('alice', server, { requests: 'hold' })
    await alice.line('up')
    await alice.holds(() => requests()[0]?.length === 4)
    await settled()
    expect([requests(), told()]).toEqual([[['carol', ...ASKED]], 1])
    await alice.endpoint.admit('carol')
    await carol.allAre('delivered')
    await alice.write('carol', 'I was away')
    expect(await carol.received(1)).toEqual(['I was away'])
    expect(texts(alice)).toEqual([...ASKED, 'I was away'])
  })

  test('does not ask again by going on to write where the person has declined', async () => {
    await carol.write('alice', ...ASKED.slice(0, 2))
    await alice.holds(() => requests()[0]?.length === 3)
    await alice.endpoint.decline('carol')
    await settled()
    town.clock.pass(2 * DAY_MS)
    await carol.write('alice', 'hello?')
    await carol.allAre('stored')
    await settled()
    expect([requests(), told()]).toEqual([[], 1])
  })
})
