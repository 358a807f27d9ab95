// The decisions of people about each other, for real endpoints on a real relay: safety numbers, changed keys, blocking.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { parseInvite } from '../../../services/protocol/invite/invite-link.js'
import { openAs } from '../../support/forged-groups.js'
import { inviteTokenOn } from '../../support/modified-client.js'
import { HOST, type JoinOptions, newTown, type Person, type Server, type Town } from '../../support/town.js'

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

/** The name of somebody who only claims to be bob. */
const CLAIM = /^bob~.{8}$/

/** Accepts the key that the safety number is of. */
const accept = ({ endpoint }: Person, handle: string) =>
  endpoint.accept(handle, endpoint.verify(handle).fingerprint)

const stateOf = (person: Person, handle: string) =>
  person.endpoint.people().find(each => each.handle === handle)

async function met(): Promise<[Person, Person]> {
  const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
  await bob.line('up')
  await alice.write('bob', 'hello')
  await alice.allAre('delivered')
  return [alice, bob]
}

/** The server is set up anew, and so is bob, with another key. */
async function beginAnew(people: readonly Person[], how: JoinOptions = {}): Promise<[Person, Person]> {
  await Promise.all([...people.map(person => person.close()), server.stop()])
  town.loseData()
  await server.restart()
  const bob = await town.join('bob', server, { vault: 'bob-anew' })
  await bob.line('up')
  return [await town.join('alice', server, how), bob]
}

/** All that this person has to say is said: somebody else has heard what they wrote after it, and nothing is under way. */
async function afterAllOf(person: Person): Promise<void> {
  const witness = await town.join('witness', server)
  await person.write('witness', 'after all')
  await witness.received(1)
  await witness.close()
  await town.clock.settled()
}

describe('a safety number', () => {
  test('is the same on both sides, and marks whom it was compared with, over a restart too', async () => {
    const [alice, bob] = await met()
    const { number, isNew } = alice.endpoint.verify('bob')
    expect(number).toMatch(/^(\d{5} ){11}\d{5}$/)
    expect(bob.endpoint.verify('alice').number).toBe(number)
    expect(isNew).toBe(false)
    expect(stateOf(alice, 'bob')?.verified).toBe(false)
    await alice.endpoint.markVerified('bob')
    await alice.event('contact', ({ change }) => change === 'verified')
    expect([stateOf(alice, 'bob')?.verified, stateOf(bob, 'alice')?.verified]).toEqual([true, false])
    await alice.close()
    const again = await town.join('alice', server)
    expect(stateOf(again, 'bob')?.verified).toBe(true)
  })

  test('of somebody who was never met is not known', async () => {
    const alice = await town.join('alice', server)
    expect(() => alice.endpoint.verify('bob')).toThrow(expect.objectContaining({ name: 'Refusal' }))
    for (const refused of [alice.endpoint.markVerified('bob'), alice.endpoint.accept('bob', 'SHA256:x')])
      await expect(refused).rejects.toMatchObject({ name: 'Refusal' })
  })
})

