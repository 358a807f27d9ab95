// A member with an altered program files lines into the history of somebody who comes into the room: as lines of others,
// though it is not the one who lets them in, or long after they came. The server repeats what was handed over.

import { create } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { HistoryLineSchema, SignedTextStatementSchema } from '../../gen/parley/content/v1/chain_pb.js'
import { type HistoryMessage, HistoryMessageSchema } from '../../gen/parley/content/v1/content_pb.js'
import type { ApplicationEnvelope, Envelope } from '../../gen/parley/v1/chat_pb.js'
import { textIn } from '../../services/protocol/conversation/text-statement.js'
import { makeCertificate } from '../../services/protocol/identity/certificate.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { accountKeys } from '../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../services/protocol/signature.js'
import { handByForce, textsOn } from '../support/handed-by-force.js'
import { hearsay } from '../support/history-lines.js'
import { accountOn, roomOn } from '../support/modified-client.js'
import { hears, isOf, lines, roomOf, say } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(30_000)

const HOUR_MS = 3_600_000

let town: Town
let server: Server
let alice: Person
let mallory: Person
let dave: Person
/** The fate of what dave reads. */
let meddle: (envelope: Envelope) => Envelope

beforeEach(async () => {
  town = await newTown()
  meddle = envelope => envelope
  server = await town.server({
    meddle: (read, device) => ({
      ...read,
      envelopes: isOf(dave, device) ? read.envelopes.map(meddle) : read.envelopes,
    }),
  })
  ;[alice, mallory, dave] = (await Promise.all(
    ['alice', 'mallory', 'dave'].map(each => town.join(each, server)),
  )) as [Person, Person, Person]
  for (const person of [alice, mallory, dave]) await person.line('up')
})
afterEach(() => town.leave())

/** A room of the first, with the second; the two of them have said something there. */
async function roomOfTwo(admin: Person, other: Person, texts = true): Promise<void> {
  const number = await admin.endpoint.createRoom({ name: 'tea', historyDays: 7 })
  await admin.endpoint.changeRoom(number, { kind: 'invite', handle: other.handle })
  await other.event('conversation', ({ peer, state }) => peer === '#tea' && state === 'ready')
  if (!texts) return
  await say(admin, `${admin.handle} said this`)
  await say(other, `${other.handle} said this`)
  await hears(admin, `${other.handle} said this`)
}

async function invites(admin: Person): Promise<void> {
  await admin.endpoint.changeRoom(roomOf(admin)!.number, { kind: 'invite', handle: 'dave' })
  await dave.event('conversation', ({ peer, state }) => peer === '#tea' && state === 'ready')
}

const texts = () =>
  lines(dave).flatMap(({ kind, from, own, text, hearsay: teller }) =>
    kind === 'text' ? [`${own ? 'I' : from}: ${text}${teller ? ` (${teller})` : ''}`] : [],
  )
const isHanded = (count: number) =>
  dave.holds(() => lines(dave).some(({ kind }) => kind === 'event') && texts().length >= count)

/** Mallory's program hands these over to dave, and she says something to him behind that. */
async function files(messages: HistoryMessage[], last = true): Promise<void> {
  await mallory.write('dave', 'before')
  await dave.holds(() => dave.history().some(({ text }) => text === 'before'))
  await mallory.close()
  await handByForce(mallory.disk, 'dave', { messages, last })
  mallory = await town.join('mallory', server)
  await mallory.write('dave', 'after')
  await dave.holds(() => dave.history().some(({ text }) => text === 'after'))
}

const asAlice = (text: string) =>
  hearsay({ text, from: accountOn(alice.disk), sentAtMs: BigInt(town.clock.now()), sequence: 1n })

