// A member who is no admin wants to remove somebody. Those who have just come do not know who has asked to be removed
// before, and were lenient for a minute.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { commitByForce } from '../support/forced-commits.js'
import { members, openRoom, others, roomOf } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(30_000)

let town: Town
let server: Server
beforeEach(async () => {
  town = await newTown()
  server = await town.server()
})
afterEach(async () => {
  await town.leave()
})

test('a newcomer refuses it as everybody does', async () => {
  const [alice, bob, mallory] = (await openRoom(town, server, ['alice', 'bob', 'mallory'])) as [
    Person,
    Person,
    Person,
  ]
  const carol = await town.join('carol', server)
  await carol.line('up')
  await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'invite', handle: 'carol' })
  await carol.event('conversation', ({ state }) => state === 'ready')
  const people = [alice, bob, carol]
  for (const person of [...people, mallory]) await person.holds(() => members(person).length === 4)
  // Their first updates, in whose place the commit could not stand.
  await town.clock.settled()
  await mallory.close()
  await commitByForce(mallory.disk, { remove: ['bob'] })
  await (await town.join('mallory', server)).line('up')
  for (const person of people) {
    await person.holds(() => others(person).some(line => /mallory (changed it in a way|removed)/.test(line)))
    expect(members(person)).toEqual(['alice', 'bob', 'carol', 'mallory'])
  }
})
