// Somebody has the server's key of TLS and answers under its name and id: a thief, or a proxy that ends TLS for it. They
// have not the key of its directory, and want to say whose a handle is, so that people write to them.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Notice } from '../../services/endpoint/index.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { type JoinOptions, newTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
})
afterEach(() => town.leave())

const notices = (person: Person): Notice[] =>
  person.events.flatMap(event => (event.type === 'notice' ? [event.notice] : []))
const dropped = { code: 'answers-dropped', why: 'not-signed' }

/** From here on the attacker answers, and goes by the handle of bob, who is away. */
async function takeOver(bob: Person): Promise<Person> {
  bob.way.goDown()
  town.forgeData('forged')
  await server.restart({ data: 'forged' })
  const attacker = await town.join('bob', server, { vault: 'attacker' })
  await attacker.line('up')
  return attacker
}

/** Writes to bob while the attacker answers, and then with the true server there; nothing but the true bob hears of it. */
async function expectHeardByBob(alice: Person, { bob, attacker }: { bob: Person; attacker: Person }) {
  await alice.line('up')
  await alice.write('bob', 'for bob')
  await alice.holds(() => notices(alice).some(({ code }) => code === 'answers-dropped'))
  town.clock.pass(60_000)
  await town.clock.settled()
  expect(notices(alice)).toContainEqual(expect.objectContaining(dropped))
  expect(alice.endpoint.people()).toMatchObject([{ handle: 'bob', state: 'opening' }])
  expect(attacker.history()).toEqual([])
  await attacker.close()
  await server.restart({ data: 'server' })
  bob.way.comeUp()
  expect(await bob.received(1)).toEqual(['for bob'])
}

test('to somebody who knows the directory: what they write goes to nobody else, and they are told', async () => {
  const bob = await town.join('bob', server)
  const alice = await town.join('alice', server)
  for (const person of [alice, bob]) await person.line('up')
  const attacker = await takeOver(bob)
  await expectHeardByBob(alice, { bob, attacker })
})

test('to somebody who comes by an invite link of the true server', async () => {
  const bob = await town.join('bob', server)
  await bob.line('up')
  const invite: JoinOptions = town.named()
  const attacker = await takeOver(bob)
  const alice = await town.join('alice', server, invite)
  await alice.holds(() => notices(alice).some(({ code }) => code === 'other-directory-key'))
  await expectHeardByBob(alice, { bob, attacker })
})

test('to somebody who takes their account back meanwhile: the server is another one then, and they are told', async () => {
  let alice = await town.join('alice', server)
  await alice.line('up')
  const seed = seedOf(alice.endpoint.recoveryPhrase()!)
  await alice.close()
  await server.restart({ data: 'of another id' })
  alice = await town.join('alice', server, { seed })
  await alice.line('up')
  expect(notices(alice)).toContainEqual({ code: 'server-anew' })
})