/** A text of alice that mallory has, with this certificate in place of that of alice's device. */
async function taken(said: string, certificate = accountOn(alice.disk).certificate): Promise<HistoryMessage> {
  const kept = (await textsOn(mallory.disk)).find(({ statement }) => textIn(statement) === said)!
  const text = create(SignedTextStatementSchema, { statement: kept.statement, signature: kept.signature })
  const line = create(HistoryLineSchema, { text, certificate, sequence: 2n })
  return create(HistoryMessageSchema, { body: { case: 'text', value: line } })
}

describe('whoever lets somebody in', () => {
  test('hands over what others have signed as theirs, and all else as what they tell', async () => {
    await roomOfTwo(mallory, alice)
    await alice.write('mallory', 'said to mallory alone')
    await mallory.holds(() => mallory.history().some(({ text }) => text === 'said to mallory alone'))
    // The room hands nothing over by itself, which would end what she may hand over.
    await mallory.endpoint.changeRoom(roomOf(mallory)!.number, { kind: 'history', days: 0 })
    await invites(mallory)
    await mallory.endpoint.changeRoom(roomOf(mallory)!.number, { kind: 'history', days: 7 })
    await dave.holds(() => dave.endpoint.room(roomOf(dave)!.number).historyDays === 7)
    // Her account certifies alice's device as one of its own.
    const words = seedOf(mallory.endpoint.recoveryPhrase()!)
    const account = accountKeys(keyPairOf(crypto, words))
    const deviceKey = alice.endpoint.account()!.deviceKey
    const stolen = makeCertificate(crypto, { account, deviceKey })
    await files([
      asAlice('alice never said this'),
      await taken('alice said this'),
      await taken('alice said this', stolen),
      await taken('said to mallory alone'),
      await taken('alice said this', accountOn(mallory.disk).certificate),
    ])
    expect(texts()).toEqual(['alice: alice never said this (mallory)', 'alice: alice said this'])
    expect(lines(dave).filter(({ own }) => own)).toEqual([])
  })

  test('files nothing more once all was handed over', async () => {
    await roomOfTwo(mallory, alice)
    await invites(mallory)
    await isHanded(2)
    const before = texts()
    await files([asAlice('alice never said this')])
    expect(texts()).toEqual(before)
  })

  test('files nothing an hour after they came', async () => {
    await roomOfTwo(mallory, alice, false)
    await invites(mallory)
    town.clock.pass(HOUR_MS)
    await files([asAlice('alice never said this')])
    expect(texts()).toEqual([])
  })
})

test('a member who did not let them in files nothing, and does not end what the one who did hands over', async () => {
  await roomOfTwo(alice, mallory)
  await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'history', days: 0 })
  await invites(alice)
  await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'history', days: 7 })
  await dave.holds(() => dave.endpoint.room(roomOf(dave)!.number).historyDays === 7)
  await files([asAlice('alice never said this'), await taken('alice said this')])
  expect(texts()).toEqual([])
})

test('a server that repeats what was handed over files nothing twice', async () => {
  const inDirect: ApplicationEnvelope[] = []
  meddle = ({ ...envelope }) => {
    if (envelope.envelope.case === 'application') inDirect.push(envelope.envelope.value)
    return envelope
  }
  await roomOfTwo(alice, mallory)
  await invites(alice)
  await isHanded(2)
  const before = texts()
  const handed = [...inDirect]
  expect(handed.length).toBeGreaterThan(0)
  const room = (await roomOn(dave.disk)).groupId
  // In the place of what alice says next stands each of those.
  meddle = envelope => {
    const value = handed[0]
    const isDirect = Buffer.compare(envelope.conversationId, room) !== 0
    if (!isDirect || envelope.envelope.case !== 'application' || !value) return envelope
    handed.shift()
    return { ...envelope, envelope: { case: 'application', value } }
  }
  const count = handed.length
  await alice.write('dave', ...Array.from({ length: count }, (_, index) => `number ${index}`), 'the last')
  await dave.holds(() => dave.history().some(({ text }) => text === 'the last'))
  expect(handed).toEqual([])
  expect(texts()).toEqual(before)
})
