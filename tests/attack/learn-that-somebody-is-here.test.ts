// Somebody wants to learn whether a person is there, and whether what he writes has come: he opens a conversation with
// them, or takes them into a room, and listens for receipts, presence and commits.

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { groupsOn, sendByForce } from '../support/modified-client.js'
import { members, others, say } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server
let alice: Person
let mallory: Person

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
  alice = await town.join('alice', server, { requests: 'hold' })
  mallory = await town.join('mallory', server)
  await Promise.all([alice.line('up'), mallory.line('up')])
})
afterEach(async () => {
  await town.leave()
})

const heardOf = (person: Person) =>
  person.events.flatMap(event =>
    event.type === 'presence' || (event.type === 'state' && event.state === 'delivered') ? [event.type] : [],
  )
const requests = () => alice.endpoint.requests().map(({ peer, from }) => ({ peer, from }))

test('by writing to them: he hears nothing, and they are told once, and not of each line', async () => {
  await mallory.write('alice', 'are you there?', 'hello?')
  await mallory.allAre('stored')
  await alice.event('request')
  await alice.holds(() => alice.endpoint.requests()[0]?.lines.length === 2)
  await town.clock.settled()
  expect(heardOf(mallory)).toEqual([])
  expect(mallory.history().map(({ state }) => state)).toEqual(['stored', 'stored'])
  expect(alice.events.filter(({ type }) => type === 'message')).toEqual([])
  expect(alice.events.filter(({ type }) => type === 'request')).toHaveLength(1)
  expect(alice.endpoint.conversations()).toEqual([])
  expect(requests()).toEqual([{ peer: 'mallory', from: 'mallory' }])
})

/** Mallory takes alice into a room with bob, whom she knows. */
async function trapped() {
  const bob = await town.join('bob', server)
  await bob.line('up')
  await alice.write('bob', 'hi')
  await alice.allAre('delivered')
  const room = await mallory.endpoint.createRoom({ name: 'trap', historyDays: 0, invite: ['alice', 'bob'] })
  await mallory.holds(() => mallory.endpoint.room(room).members.length === 3)
  return { bob, room }
}

test('by taking them into a room: he hears nothing, though others in it are known', async () => {
  const { room } = await trapped()
  await mallory.endpoint.send(room, 'who is here?')
  await alice.event('request')
  await alice.holds(() => alice.endpoint.requests()[0]?.lines.some(({ text }) => text !== '') === true)
  await town.clock.settled()
  const states = mallory.endpoint.history(room).filter(({ own }) => own)
  expect(states.map(({ state }) => state)).toEqual(['stored'])
  expect(mallory.events.filter(event => event.type === 'presence' && event.handle === 'alice')).toEqual([])
  expect(requests()).toEqual([{ peer: '#trap', from: 'mallory' }])
})

test('by breaking the room that they are asked into, so that somebody known to them takes them into the next one', async () => {
  const { bob, room } = await trapped()
  await alice.event('request')
  await bob.holds(() => bob.endpoint.conversations().some(({ kind }) => kind === 'room'))
  await town.clock.settled()
  const before = (await groupsOn(alice.disk)).length
  await mallory.close()
  await sendByForce(mallory.disk, [{ commit: randomBytes(400) }])
  mallory = await town.join('mallory', server)
  await mallory.line('up')
  await bob.holds(() => others(bob).some(line => line.includes('the room goes on')))
  await town.clock.settled()
  expect((await groupsOn(alice.disk)).length).toBe(before + 1)
  await mallory.endpoint.send(room, 'who is here?')
  await town.clock.settled()
  const states = mallory.endpoint.history(room).filter(({ own }) => own)
  expect(states.map(({ state }) => state)).toEqual(['stored'])
  expect(mallory.events.filter(event => event.type === 'presence' && event.handle === 'alice')).toEqual([])
  expect(requests()).toEqual([{ peer: '#trap', from: 'mallory' }])
  expect(alice.events.filter(({ type }) => type === 'request')).toHaveLength(1)
})

test('by taking somebody who has blocked him into a room that has another admin', async () => {
  const eve = await town.join('eve', server)
  await eve.line('up')
  await mallory.write('alice', 'hello')
  await alice.event('request')
  await alice.endpoint.block('mallory')
  const room = await mallory.endpoint.createRoom({ name: 'trap', historyDays: 0, invite: ['eve'] })
  await mallory.holds(() => mallory.endpoint.room(room).members.length === 2)
  await mallory.endpoint.changeRoom(room, { kind: 'admin', handle: 'eve', isAdmin: true })
  await mallory.endpoint.changeRoom(room, { kind: 'invite', handle: 'alice' })
  await mallory.holds(() => mallory.endpoint.room(room).members.length === 3)
  await eve.holds(() => members(eve).length === 3)
  await say(eve, 'who is here?')
  await town.clock.settled()
  for (const each of [eve, mallory])
    expect(each.events.filter(event => event.type === 'presence' && event.handle === 'alice')).toEqual([])
  expect(alice.endpoint.conversations().filter(({ kind }) => kind === 'room')).toEqual([])
})

test('after a restart he hears nothing either, and is heard from when he is let in', async () => {
  await mallory.write('alice', 'are you there?')
  await alice.event('request')
  await alice.close()
  alice = await town.join('alice', server, { requests: 'hold' })
  await alice.line('up')
  await town.clock.settled()
  expect(heardOf(mallory)).toEqual([])
  await alice.endpoint.admit('mallory')
  await mallory.allAre('delivered')
  expect(await alice.received(1)).toEqual(['are you there?'])
  await alice.write('mallory', 'now I am')
  expect(await mallory.received(1)).toEqual(['now I am'])
})

test('after he was declined, he hears nothing of what he goes on writing', async () => {
  await mallory.write('alice', 'are you there?')
  await alice.event('request')
  await alice.endpoint.decline('mallory')
  await mallory.write('alice', 'hello?')
  await town.clock.settled()
  expect(heardOf(mallory)).toEqual([])
  expect(requests()).toEqual([])
  expect(alice.endpoint.conversations()).toEqual([])
})
