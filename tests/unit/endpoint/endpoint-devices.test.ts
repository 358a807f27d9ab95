// Several devices of one person: real endpoints on a real relay.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { Contacts } from '../../../services/endpoint/contacts/contacts.js'
import { Conversations } from '../../../services/endpoint/history/conversations.js'
import { FiledNames } from '../../../services/endpoint/history/filed-names.js'
import { Places } from '../../../services/endpoint/history/places.js'
import { Recents } from '../../../services/endpoint/history/recents.js'
import { sequenceOf } from '../../../services/endpoint/ids.js'
import { systemClock } from '../../../services/endpoint/local.js'
import { Records } from '../../../services/endpoint/vault/records.js'
import { seedOf } from '../../../services/protocol/identity/recovery-phrase.js'
import type { MemoryDisk } from '../../support/memory/vault.js'
import { accountOn, devicesInGroupsOn, publishedListOn } from '../../support/modified-client.js'
import { saidIn } from '../../support/said.js'
import { HOST, newTown, numbered, type Person, type Server, type Town } from '../../support/town.js'

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

/** The words of this person, which they have not confirmed. */
const seedIn = (person: Person) => seedOf(person.endpoint.recoveryPhrase() ?? '')

/** Another device of this person, by the words of the first. */
const link = (person: Person, name: string): Promise<Person> =>
  town.join(person.handle, server, {
    vault: name,
    seed: seedIn(person),
  })

const idOf = ({ endpoint }: Person) => endpoint.account()!.deviceKey
const waitsAt = ({ endpoint }: Person, newcomer: Person) =>
  endpoint
    .devices()
    .some(({ id, waitsForHistory }) => Buffer.compare(id, idOf(newcomer)) === 0 && waitsForHistory)

/** The person agrees at one device that these new ones are handed the history. */
async function agree(at: Person, ...newcomers: Person[]): Promise<void> {
  for (const newcomer of newcomers) {
    await at.holds(() => waitsAt(at, newcomer))
    await at.endpoint.giveHistory(idOf(newcomer))
  }
}

const textsOf = (person: Person) =>
  person
    .history()
    .filter(({ kind }) => kind === 'text')
    .map(({ from, own, text }) => `${own ? 'I' : from}: ${text}`)

const hasTexts = (person: Person, ...texts: string[]) =>
  person.holds(() => texts.every(text => textsOf(person).includes(text)))

const eventsIn = (person: Person) =>
  person
    .history()
    .filter(({ kind }) => kind === 'event')
    .map(saidIn)

async function aliceAndBob(): Promise<[Person, Person]> {
  const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
  await bob.line('up')
  await alice.write('bob', 'hello')
  await bob.received(1)
  await bob.write('alice', 'hi')
  await alice.received(1)
  return [alice, bob]
}