describe('a changed key', () => {
  test('stops what is sent until it is accepted; then what waited goes to the new key', async () => {
    const people = await met()
    await people[0].endpoint.markVerified('bob')
    const [alice, bob] = await beginAnew(people)
    await alice.write('bob', 'for the right one')
    await alice.event('key-changed', ({ policy }) => policy === 'block')
    expect(stateOf(alice, 'bob')).toMatchObject({ state: 'key-changed', verified: false })
    await expect(alice.endpoint.markVerified('bob')).rejects.toMatchObject({ name: 'Refusal' })
    const { isNew, number } = alice.endpoint.verify('bob')
    expect(isNew).toBe(true)
    await afterAllOf(alice)
    expect(bob.history()).toEqual([])

    await accept(alice, 'bob')
    expect(await bob.received(1)).toEqual(['for the right one'])
    await alice.holds(() => alice.history().every(({ state }) => state === 'delivered'))
    expect(bob.endpoint.verify('alice').number).toBe(number)
    expect(stateOf(alice, 'bob')).toMatchObject({ state: 'ready', verified: false })
    await bob.write('alice', 'thank you')
    expect(await alice.received(1)).toEqual(['thank you'])
    expect(alice.history().at(-1)?.otherKey).toBeUndefined()
  })

  test('of somebody who writes first: what they write is marked, and answered once it is accepted', async () => {
    const [alice, bob] = await beginAnew(await met())
    await alice.line('up')
    await bob.write('alice', 'it is me')
    await alice.received(1)
    expect(alice.history().at(-1)).toMatchObject({ from: expect.stringMatching(CLAIM), otherKey: true })
    await alice.write('bob', 'who?')
    await alice.event('key-changed')
    await afterAllOf(alice)
    expect(bob.history().filter(({ own }) => !own)).toEqual([])
    await accept(alice, 'bob')
    expect(await bob.received(1)).toEqual(['who?'])
    await bob.allAre('delivered')
  })

  test('goes on being stopped after a restart, and is told of again', async () => {
    const [alice, bob] = await beginAnew(await met())
    await alice.write('bob', 'secret')
    await alice.event('key-changed')
    await alice.close()
    const again = await town.join('alice', server)
    await again.event('key-changed')
    expect(stateOf(again, 'bob')?.state).toBe('key-changed')
    await afterAllOf(again)
    expect(again.history().find(({ text }) => text === 'secret')?.state).toBe('waiting')
    expect(bob.history()).toEqual([])
  })

  test.each(['warn', 'accept'] as const)(
    'is accepted by itself where the policy is %s, and told of',
    async keyChange => {
      const [alice, bob] = await beginAnew(await met(), { keyChange })
      await alice.write('bob', 'for whoever it is')
      expect((await alice.event('key-changed')).policy).toBe(keyChange)
      expect(await bob.received(1)).toEqual(['for whoever it is'])
      expect(stateOf(alice, 'bob')?.verified).toBe(false)
    },
  )
})

/** A person whose client opens a conversation with the victim under somebody else's handle, and writes in it. */
async function impostor(name: string, handle: string, victim: Person, text: string): Promise<Person> {
  const honest = await town.join(name, server)
  await honest.line('up')
  await honest.close()
  await openAs(honest.disk, { handle, victim })
  const forged = await town.join(name, server)
  await forged.line('up')
  await forged.write(victim.handle, text)
  return forged
}

describe('somebody who goes by a handle that is not theirs', () => {
  test.each(['block', 'accept'] as const)(
    'is found out by what the server lists, whatever the policy: %s',
    async keyChange => {
      const [first, bob] = await met()
      await first.close()
      const alice = await town.join('alice', server, { keyChange })
      await alice.line('up')
      const found = () =>
        alice.events.filter(event => event.type === 'notice' && event.notice.code === 'impostor')
      // Several, because of several groups one is chosen by its random id.
      const impostors: Person[] = []
      for (const name of ['mallory', 'mary', 'mike']) {
        impostors.push(await impostor(name, 'bob', alice, 'it is bob'))
        await alice.holds(() => found().length === impostors.length)
      }
      await alice.write('bob', 'for bob alone')
      expect(await bob.received(2)).toEqual(['hello', 'for bob alone'])
      for (const impostor of impostors) expect(impostor.history().filter(({ own }) => !own)).toEqual([])
      const shown = alice.history().filter(({ text }) => text === 'it is bob')
      expect(shown.every(({ otherKey }) => otherKey === true)).toBe(true)
      expect(alice.events.filter(({ type }) => type === 'key-changed')).toEqual([])
      expect(stateOf(alice, 'bob')?.state).toBe('ready')
    },
  )
})

test.each(['block', 'warn', 'accept'] as const)(
  'a key that goes by a handle that the server lists for nobody is nothing to accept, whatever the policy: %s',
  async keyChange => {
    const people = await met()
    await Promise.all([...people.map(person => person.close()), server.stop()])
    town.loseData()
    await server.restart()
    const alice = await town.join('alice', server, { keyChange })
    await alice.line('up')
    const mallory = await impostor('mallory', 'bob', alice, 'it is bob')
    await alice.received(1)
    expect(alice.history().at(-1)).toMatchObject({ from: expect.stringMatching(CLAIM), otherKey: true })
    await alice.write('bob', 'for bob alone')
    await afterAllOf(alice)
    expect(alice.events.filter(({ type }) => type === 'key-changed')).toEqual([])
    await expect(alice.endpoint.accept('bob', 'SHA256:x')).rejects.toMatchObject({ name: 'Refusal' })
    expect(alice.history().find(({ text }) => text === 'for bob alone')?.state).toBe('waiting')
    expect(mallory.history().filter(({ own }) => !own)).toEqual([])
  },
)

