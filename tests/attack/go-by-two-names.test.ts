// Somebody whose safety number was compared under one name registers a second one for the same account, to be taken for the
// person who is meant by it, with a mark that is not theirs. Where the server helps them: the unit tests of contacts.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server
let alice: Person
let mallory: Person

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
  alice = await town.join('alice', server)
  mallory = await town.join('mallory', server)
  for (const person of [alice, mallory]) await person.line('up')
  await alice.write('mallory', 'hello')
  await mallory.received(1)
  await alice.endpoint.markVerified('mallory')
})
afterEach(() => town.leave())

test('an account has one handle: under another it is nobody', async () => {
  const seed = seedOf(mallory.endpoint.recoveryPhrase()!)
  // A list of the same second would be a fork of the first.
  town.clock.pass(5_000)
  const second = await town.join('director', server, { vault: 'second', seed })
  await second.event('line', ({ line }) => line.state === 'stopped' && line.reason === 'handle-taken')
  await alice.write('director', 'for the director')
  await alice.event('notice', ({ notice }) => notice.code === 'absent')
  expect(alice.endpoint.people()).toMatchObject([
    { handle: 'mallory', verified: true },
    { handle: 'director', verified: false, state: 'opening' },
  ])
})