describe('a further device', () => {
  test('gets the history, and then everything that is said to and by the others', async () => {
    const [laptop, bob] = await aliceAndBob()
    await laptop.endpoint.nameDevice('laptop')
    const phone = await link(laptop, 'phone')
    await agree(laptop, phone)
    await hasTexts(phone, 'I: hello', 'bob: hi')
    await phone.holds(() => eventsIn(phone).includes('2 lines of history from your device laptop'))
    expect(eventsIn(phone).filter(text => /of history/.test(text))).toHaveLength(1)

    await bob.write('alice', 'to both')
    await Promise.all([hasTexts(phone, 'bob: to both'), hasTexts(laptop, 'bob: to both')])
    await phone.write('bob', 'from the phone')
    await Promise.all([hasTexts(bob, 'alice: from the phone'), hasTexts(laptop, 'I: from the phone')])
    await laptop.write('bob', 'from the laptop')
    await Promise.all([hasTexts(bob, 'alice: from the laptop'), hasTexts(phone, 'I: from the laptop')])
    expect(textsOf(phone)).toEqual([...new Set(textsOf(phone))])
    expect(textsOf(laptop)).toEqual([...new Set(textsOf(laptop))])
    expect(phone.endpoint.devices()).toMatchObject([
      { name: 'laptop', isThis: false, isRevoked: false },
      { name: '', isThis: true },
    ])
  })

  test('is added by others while the first one is away, and gets its history when that comes back', async () => {
    const [laptop, bob] = await aliceAndBob()
    const seed = seedIn(laptop)
    await laptop.close()
    const phone = await town.join('alice', server, { vault: 'phone', seed })
    await phone.event('conversation', ({ state, peer }) => state === 'ready' && peer === 'bob')
    await bob.write('alice', 'only the phone hears it at once')
    await hasTexts(phone, 'bob: only the phone hears it at once')
    expect(textsOf(phone)).not.toContain('I: hello')
    const again = await town.join('alice', server)
    await hasTexts(again, 'bob: only the phone hears it at once')
    await agree(again, phone)
    await hasTexts(phone, 'I: hello', 'bob: hi')
    expect(textsOf(phone)).toHaveLength(3)
  })

  test('joins rooms, whoever made them', async () => {
    const [laptop, bob] = await aliceAndBob()
    const room = await bob.endpoint.createRoom({ name: 'all', historyDays: 0 })
    await bob.endpoint.changeRoom(room, { kind: 'invite', handle: 'alice' })
    await laptop.event('conversation', ({ state, peer }) => state === 'ready' && peer === '#all')
    await bob.endpoint.send(room, 'before the phone')
    const phone = await link(laptop, 'phone')
    await agree(laptop, phone)
    const { conversation } = await phone.event(
      'conversation',
      ({ state, peer }) => state === 'ready' && peer === '#all',
    )
    const textsInRoom = () => phone.endpoint.history(conversation).filter(({ kind }) => kind === 'text')
    await phone.holds(() => textsInRoom().length === 1)
    await bob.holds(() =>
      bob.endpoint.room(room).members.some(({ handle, devices }) => handle === 'alice' && devices === 2),
    )
    await bob.endpoint.send(room, 'after it')
    await phone.holds(() => textsInRoom().length === 2)
    expect(textsInRoom().map(({ text }) => text)).toEqual(['before the phone', 'after it'])
  })

  test('stands on the list that the key packages of all of them name', async () => {
    const laptop = await town.join('alice', server)
    const hexOf = ({ disk }: Person) => Buffer.from(accountOn(disk).device.publicKey).toString('hex')
    await laptop.holds(() => publishedListOn(laptop.disk)?.join() === hexOf(laptop))
    const phone = await link(laptop, 'phone')
    const both = () => [hexOf(laptop), hexOf(phone)].join()
    for (const each of [laptop, phone]) await each.holds(() => publishedListOn(each.disk)?.join() === both())
  })

  test('is linked while another is away: that one still opens what it was invited to by its key packages of before', async () => {
    const laptop = await town.join('alice', server)
    const idOf = ({ disk }: Person) => Buffer.from(accountOn(disk).device.publicKey).toString('hex')
    await laptop.holds(() => publishedListOn(laptop.disk)?.join() === idOf(laptop))
    laptop.way.goDown()
    const phone = await link(laptop, 'phone')
    await phone.holds(() => publishedListOn(phone.disk) !== undefined)
    const bob = await town.join('bob', server)
    await bob.line('up')
    await bob.write('alice', 'hello')
    await phone.received(1)
    laptop.way.comeUp()
    expect(await laptop.received(1)).toEqual(['hello'])
    expect(publishedListOn(laptop.disk)).toEqual([idOf(laptop), idOf(phone)])
    expect(laptop.events.filter(({ type }) => type === 'notice')).toEqual([])
  })

  test('three of them, two linked at the same moment, all hear each other', async () => {
    const [laptop, bob] = await aliceAndBob()
    const [phone, tablet] = await Promise.all([link(laptop, 'phone'), link(laptop, 'tablet')])
    const own = [laptop, phone, tablet]
    for (const each of own) await each.holds(() => each.endpoint.devices().length === 3)
    await agree(laptop, phone, tablet)
    await Promise.all(own.map(each => hasTexts(each, 'I: hello', 'bob: hi')))
    await Promise.all(
      [phone, tablet].map(each =>
        each.event('conversation', ({ peer, state }) => peer === 'bob' && state === 'ready'),
      ),
    )
    for (const [at, each] of own.entries()) await each.write('bob', `number ${at}`)
    const all = numbered(3, 'number')
    await Promise.all(own.map(each => hasTexts(each, ...all.map(text => `I: ${text}`))))
    await hasTexts(bob, ...all.map(text => `alice: ${text}`))
  })
})

