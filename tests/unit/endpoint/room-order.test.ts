// A room goes on in another group while a text is on its way in the one before, and the server is slow: others read
// what somebody writes in the order in which they typed it.

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { PAST_EPOCHS } from '../../../services/protocol/sizes.js'
import { sendByForce } from '../../support/modified-client.js'
import { hears, isOf, openRoom, others, roomOf, say, textsOf } from '../../support/room.js'
import { newTown, type Person, type Server, type ServerOptions, type Town } from '../../support/town.js'

jest.setTimeout(20_000)

let town: Town
let server: Server
let stores: NonNullable<ServerOptions['stores']>

beforeEach(async () => {
  town = await newTown()
  stores = async () => undefined
  server = await town.server({ stores: (sends, device) => stores(sends, device) })
})
afterEach(() => town.leave())

test('also what the server does not take in the group before', async () => {
  // The first one makes the next group: alice's sends wait in line.
  const people = await openRoom(town, server, ['bob', 'alice', 'mallory'])
  const [bob, alice, mallory] = people as [Person, Person, Person]
  const { promise: untilStored, resolve: store } = Promise.withResolvers<void>()
  const { promise: come, resolve: comes } = Promise.withResolvers<void>()
  stores = async (sends, device) => {
    if (!isOf(alice, device) || !sends.some(({ envelope }) => envelope.case === 'application')) return
    comes()
    await untilStored
  }
  await alice.endpoint.send(roomOf(alice)!.number, 'first')
  await town.clock.run(come)
  await mallory.close()
  // One more than the server lets a text be behind.
  const bundles = Array.from({ length: PAST_EPOCHS + 1 }, () => ({ commit: randomBytes(400) }))
  await sendByForce(mallory.disk, bundles)
  const again = await town.join('mallory', server)
  await again.line('up')
  for (const person of [bob, alice])
    await person.holds(() => others(person).some(line => line.includes('the room goes on')))
  await say(bob, 'we are on')
  await hears(alice, 'we are on')
  await alice.endpoint.send(roomOf(alice)!.number, 'second')
  await town.clock.settled()
  store()
  await hears(bob, 'first', 'second')
  expect(textsOf(bob).filter(text => text === 'first' || text === 'second')).toEqual(['first', 'second'])
})
