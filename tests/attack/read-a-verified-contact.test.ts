// Somebody wants to read what a person writes to a contact whose safety number they have compared: he certifies a device
// of his own for the contact's handle, signs a list of it that has this handle, and opens conversations with the person in
// which he is the contact.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { aliceAndBob } from '../support/alice-and-bob.js'
import { type OpenAs, openAs, ownRoom, pairOf } from '../support/forged-groups.js'
import { accountOn } from '../support/modified-client.js'
import type { Person, Server, Town } from '../support/town.js'

let town: Town
let server: Server
let alice: Person
let bob: Person

beforeEach(async () => {
  ;({ town, server, alice, bob } = await aliceAndBob())
  await alice.write('bob', 'hello')
  await alice.allAre('delivered')
  await alice.endpoint.markVerified('bob')
})
afterEach(async () => {
  await town.leave()
})

/** The attacker opens a conversation with alice as bob. */
async function mallory(beside?: Person, claim?: OpenAs['claim']): Promise<Person> {
  const honest = await town.join('mallory', server)
  await honest.line('up')
  await honest.close()
  await openAs(honest.disk, {
    handle: 'bob',
    victim: alice,
    ...(beside && { beside }),
    ...(claim && { claim }),
  })
  const forged = await town.join('mallory', server)
  await forged.line('up')
  // His own program, but for that, is ours, and says nothing where three are.
  if (!beside && !claim) {
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

test.each<[string, OpenAs['claim'], object]>([
  ['their conversation', (at, [own, ...two]) => pairOf(at, [own, ...two], two), { code: 'not-right' }],
  [
    'their conversation, gone on in a later group',
    (at, [own, ...two]) => pairOf({ ...at, incarnation: 2 }, [own, ...two], two),
    { code: 'not-right' },
  ],
  ['his conversation with her', (at, lists) => pairOf(at, lists, lists.slice(0, 2)), { code: 'not-right' }],
  [
    'a room of all three',
    (at, lists) => ownRoom(at, at.by, { with: lists.slice(1) }),
    { code: 'handle-twice', handle: 'bob' },
  ],
])(
  'with the true contact beside him, in a group that says to be %s: it is not joined',
  async (_, claim, why) => {
    const attacker = await mallory(bob, claim)
    await aliceWrites()
    expect(heard(attacker)).toEqual([])
    expect(alice.events).toContainEqual(
      expect.objectContaining({ notice: { code: 'invitation-refused', why } }),
    )
    expect(await bob.received(2)).toEqual(['hello', 'for bob alone'])
  },
)

test('in place of the contact, in a group that says to be their conversation: it is not joined', async () => {
  const bobs = accountOn(bob.disk).list
  const claim: OpenAs['claim'] = (at, [own, hers]) =>
    pairOf({ ...at, incarnation: 2 }, [own, hers, bobs], [hers, bobs])
  const attacker = await mallory(undefined, claim)
  await aliceWrites()
  expect(heard(attacker)).toEqual([])
  expect(alice.events).toContainEqual(
    expect.objectContaining({ notice: { code: 'invitation-refused', why: { code: 'not-right' } } }),
  )
  expect(await bob.received(2)).toEqual(['hello', 'for bob alone'])
})

test('alone, in a group that goes before all others: it is a conversation of its own', async () => {
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