describe('the history of a further device', () => {
  const noticesOf = (person: Person) =>
    person.events.flatMap(event => (event.type === 'notice' ? [event.notice] : []))
  const own = ({ endpoint }: Person) => endpoint.devices().find(({ isThis }) => isThis)!

  test('waits until a person agrees at one that has it, and both are told', async () => {
    const [laptop, bob] = await aliceAndBob()
    const phone = await link(laptop, 'phone')
    await phone.event('notice', ({ notice }) => notice.code === 'history-awaited')
    await laptop.event('notice', ({ notice }) => notice.code === 'history-asked')
    const { fingerprint } = own(phone)
    expect(noticesOf(laptop)).toContainEqual({ code: 'history-asked', device: '', fingerprint })
    expect(noticesOf(phone).map(({ code }) => code)).not.toContain('history-asked')
    expect([own(phone).waitsForHistory, own(laptop).waitsForHistory]).toEqual([true, false])
    // From here on all is for both; nothing of before comes with it.
    await phone.event('conversation', ({ state, peer }) => state === 'ready' && peer === 'bob')
    await bob.write('alice', 'to both')
    await hasTexts(phone, 'bob: to both')
    await laptop.close()
    const again = await town.join('alice', server)
    await again.line('up')
    expect(waitsAt(again, phone)).toBe(true)
    await bob.write('alice', 'once more')
    await hasTexts(phone, 'bob: once more')
    expect(textsOf(phone)).toEqual(['bob: to both', 'bob: once more'])
    await agree(again, phone)
    await hasTexts(phone, 'I: hello', 'bob: hi')
    await phone.holds(() => !own(phone).waitsForHistory)
    await expect(again.endpoint.giveHistory(idOf(phone))).rejects.toMatchObject({
      why: { code: 'has-history' },
    })
  })

  test('is asked for by none of the others once a person has agreed at one', async () => {
    const [laptop] = await aliceAndBob()
    const phone = await link(laptop, 'phone')
    await agree(laptop, phone)
    await hasTexts(phone, 'I: hello', 'bob: hi')
    const tablet = await link(laptop, 'tablet')
    for (const each of [laptop, phone]) await each.holds(() => waitsAt(each, tablet))
    await agree(phone, tablet)
    await laptop.holds(() => !waitsAt(laptop, tablet))
    await hasTexts(tablet, 'I: hello', 'bob: hi')
  })
})

describe('a conversation that one device begins', () => {
  test('is the others’ from its first line on, also of those that are away', async () => {
    const laptop = await town.join('alice', server)
    await laptop.line('up')
    const [phone, tablet] = [await link(laptop, 'phone'), await link(laptop, 'tablet')]
    const carol = await town.join('carol', server)
    const all = [laptop, phone, tablet]
    await Promise.all(all.map(each => each.holds(() => each.endpoint.devices().length === 3)))
    await Promise.all([...all, carol].map(each => each.line('up')))
    await tablet.close()
    await phone.write('carol', 'first', 'second')
    await hasTexts(laptop, 'I: first', 'I: second')
    await hasTexts(carol, 'alice: first')
    await carol.write('alice', 'answer')
    await hasTexts(laptop, 'carol: answer')
    const back = await town.join('alice', server, { vault: 'tablet' })
    await hasTexts(back, 'I: first', 'I: second', 'carol: answer')
    expect(textsOf(back)).toHaveLength(3)
  })

  test('is also a room', async () => {
    const laptop = await town.join('alice', server)
    await laptop.line('up')
    const phone = await link(laptop, 'phone')
    // Before the account has it on its list it makes none.
    const early = phone.endpoint.createRoom({ name: 'early', historyDays: 0 })
    await expect(early).rejects.toMatchObject({ why: { code: 'not-registered' } })
    await phone.line('up')
    const room = await phone.endpoint.createRoom({ name: 'all', historyDays: 0 })
    await phone.endpoint.send(room, 'alone')
    const { conversation } = await laptop.event(
      'conversation',
      ({ peer, state }) => peer === '#all' && state === 'ready',
    )
    await laptop.holds(() =>
      laptop.endpoint.history(conversation).some(({ text, own }) => text === 'alone' && own),
    )
  })
})

