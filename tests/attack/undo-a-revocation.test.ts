// A device is stolen. Its owner ends it on one device, which has no line at that moment, and links another one on elsewhere: the
// list that the words sign there knows nothing of the removal, and the stolen device would be in use by it again.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(60_000)

let town: Town
let server: Server
let laptop: Person
let phone: Person
let seed: Uint8Array

const idOf = (person: Person) => person.endpoint.account()!.deviceKey
const inUse = (person: Person) => person.endpoint.devices().filter(({ isRevoked }) => !isRevoked)
const isOut = (person: Person) =>
  person.event('line', ({ line }) => line.state === 'stopped' && line.reason === 'revoked')

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
  laptop = await town.join('alice', server, { vault: 'laptop' })
  await laptop.line('up')
  seed = seedOf(laptop.endpoint.recoveryPhrase()!)
  town.clock.pass(5_000)
  phone = await town.join('alice', server, { vault: 'phone', seed })
  await laptop.holds(() => inUse(laptop).length === 2)
  await phone.line('up')
})
afterEach(() => town.leave())

async function endWithoutLine(): Promise<void> {
  laptop.way.goDown()
  await laptop.line('down')
  await laptop.endpoint.revokeDevice(idOf(phone))
  town.clock.pass(5_000)
}

test('what was ended without a line is ended by the list that was signed meanwhile, too', async () => {
  await endWithoutLine()
  const tablet = await town.join('alice', server, { vault: 'tablet', seed })
  await tablet.line('up')
  expect(inUse(tablet)).toHaveLength(3)
  laptop.way.comeUp()
  await isOut(phone)
  await tablet.holds(() => inUse(tablet).length === 2)
  expect(inUse(laptop).map(({ id }) => id)).toEqual([idOf(laptop), idOf(tablet)])
})

test('also after a restart', async () => {
  await endWithoutLine()
  await laptop.close()
  const tablet = await town.join('alice', server, { vault: 'tablet', seed })
  await tablet.line('up')
  laptop = await town.join('alice', server, { vault: 'laptop' })
  await isOut(phone)
  expect(inUse(laptop).map(({ id }) => id)).toEqual([idOf(laptop), idOf(tablet)])
})

test('a device that is linked on again after its removal was known stays', async () => {
  await laptop.endpoint.revokeDevice(idOf(phone))
  await isOut(phone)
  await phone.close()
  town.clock.pass(5_000)
  phone = await town.join('alice', server, { vault: 'phone', seed })
  await phone.line('up')
  await laptop.holds(() => inUse(laptop).length === 2)
  await town.clock.settled()
  expect(inUse(laptop)).toHaveLength(2)
})
