// The server wants somebody out of a room. They had left its roster by themselves once, and were taken out for it; now they
// are in it again, and the server says that word of theirs again.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import { isKind, isOf, members, others, roomOf, say, textsOf } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(30_000)

let town: Town
let server: Server
let admin: Person | undefined
/** The server has kept this of bob's. */
let left: Envelope['envelope'] | undefined
let isLying = false

beforeEach(async () => {
  town = await newTown()
  left = undefined
  isLying = false
  admin = undefined
  server = await town.server({
    meddle: (read, device) => ({
      ...read,
      envelopes: admin && isOf(admin, device) ? read.envelopes.map(meddled) : read.envelopes,
    }),
  })
})
afterEach(() => town.leave())

function meddled(envelope: Envelope): Envelope {
  if (isKind('leave')(envelope)) left = envelope.envelope
  if (!isLying || !left || !isKind('application')(envelope)) return envelope
  isLying = false
  return { ...envelope, envelope: left }
}

test('who has left it before, by what they said then', async () => {
  const alice = await town.join('alice', server)
  const carol = await town.join('carol', server)
  let bob = await town.join('bob', server, { requests: 'hold' })
  for (const person of [alice, bob, carol]) await person.line('up')
  admin = alice
  const number = await alice.endpoint.createRoom({ name: 'tea', historyDays: 0 })
  for (const handle of ['carol', 'bob']) await alice.endpoint.changeRoom(number, { kind: 'invite', handle })
  await bob.event('request')
  await bob.endpoint.decline('alice')
  await alice.holds(() => others(alice).includes('event: alice removed bob'))
  await bob.close()
  bob = await town.join('bob', server, { requests: 'accept' })
  await bob.line('up')
  await alice.endpoint.changeRoom(number, { kind: 'invite', handle: 'bob' })
  await bob.holds(() => roomOf(bob) !== undefined && members(bob).length === 3)
  await carol.holds(() => members(carol).length === 3)
  await town.clock.settled()
  expect(left).toBeDefined()
  isLying = true
  await say(carol, 'one')
  await alice.holds(() => !isLying)
  await say(carol, 'two')
  await alice.holds(() => textsOf(alice).includes('two'))
  await town.clock.settled()
  expect(members(alice)).toEqual(['alice', 'bob', 'carol'])
})