test('a forged handle of somebody who was never met is not taken for theirs', async () => {
  const [alice, dave] = [await town.join('alice', server), await town.join('dave', server)]
  await Promise.all([alice.line('up'), dave.line('up')])
  const mallory = await impostor('mallory', 'dave', alice, 'it is dave')
  await alice.received(1)
  const { from } = alice.history().at(-1)!
  expect(from).toMatch(/^dave~.{8}$/)
  expect(alice.events.some(event => 'peer' in event && event.peer === 'dave')).toBe(false)
  await alice.write('dave', 'for dave alone')
  expect(await dave.received(1)).toEqual(['for dave alone'])
  expect(mallory.history().filter(({ own }) => !own)).toEqual([])
  expect(dave.endpoint.verify('alice').number).toBe(alice.endpoint.verify('dave').number)
  // The name that is shown leads to whoever it is.
  await alice.write(from, 'who are you?')
  expect(await mallory.received(1)).toEqual(['who are you?'])
  await alice.endpoint.block(from)
  expect(stateOf(alice, from)?.state).toBe('blocked')
  expect(stateOf(alice, 'dave')?.state).toBe('ready')
})

describe('somebody who is blocked', () => {
  test('is not shown and told nothing, and heard again when that ends', async () => {
    const [alice, bob] = await met()
    await alice.endpoint.block('bob')
    expect(stateOf(alice, 'bob')?.state).toBe('blocked')
    const carol = await town.join('carol', server)
    await bob.write('alice', 'one', 'two')
    await bob.allAre('stored')
    await carol.write('alice', 'three')
    expect(await alice.received(1)).toEqual(['three'])
    await alice.close()
    const again = await town.join('alice', server)
    await again.line('up')
    expect(bob.history().filter(({ own }) => own)).toMatchObject([{ state: 'stored' }, { state: 'stored' }])
    expect(again.events.some(event => event.type === 'presence' && event.handle === 'bob')).toBe(false)

    await again.endpoint.unblock('bob')
    await bob.write('alice', 'four')
    expect(await again.received(2)).toEqual(['four', 'three'])
    await again.write('bob', 'five')
    await bob.received(2)
  })

  test('and opens a conversation goes unheard, and unanswered', async () => {
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await alice.line('up')
    await alice.endpoint.block('bob')
    await bob.write('alice', 'hello')
    await bob.allAre('stored')
    const carol = await town.join('carol', server)
    await carol.write('alice', 'three')
    expect(await alice.received(1)).toEqual(['three'])
    await carol.allAre('delivered')
    expect(bob.history()).toMatchObject([{ state: 'stored' }])
    await expect(alice.endpoint.block('bob')).rejects.toMatchObject({ name: 'Refusal' })
    await alice.endpoint.unblock('bob')
    await bob.write('alice', 'again')
    expect(await alice.received(2)).toEqual(['again', 'three'])
  })
})

