// The server wants a device to give up the states of its conversations, so that it has to be taken in again. It says that
// it has more sends of the device than there are, as if the device's vault had been put back from a copy.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import { NOTED_EVERY_MS } from '../../services/endpoint/messages/copied-vault.js'
import { hears, isOf, openRoom, others, say } from '../support/room.js'
import { newMemoryTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(30_000)

let town: Town
let server: Server
let alice: Person
let bob: Person
/** All that the other one reads. */
let read: Envelope[]

beforeEach(async () => {
  town = await newMemoryTown()
  read = []
  server = await town.server({
    meddle: (result, device) => {
      if (alice && isOf(alice, device)) read.push(...result.envelopes)
      return result
    },
  })
  ;[alice, bob] = (await openRoom(town, server, ['alice', 'bob'])) as [Person, Person]
  await alice.write('bob', 'direct')
  await bob.received(1)
  await bob.write('alice', 'direct, too')
  await alice.received(1)
})
afterEach(async () => {
  await town.leave()
})

/** The server says the number at the next line. */
async function lie(sends: number): Promise<void> {
  town.overstate(bob.endpoint.account()!.deviceKey, sends)
  const ups = linesUp()
  await server.restart()
  await bob.holds(() => linesUp() > ups)
}
const linesUp = () => bob.events.filter(event => event.type === 'line' && event.line.state === 'up').length
const warnings = () =>
  bob.events.filter(event => event.type === 'notice' && event.notice.code === 'copy-put-back').length
const texts = (person: Person) => person.history().map(({ text }) => text)
const kinds = () => read.map(({ envelope }) => envelope.case)
const commits = () => kinds().filter(kind => kind === 'commit').length

test('by a number that is one too high: no state is dropped, and messages go on under fresh keys', async () => {
  await say(bob, 'before')
  await hears(alice, 'before')
  const before = commits()
  await lie(1)
  await bob.event('notice', ({ notice }) => notice.code === 'copy-put-back')
  await say(alice, 'does bob still read this?')
  await hears(bob, 'does bob still read this?')
  await say(bob, 'he does')
  await hears(alice, 'he does')
  await bob.write('alice', 'here, too')
  await alice.holds(() => texts(alice).includes('here, too'))
  // Once in each of the two conversations that were used.
  expect(commits() - before).toBe(2)
  expect(kinds()).not.toContain('rejoin')
  expect(kinds()).not.toContain('welcome')
  for (const person of [alice, bob])
    expect(others(person).filter(line => !line.startsWith('event'))).toEqual([])
})

test('again and again: within an hour it changes nothing', async () => {
  await lie(1)
  await say(bob, 'one')
  await hears(alice, 'one')
  const before = commits()
  await lie(7)
  await say(bob, 'two')
  await hears(alice, 'two')
  expect([commits() - before, warnings()]).toEqual([0, 1])
  town.clock.pass(NOTED_EVERY_MS)
  await lie(7)
  await say(bob, 'three')
  await hears(alice, 'three')
  expect([commits() - before, warnings()]).toEqual([1, 2])
  expect(kinds()).not.toContain('rejoin')
})
