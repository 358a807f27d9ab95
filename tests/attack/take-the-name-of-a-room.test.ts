// The admin of one room calls it like another room that somebody is in, so that what is written to the other one, by its name,
// comes to theirs.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server
let alice: Person
let bob: Person
let mallory: Person

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
  alice = await town.join('alice', server, { requests: 'hold' })
  bob = await town.join('bob', server)
  mallory = await town.join('mallory', server)
  for (const person of [alice, bob, mallory]) await person.line('up')
})
afterEach(() => town.leave())

const rooms = () =>
  alice.endpoint
    .conversations()
    .filter(({ kind }) => kind === 'room')
    .map(({ peer, number }) => ({
      peer,
      admins: alice.endpoint
        .room(number)
        .members.filter(({ isAdmin }) => isAdmin)
        .map(({ handle }) => handle),
    }))
const adminsOf = (title: string) => rooms().find(({ peer }) => peer === title)?.admins

/** Alice is in it. */
async function roomOf(admin: Person, name: string) {
  const number = await admin.endpoint.createRoom({ name, historyDays: 0, invite: ['alice'] })
  await alice.event('request', ({ from }) => from === admin.handle)
  await alice.endpoint.admit(admin.handle)
  await alice.holds(() => rooms().some(({ admins }) => admins.includes(admin.handle)))
  return number
}

async function rename(number: Awaited<ReturnType<typeof roomOf>>, name: string): Promise<void> {
  await mallory.endpoint.changeRoom(number, { kind: 'name', name })
  await alice.holds(() => !rooms().some(({ peer }) => peer === '#games'))
}

test('a room that is called like another one later has its number behind its name', async () => {
  const games = await roomOf(mallory, 'games')
  await roomOf(bob, 'tea')
  await rename(games, 'tea')
  expect(adminsOf('#tea')).toEqual(['bob'])
})

test('also one that is called like another one with its number', async () => {
  const games = await roomOf(mallory, 'games')
  const tea = await roomOf(bob, 'tea')
  const second = await bob.endpoint.createRoom({ name: 'tea', historyDays: 0, invite: ['alice'] })
  await alice.holds(() => rooms().length === 3)
  expect(tea).not.toBe(second)
  const [numbered] = rooms().flatMap(({ peer }) => (/^#tea~\d+$/.test(peer) ? [peer] : []))
  await rename(games, numbered!.slice(1))
  expect(rooms().filter(({ peer }) => peer === numbered)).toEqual([{ peer: numbered, admins: ['bob'] }])
})

test('nor has a stranger’s, which waits to be let in, the name of one that comes later', async () => {
  await mallory.endpoint.createRoom({ name: 'tea', historyDays: 0, invite: ['alice'] })
  await alice.event('request', ({ from }) => from === 'mallory')
  await roomOf(bob, 'tea')
  expect(adminsOf('#tea')).toEqual(['bob'])
  await alice.endpoint.admit('mallory')
  await alice.holds(() => rooms().length === 2)
  expect(adminsOf('#tea')).toEqual(['bob'])
})