describe('a long history', () => {
  const LINES = 10_000

  /** Texts of years ago, put where a device keeps them. */
  async function fill(disk: MemoryDisk): Promise<void> {
    const vault = disk.open()
    const records = new Records(vault, () => undefined)
    await records.transaction(tx => {
      const contacts = new Contacts(tx, systemClock)
      const conversations = new Conversations(tx, systemClock, {
        filed: new FiledNames(),
        places: new Places(),
        recents: new Recents(tx, systemClock),
        names: contacts,
      })
      const fromAccount = contacts.find('bob')!
      const conversation = conversations.withPerson(fromAccount)!
      for (let line = 1; line <= LINES; line++)
        conversations.file(tx, conversation, {
          kind: MessageKind.TEXT,
          fromAccount,
          fromHandle: 'bob',
          fromDevice: new Uint8Array(32),
          text: `line ${line} of what was said long ago`,
          sentAtMs: BigInt(line),
          status: MessageStatus.RECEIVED,
          sequence: sequenceOf(BigInt(1_000_000 + line)),
        })
    })
    vault.close()
  }

  test('is handed over whole and in order, while people go on writing', async () => {
    const [laptop, bob] = await aliceAndBob()
    await laptop.close()
    await fill(laptop.disk)
    const again = await town.join('alice', server)
    await again.line('up')
    const phone = await link(again, 'phone')
    await agree(again, phone)
    await phone.event('conversation', ({ state, peer }) => state === 'ready' && peer === 'bob')
    await phone.write('bob', 'meanwhile')
    await hasTexts(bob, 'alice: meanwhile')
    await phone.holds(() =>
      phone.events.some(
        event => event.type === 'message' && saidIn(event.entry).includes(`${LINES + 2} lines of history`),
      ),
    )
    const texts = textsOf(phone)
    expect(texts).toHaveLength(LINES + 3)
    expect(texts.slice(0, LINES)).toEqual(textsOf(again).slice(0, LINES))
  })
})

describe('a room that hands history over', () => {
  test('shows somebody new what was said in its days, and who handed it over', async () => {
    const [alice, bob] = await aliceAndBob()
    const room = await alice.endpoint.createRoom({ name: 'all', historyDays: 7 })
    for (const text of numbered(3)) await alice.endpoint.send(room, text)
    await alice.holds(
      () => alice.endpoint.history(room).filter(({ state }) => state === 'stored').length === 3,
    )
    await alice.endpoint.changeRoom(room, { kind: 'invite', handle: 'bob' })
    const { conversation } = await bob.event(
      'conversation',
      ({ state, peer }) => state === 'ready' && peer === '#all',
    )
    const shown = () => bob.endpoint.history(conversation)
    await bob.holds(() => shown().some(entry => saidIn(entry) === '3 lines of history handed over by alice'))
    expect(
      shown()
        .filter(({ kind }) => kind === 'text')
        .map(({ text }) => text),
    ).toEqual(numbered(3))
  })

  test('and shows nothing where its members decided so', async () => {
    const [alice, bob] = await aliceAndBob()
    const room = await alice.endpoint.createRoom({ name: 'all', historyDays: 0 })
    await alice.endpoint.send(room, 'secret')
    await alice.endpoint.changeRoom(room, { kind: 'invite', handle: 'bob' })
    const { conversation } = await bob.event(
      'conversation',
      ({ state, peer }) => state === 'ready' && peer === '#all',
    )
    await alice.holds(() => alice.endpoint.room(room).members.length === 2)
    await alice.endpoint.send(room, 'for both')
    await bob.holds(() => bob.endpoint.history(conversation).some(({ text }) => text === 'for both'))
    expect(bob.endpoint.history(conversation).map(({ text }) => text)).not.toContain('secret')
  })
})

