// Somebody wants to read what a person writes to a contact whose safety number they have compared: he certifies a device
// of his own for the contact's handle, and opens conversations with the person in which he is the contact.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openAs } from '../support/modified-client.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server
let alice: Person
let bob: Person

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
  alice = await town.join('alice', server)
  bob = await town.join('bob', server)
  await bob.line('up')
  await alice.write('bob', 'hello')
  await alice.allAre('delivered')
  await alice.endpoint.markVerified('bob')
})
afterEach(async () => {
  await town.leave()
})

/** The attacker opens a conversation with alice as bob. */
async function mallory(beside?: Person): Promise<Person> {
  const honest = await town.join('mallory', server)
  await honest.line('up')
  await honest.close()
  await openAs(honest.disk, { handle: 'bob', victim: alice, ...(beside && { beside }) })
  const forged = await town.join('mallory', server)
  await forged.line('up')
  // His own program, but for that, is ours, and says nothing where three are.
  if (!beside) {
    await forged.write('alice', 'it is bob')
    await forged.allAre('stored')
  }
  await town.clock.settled()
  return forged
}
const heard = (person: Person) =>
  person
    .history()
    .filter(({ own, kind }) => !own && kind === 'text')
    .map(({ text }) => text)

async function aliceWrites(): Promise<void> {
  await alice.write('bob', 'for bob alone')
  await alice.allAre('stored')
  await town.clock.settled()
}

test('with the true contact beside him, in a group of a lower id: it is not joined', async () => {
  const attacker = await mallory(bob)
  await aliceWrites()
  expect(heard(attacker)).toEqual([])
  const why = { code: 'handle-twice', handle: 'bob' }
  expect(alice.events).toContainEqual(
    expect.objectContaining({ notice: { code: 'invitation-refused', why } }),
  )
  expect(await bob.received(2)).toEqual(['hello', 'for bob alone'])
})

test('alone, in a group of a lower id: it is a conversation of its own', async () => {
  const attacker = await mallory()
  await aliceWrites()
  expect(heard(attacker)).toEqual([])
  expect(await bob.received(2)).toEqual(['hello', 'for bob alone'])
  expect(alice.endpoint.people()).toMatchObject([
    { handle: 'bob', verified: true },
    { handle: expect.stringMatching(/^bob~.{8}$/), verified: false },
  ])
})

test('alone, while the contact is away and the person starts anew: it is not taken for theirs', async () => {
  await bob.close()
  const attacker = await mallory()
  await alice.close()
  alice = await town.join('alice', server)
  await alice.line('up')
  await aliceWrites()
  expect(heard(attacker)).toEqual([])
})
