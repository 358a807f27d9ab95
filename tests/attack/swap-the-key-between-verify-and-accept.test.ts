// A server that lies wants a person to accept a key of its own: it waits until they have compared the safety number of
// their contact's new key, and shows another one before they accept it.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server
let alice: Person
beforeEach(async () => {
  town = await newTown()
  server = await town.server()
})
afterEach(async () => {
  await town.leave()
})

/** All accounts are gone, and somebody else registers the handle that the one before had. */
async function bobIs(vault: string, before: Person): Promise<Person> {
  await Promise.all([alice.close(), before.close()])
  await server.stop()
  town.loseData()
  await server.restart()
  const bob = await town.join('bob', server, { vault })
  await bob.line('up')
  alice = await town.join('alice', server)
  await alice.line('up')
  return bob
}
const changes = () => alice.events.flatMap(event => (event.type === 'key-changed' ? [event.seen] : []))

test('what is accepted is what was compared', async () => {
  alice = await town.join('alice', server)
  const first = await town.join('bob', server)
  await first.line('up')
  await alice.write('bob', 'hello')
  await alice.allAre('delivered')
  const anew = await bobIs('bob-anew', first)
  await alice.holds(() => changes().length > 0)
  const [compared = ''] = changes()
  expect(alice.endpoint.verify('bob').fingerprint).toBe(compared)
  const attacker = await bobIs('of-the-server', anew)
  await alice.holds(() => changes().some(seen => seen !== compared))

  await alice.write('bob', 'for bob alone')
  await expect(alice.endpoint.accept('bob', compared)).rejects.toMatchObject({
    why: { code: 'key-swapped', handle: 'bob', shown: compared, seen: changes().at(-1) },
  })
  await town.clock.settled()
  expect(attacker.history().filter(({ own }) => !own)).toEqual([])
  expect(alice.endpoint.people()).toMatchObject([{ handle: 'bob', state: 'key-changed' }])

  await alice.endpoint.accept('bob', alice.endpoint.verify('bob').fingerprint)
  expect(await attacker.received(1)).toEqual(['for bob alone'])
})
