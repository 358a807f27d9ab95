// Somebody wants to write under a handle that nobody has registered, so that he is taken for whoever will have it, and
// blocking it does not keep him out.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openAs } from '../support/forged-groups.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server
let alice: Person

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
  alice = await town.join('alice', server)
  await alice.line('up')
})
afterEach(async () => {
  await town.leave()
})

async function writeAs(handle: string, text: string): Promise<Person> {
  const honest = await town.join('mallory', server)
  await honest.line('up')
  await honest.close()
  await openAs(honest.disk, { handle, victim: alice })
  const forged = await town.join('mallory', server)
  await forged.line('up')
  await forged.write('alice', text)
  await alice.received(1)
  return forged
}
const CLAIM = /^director~.{8}$/
/** All names that alice was told of. */
const names = () =>
  alice.events.flatMap(event => [
    ...('peer' in event ? [event.peer] : []),
    ...('handle' in event ? [event.handle] : []),
    ...(event.type === 'message' ? [event.entry.from, event.entry.peer] : []),
  ])

test('what he writes is never shown under it', async () => {
  await writeAs('director', 'come to my office')
  expect(alice.history().at(-1)).toMatchObject({ from: expect.stringMatching(CLAIM), otherKey: true })
  expect(names()).not.toContain('director')
})

test('it is the name of whoever registers it, then and before', async () => {
  const attacker = await writeAs('director', 'come to my office')
  const director = await town.join('director', server)
  await director.line('up')
  await alice.write('director', 'shall I come?')
  expect(await director.received(1)).toEqual(['shall I come?'])
  expect(alice.endpoint.people()).toMatchObject([
    { handle: expect.stringMatching(CLAIM) },
    { handle: 'director' },
  ])
  await director.write('alice', 'no')
  await alice.received(2)
  expect(attacker.history().filter(({ own }) => !own)).toEqual([])
})

test('who blocks him blocks his account, and not whoever has the handle', async () => {
  const attacker = await writeAs('director', 'come to my office')
  await alice.endpoint.block(alice.history().at(-1)!.from)
  await attacker.write('alice', 'now')
  await attacker.allAre('stored')
  const director = await town.join('director', server)
  await director.write('alice', 'good morning')
  expect((await alice.received(2)).sort()).toEqual(['come to my office', 'good morning'])
})