describe('a revoked device', () => {
  test('is stopped, reads nothing of what is said later, and is in no group any more', async () => {
    const [laptop, bob] = await aliceAndBob()
    const phone = await link(laptop, 'phone')
    await phone.event('conversation', ({ state, peer }) => state === 'ready' && peer === 'bob')
    await laptop.holds(() => laptop.endpoint.devices().length === 2)
    const [, second] = laptop.endpoint.devices()
    await laptop.endpoint.revokeDevice(second!.id)
    const stopped = await phone.event('line', ({ line }) => line.state === 'stopped')
    expect(stopped.line).toMatchObject({ state: 'stopped', reason: 'revoked' })
    await laptop.write('bob', 'without the phone')
    await hasTexts(bob, 'alice: without the phone')
    // Its line is down; what counts is that no group is sealed for it any more.
    await town.clock.settled()
    const phoneKey = Buffer.from(second!.id).toString('hex')
    expect([...(await devicesInGroupsOn(phone.disk))]).toContain(phoneKey)
    for (const { disk } of [laptop, bob]) expect([...(await devicesInGroupsOn(disk))]).not.toContain(phoneKey)
    expect(textsOf(phone)).not.toContain('I: without the phone')
    expect(laptop.endpoint.devices()).toMatchObject([{ isThis: true }, { isRevoked: true }])
    await expect(laptop.endpoint.revokeDevice(second!.id)).rejects.toMatchObject({
      why: { code: 'already-revoked' },
    })

    await phone.close()
    const again = await town.join('alice', server, { vault: 'phone' })
    const refused = await again.event('line', ({ line }) => line.state === 'stopped')
    expect(refused.line).toMatchObject({ reason: 'revoked' })
  })
})

describe('at the limit of devices', () => {
  test('one that is listed makes room for the new one in the same call', async () => {
    const small = await town.server({ name: 'small', limits: { devicesPerAccount: 2 } })
    const joinSmall = (name: string, seed?: Uint8Array) =>
      town.join('alice', small, { vault: name, ...(seed ? { seed } : {}) })
    const first = await joinSmall('first')
    const seed = seedIn(first)
    await first.line('up')
    const second = await joinSmall('second', seed)
    await second.line('up')
    const third = await joinSmall('third', seed)
    const { line } = await third.event('line', event => event.line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'too-many-devices' })
    const listed = third.endpoint.devices().filter(({ isThis }) => !isThis)
    const ids = [first, second].map(({ endpoint }) => endpoint.devices().find(({ isThis }) => isThis)!.id)
    expect(listed.map(({ id }) => id)).toEqual(ids)
    await third.endpoint.revokeDevice(ids[1]!)
    third.endpoint.connect()
    await third.line('up')
    const stopped = await second.event('line', event => event.line.state === 'stopped')
    expect(stopped.line).toMatchObject({ reason: 'revoked' })
    await first.holds(() =>
      first.endpoint
        .devices()
        .some(
          ({ id }) => Buffer.compare(id, third.endpoint.devices().find(({ isThis }) => isThis)!.id) === 0,
        ),
    )
  })
})

describe('words', () => {
  test('with a handle that nobody has begin the account anew, which is told', async () => {
    const alice = await town.open('alice')
    await alice.endpoint.prepare({ handle: 'alice', address: { host: HOST, port: server.port } })
    const seed = seedIn(alice)
    const phone = await town.join('alice', server, { vault: 'phone', seed })
    await phone.event('notice', ({ notice }) => notice.code === 'account-unknown')
  })

  test('of another account restore nothing: the handle is taken', async () => {
    const [, bob] = await aliceAndBob()
    const seed = seedIn(bob)
    const impostor = await town.join('alice', server, { vault: 'impostor', seed })
    const stopped = await impostor.event('line', ({ line }) => line.state === 'stopped')
    expect(stopped.line).toMatchObject({ reason: 'handle-taken' })
  })
})
