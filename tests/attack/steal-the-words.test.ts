// A thief has the 24 words of an account, and links a device of their own with them. It takes part from there on, which
// the owner is told; what was said before it does not get.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { textIn } from '../../services/protocol/conversation/text-statement.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { aliceAndBob } from '../support/alice-and-bob.js'
import { giveByForce, textsOn } from '../support/handed-by-force.js'
import type { Person, Server, Town } from '../support/town.js'

jest.setTimeout(30_000)

let town: Town
let server: Server
let laptop: Person
let bob: Person
let thief: Person

const linked = (vault: string) =>
  town.join('alice', server, { vault, seed: seedOf(laptop.endpoint.recoveryPhrase()!) })
const idOf = ({ endpoint }: Person) => endpoint.account()!.deviceKey
const waits = (newcomer: Person, at = laptop) =>
  at.endpoint
    .devices()
    .some(({ id, waitsForHistory }) => waitsForHistory && Buffer.compare(id, idOf(newcomer)) === 0)
const hears = (person: Person, text: string) =>
  person.holds(() => person.history().some(line => line.text === text))
const ready = (person: Person) =>
  person.event('conversation', ({ peer, state }) => peer === 'bob' && state === 'ready')
/** All texts on a disk, whatever its program shows. */
const textsIn = async ({ disk }: Person) =>
  (await textsOn(disk)).map(({ statement, text }) => textIn(statement) || text)

/** Alice and bob have talked, and the thief's device is in the account. */
beforeEach(async () => {
  ;({ town, server, bob, alice: laptop } = await aliceAndBob({ alice: { vault: 'laptop' } }))
  await laptop.write('bob', 'said before')
  await hears(bob, 'said before')
  thief = await linked('thief')
  await ready(thief)
})
afterEach(() => town.leave())

test('with the words alone comes no history, and the owner is told who waits for it', async () => {
  const { notice } = await laptop.event('notice', event => event.notice.code === 'history-asked')
  const { fingerprint } = thief.endpoint.devices().find(({ isThis }) => isThis)!
  expect(notice).toEqual({ code: 'history-asked', device: '', fingerprint })
  await bob.write('alice', 'said to both')
  await hears(thief, 'said to both')
  expect(await textsIn(thief)).toEqual(['said to both'])
})

test('a thief who says that the owner has agreed is not believed', async () => {
  await laptop.holds(() => waits(thief))
  await thief.close()
  await giveByForce(thief.disk)
  thief = await town.join('alice', server, { vault: 'thief' })
  // Its next word among the own devices has come, too.
  await thief.endpoint.nameDevice('a phone of alice')
  await laptop.holds(() => laptop.endpoint.devices().some(({ name }) => name === 'a phone of alice'))
  expect(waits(thief)).toBe(true)
  await bob.write('alice', 'said to both')
  await hears(thief, 'said to both')
  expect(await textsIn(thief)).toEqual(['said to both'])
})

test('what the owner gives to another device is not sealed while the thief’s could open it', async () => {
  const phone = await linked('phone')
  await ready(phone)
  await laptop.holds(() => waits(phone))
  await laptop.endpoint.giveHistory(idOf(phone))
  await phone.holds(() =>
    phone.endpoint.devices().some(({ isThis, waitsForHistory }) => isThis && !waitsForHistory),
  )
  await bob.write('alice', 'said to all')
  await Promise.all([hears(thief, 'said to all'), hears(phone, 'said to all')])
  expect(await textsIn(phone)).toEqual(['said to all'])
  await laptop.endpoint.revokeDevice(idOf(thief))
  await hears(phone, 'said before')
  await thief.event('line', ({ line }) => line.state === 'stopped')
  expect(await textsIn(thief)).toEqual(['said to all'])
})
