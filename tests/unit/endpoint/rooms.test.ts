// Rooms: real endpoints on a real relay.

import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { saidIn } from '../../support/said.js'
import { newTown, numbered, type Person, type Server, type Town } from '../../support/town.js'

jest.setTimeout(20_000)

let town: Town
let server: Server
beforeEach(async () => {
  town = await newTown()
  server = await town.server()
})
afterEach(async () => {
  await town.leave()
})

const conversationOf = (person: Person) =>
  person.endpoint.conversations().find(({ kind }) => kind === 'room')!.number
const view = (person: Person) => person.endpoint.room(conversationOf(person))
const lines = (person: Person) => person.endpoint.history(conversationOf(person))
const textsOf = (person: Person) =>
  lines(person)
    .filter(({ kind }) => kind === 'text')
    .map(({ from, text }) => `${from}: ${text}`)
const told = (person: Person) =>
  lines(person)
    .filter(({ kind }) => kind === 'event')
    .map(saidIn)
const isTold = (person: Person, text: string) => person.holds(() => told(person).includes(text))
const members = (person: Person) =>
  view(person)
    .members.map(({ handle }) => handle)
    .sort()
const say = (person: Person, text: string) => person.endpoint.send(conversationOf(person), text)
const change = (person: Person, wanted: Parameters<Person['endpoint']['changeRoom']>[1]) =>
  person.endpoint.changeRoom(conversationOf(person), wanted)
const isInIt = async (person: Person) => {
  await person.event('conversation', ({ state, peer }) => state === 'ready' && peer.startsWith('#'))
}

/** A room of the first one's, with all in it. */
async function room(...handles: string[]): Promise<Person[]> {
  const people: Person[] = []
  for (const handle of handles) people.push(await town.join(handle, server))
  const [admin, ...rest] = people
  for (const person of people) await person.line('up')
  const number = await admin!.endpoint.createRoom({ name: 'tea', historyDays: 0 })
  for (const { handle } of rest) await admin!.endpoint.changeRoom(number, { kind: 'invite', handle })
  for (const person of rest) await isInIt(person)
  for (const person of people) await person.holds(() => members(person).length === handles.length)
  return people
}

describe('what an admin changes', () => {
  test('is shown to all alike: name, topic, history policy, admins, and who is removed', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    await change(alice, { kind: 'name', name: 'coffee' })
    await change(alice, { kind: 'topic', topic: 'with milk' })
    await change(alice, { kind: 'history', days: 7 })
    await change(alice, { kind: 'admin', handle: 'bob', isAdmin: true })
    await bob.holds(() => view(bob).isAdmin)
    await change(bob, { kind: 'remove', handle: 'carol' })
    const expected = [
      'alice named the room "coffee"',
      'alice set the topic: with milk',
      'alice decided: new members are handed what was said in the last 7 days',
      'alice made bob an admin',
    ]
    for (const person of [alice, bob]) {
      await isTold(person, 'bob removed carol')
      expect(told(person)).toEqual(expect.arrayContaining(expected))
      expect(view(person)).toMatchObject({ name: 'coffee', topic: 'with milk', historyDays: 7 })
      expect(members(person)).toEqual(['alice', 'bob'])
    }
    await isTold(carol, 'bob removed you')
    expect(view(carol).state).toBe('ended')
    await expect(say(carol, 'too late')).rejects.toMatchObject({
      why: { code: 'not-in-room', peer: '#coffee' },
    })
  })

  test('is not for others to change', async () => {
    const [, bob] = (await room('alice', 'bob')) as [Person, Person]
    for (const wanted of [
      { kind: 'name', name: 'mine' },
      { kind: 'invite', handle: 'dave' },
      { kind: 'remove', handle: 'alice' },
    ] as const)
      await expect(change(bob, wanted)).rejects.toMatchObject({
        why: { code: 'not-an-admin', admins: ['alice'] },
      })
    expect(view(bob).name).toBe('tea')
  })

  test('keeps an admin in it', async () => {
    const [alice] = (await room('alice', 'bob')) as [Person, Person]
    await expect(change(alice, { kind: 'admin', handle: 'alice', isAdmin: false })).rejects.toMatchObject({
      why: { code: 'only-admin' },
    })
  })

  test('has another admin when the last one leaves: the one who came first', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    await alice.endpoint.leaveRoom(conversationOf(alice))
    for (const one of [bob, carol]) await isTold(one, 'bob is an admin now: the last one has left')
    expect(told(carol)).not.toContainEqual(expect.stringMatching(/made .* an admin/))
    await change(bob, { kind: 'name', name: 'coffee' })
    await isTold(carol, 'bob named the room "coffee"')
    expect(view(carol).name).toBe('coffee')
    expect(members(carol)).toEqual(['bob', 'carol'])
  })
})