describe('a room', () => {
  test('stays, without what somebody who is blocked says in it', async () => {
    const [alice, bob] = await met()
    const carol = await town.join('carol', server)
    await carol.line('up')
    const room = await carol.endpoint.createRoom({ name: 'tea', historyDays: 0 })
    for (const handle of ['alice', 'bob']) await carol.endpoint.changeRoom(room, { kind: 'invite', handle })
    const roomOf = (person: Person) => person.endpoint.conversations().find(({ kind }) => kind === 'room')
    const texts = (person: Person) =>
      person.endpoint
        .history(roomOf(person)!.number)
        .flatMap(({ kind, text }) => (kind === 'text' ? [text] : []))
    const linesOf = (person: Person, text: string) =>
      person.endpoint.history(roomOf(person)!.number).filter(line => line.text === text)
    for (const person of [alice, bob]) await person.holds(() => roomOf(person) !== undefined)
    await bob.holds(() => bob.endpoint.room(roomOf(bob)!.number).members.length === 3)
    await alice.holds(() => alice.endpoint.room(roomOf(alice)!.number).members.length === 3)
    await alice.endpoint.block('bob')
    await bob.endpoint.send(roomOf(bob)!.number, 'unheard')
    await carol.holds(() => texts(carol).includes('unheard'))
    await carol.endpoint.send(room, 'heard')
    await alice.holds(() => texts(alice).length > 0)
    expect(texts(alice)).toEqual(['heard'])
    expect(alice.endpoint.room(roomOf(alice)!.number).members).toHaveLength(3)
    // A receipt of alice's names all to whom she owes one: it came for carol's line, and not for bob's.
    await carol.holds(() => linesOf(carol, 'heard').every(({ state }) => state === 'delivered'))
    expect(linesOf(bob, 'unheard')).toMatchObject([{ state: 'stored' }])
  })

  test('of somebody who is blocked is not joined', async () => {
    const [alice, bob] = await met()
    await alice.endpoint.block('bob')
    const room = await bob.endpoint.createRoom({ name: 'trap', historyDays: 0 })
    await bob.endpoint.changeRoom(room, { kind: 'invite', handle: 'alice' })
    await bob.holds(() => bob.endpoint.room(room).members.length === 2)
    const carol = await town.join('carol', server)
    await carol.write('alice', 'hello')
    await alice.received(1)
    expect(alice.endpoint.conversations().filter(({ kind }) => kind === 'room')).toEqual([])
    expect(alice.events.filter(({ type }) => type === 'notice')).toEqual([])
  })

  test('shows a member whose key is not the one that is pinned', async () => {
    const [alice, bob] = await beginAnew(await met())
    const carol = await town.join('carol', server)
    await carol.line('up')
    const room = await carol.endpoint.createRoom({ name: 'tea', historyDays: 0 })
    for (const handle of ['alice', 'bob']) await carol.endpoint.changeRoom(room, { kind: 'invite', handle })
    const joined = () => alice.endpoint.conversations().find(({ kind }) => kind === 'room')?.number
    await alice.holds(() => joined() !== undefined && alice.endpoint.room(joined()!).members.length === 3)
    const trusts = alice.endpoint.room(joined()!).members.map(({ handle, trust }) => [handle, trust])
    expect(trusts.sort()).toEqual([
      ['alice', 'pinned'],
      [expect.stringMatching(CLAIM), 'other'],
      ['carol', 'pinned'],
    ])
    await bob.holds(() => bob.endpoint.conversations().some(({ kind }) => kind === 'room'))
    await bob.endpoint.send(bob.endpoint.conversations().find(({ kind }) => kind === 'room')!.number, 'hi')
    const said = () => alice.endpoint.history(joined()!).find(({ text }) => text === 'hi')
    await alice.holds(() => said() !== undefined)
    expect(said()).toMatchObject({ from: expect.stringMatching(CLAIM), otherKey: true })
    await alice.event('key-changed')
  })
})

describe('an invitation', () => {
  test('lets one new account in where the server asks for it, and is forgotten then', async () => {
    await server.restart({ registration: 'invite' })
    const inviteToken = await server.relay.createInvite()
    const alice = await town.join('alice', server)
    const { line } = await alice.event('line', ({ line }) => line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'invite-needed' })
    await alice.close()
    const invited = await town.join('alice', server, { inviteToken })
    await invited.line('up')
    expect(inviteTokenOn(invited.disk)).toBe('')
    const replayed = await town.join('bob', server, { inviteToken })
    await replayed.event('line', ({ line }) => line.state === 'stopped' && line.reason === 'invite-needed')
  })

  test('of a client names the server and its person', async () => {
    const alice = await town.join('alice', server)
    expect(alice.endpoint.inviteLink()).toBeUndefined()
    await alice.line('up')
    const invite = parseInvite(alice.endpoint.inviteLink()!)
    expect(invite).toMatchObject({ host: HOST, port: server.port, inviter: { handle: 'alice' } })
    expect(Buffer.from(invite.server)).toEqual(Buffer.from(server.relay.fingerprint))
    const { host: _, port: __, server: fingerprint, inviter } = invite
    const bob = await town.join('bob', server, {
      server: { fingerprint, replacesPin: false },
      ...(inviter && { inviter }),
    })
    await bob.write('alice', 'you invited me')
    expect(await alice.received(1)).toEqual(['you invited me'])
  })
})
