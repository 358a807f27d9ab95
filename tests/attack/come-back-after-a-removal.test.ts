// A member foresees their removal, and asks to be taken in again: whoever carries that out after the removal would hand
// them what was said meanwhile.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { askByForce } from '../support/modified-client.js'
import { hears, members, openRoom, others, roomOf, say, textsOf } from '../support/room.js'
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

const isOut = (person: Person) =>
  others(person).some(line => /^event: (alice removed mallory|mallory left)$/.test(line))

/** Mallory's program asks to be taken in again while the admin removes them without a line; then the admin is there. */
async function removeWhileAsking(
  admin: Person,
  mallory: Person,
  heard: () => Promise<void>,
): Promise<Person> {
  admin.way.goDown()
  await admin.line('down')
  await admin.endpoint.changeRoom(roomOf(admin)!.number, { kind: 'remove', handle: 'mallory' })
  await mallory.close()
  await askByForce(mallory.disk)
  const again = await town.join('mallory', server)
  await again.line('up')
  await heard()
  admin.way.comeUp()
  await admin.line('up')
  return again
}

test('by a request that the admin’s own program would carry out', async () => {
  const [alice, mallory] = (await openRoom(town, server, ['alice', 'mallory'])) as [Person, Person]
  const again = await removeWhileAsking(alice, mallory, () => town.clock.settled())
  await alice.holds(() => isOut(alice))
  await say(alice, 'without mallory')
  await town.clock.settled()
  expect(members(alice)).toEqual(['alice'])
  expect(textsOf(again)).not.toContain('without mallory')
})

test('by a request that another member carries out', async () => {
  const [alice, bob, mallory] = (await openRoom(town, server, ['alice', 'bob', 'mallory'])) as [
    Person,
    Person,
    Person,
  ]
  const again = await removeWhileAsking(alice, mallory, () =>
    bob.holds(() => others(bob).some(line => line.includes('a device of mallory has lost'))),
  )
  await alice.holds(() => isOut(alice))
  await bob.holds(() => isOut(bob))
  await say(alice, 'without mallory')
  await hears(bob, 'without mallory')
  await town.clock.settled()
  for (const person of [alice, bob]) expect(members(person)).toEqual(['alice', 'bob'])
  expect(textsOf(again)).not.toContain('without mallory')
})