describe('those who are invited together', () => {
  const invite = ['bob', 'carol', 'dave']
  const meet = async () => {
    const [alice, ...rest] = await Promise.all(['alice', ...invite].map(one => town.join(one, server)))
    for (const person of [alice!, ...rest]) await person.line('up')
    await alice!.endpoint.createRoom({ name: 'tea', historyDays: 0, invite })
    return alice!
  }

  test('come in one commit, however many calls their key packages take', async () => {
    await server.restart({ limits: { claimsPerCall: 1 } })
    const alice = await meet()
    await isTold(alice, 'alice added bob, carol, dave')
  })

  test('are in it if there is room for them, and the admin is told who is not', async () => {
    await server.restart({ limits: { devicesPerConversation: 3 } })
    const alice = await meet()
    const refused = await alice.event('notice', ({ notice }) => notice.code === 'not-added')
    expect(refused.notice).toEqual({
      code: 'not-added',
      handle: 'dave',
      peer: '#tea',
      why: { code: 'rejected', rejection: 'too-many-members' },
    })
    expect(members(alice)).toEqual(['alice', 'bob', 'carol'])
  })
})

describe('whoever leaves', () => {
  test('is told so at once, and is taken out by somebody who is no admin; the rest goes on', async () => {
    const [alice, bob, carol] = (await room('alice', 'bob', 'carol')) as [Person, Person, Person]
    await alice.close()
    await carol.endpoint.leaveRoom(conversationOf(carol))
    expect(told(carol).at(-1)).toBe('you have left')
    expect(view(carol).state).toBe('ended')
    await isTold(bob, 'carol left')
    await say(bob, 'she is gone')
    const back = await town.join('alice', server)
    await back.holds(() => textsOf(back).includes('bob: she is gone'))
    expect(members(back)).toEqual(['alice', 'bob'])
    expect(textsOf(carol)).toEqual([])
    expect(told(carol).at(-1)).toBe('you have left')
  })

  test('has said what was typed before without a line, and nothing after', async () => {
    const [alice, bob] = (await room('alice', 'bob')) as [Person, Person]
    const { port } = server
    await server.stop()
    await bob.line('down')
    for (const text of numbered(3)) await say(bob, text)
    await bob.endpoint.leaveRoom(conversationOf(bob))
    await expect(say(bob, 'after')).rejects.toMatchObject({ why: { code: 'not-in-room', peer: '#tea' } })
    server = await town.server({ port })
    await isTold(alice, 'bob left')
    expect(textsOf(alice)).toEqual(numbered(3, 'bob: text'))
    await bob.holds(() => lines(bob).every(({ own, state }) => !own || state !== 'waiting'))
  })

  test('can be invited again, and then sees what is said from there on', async () => {
    const [alice, bob] = (await room('alice', 'bob')) as [Person, Person]
    await bob.endpoint.leaveRoom(conversationOf(bob))
    await isTold(alice, 'bob left')
    await say(alice, 'between')
    await alice.holds(() => lines(alice).at(-1)?.state === 'stored')
    await change(alice, { kind: 'invite', handle: 'bob' })
    await bob.holds(() => view(bob).state === 'ready')
    await say(alice, 'after')
    await bob.holds(() => textsOf(bob).includes('alice: after'))
    expect(textsOf(bob)).toEqual(['alice: after'])
  })
})

test('a text that was typed before its writer heard of being removed fails, and says why', async () => {
  const [alice, bob] = (await room('alice', 'bob')) as [Person, Person]
  const { port } = server
  await server.stop()
  await bob.line('down')
  await say(bob, 'too late')
  await alice.endpoint.changeRoom(conversationOf(alice), { kind: 'remove', handle: 'bob' })
  await bob.close()
  server = await town.server({ port })
  await isTold(alice, 'alice removed bob')
  const back = await town.join('bob', server)
  const failed = await back.event('state', ({ state }) => state === 'failed')
  expect(failed.failure).toBe('not-in-room')
  expect(textsOf(alice)).toEqual([])
})

test('what is said while somebody is added reaches them as soon as they are in it', async () => {
  const [alice, bob] = (await room('alice', 'bob')) as [Person, Person]
  const carol = await town.join('carol', server)
  await carol.line('up')
  await change(alice, { kind: 'invite', handle: 'carol' })
  let count = 0
  // So fast that some are always under way.
  while (carol.endpoint.conversations().length === 0)
    for (const person of [alice, bob]) {
      await say(person, `text ${count++}`)
      await setImmediate()
    }
  await isInIt(carol)
  for (const person of [alice, bob])
    await person.holds(() => lines(person).every(({ own, state }) => !own || state !== 'waiting'))
  await alice.holds(() => textsOf(alice).length === count)
  const joined = lines(carol)[0]!.sequence
  const since = lines(alice)
    .filter(({ kind, sequence }) => kind === 'text' && sequence > joined)
    .sort((a, b) => Number(a.sequence - b.sequence))
    .map(({ from, text }) => `${from}: ${text}`)
  await carol.holds(() => textsOf(carol).includes(since.at(-1)!))
  expect(textsOf(carol)).toEqual(since)
})
