// A thief of the 24 words signs a list of the account with a device of his on it, and the server shows it to those who look
// the account up, and not to its owner: they are to take the device in, and the owner is to see nothing of it.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Notice } from '../../services/endpoint/index.js'
import { makeDeviceList } from '../../services/protocol/identity/device-list.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { accountKeys, deviceKeys } from '../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { generateKeyPair, keyPairOf } from '../../services/protocol/signature.js'
import { aliceAndBob } from '../support/alice-and-bob.js'
import { accountOn, listOn } from '../support/modified-client.js'
import type { Person, Town } from '../support/town.js'

jest.setTimeout(30_000)

let town: Town
let alice: Person
let bob: Person

beforeEach(async () => {
  ;({ town, alice, bob } = await aliceAndBob())
  await alice.write('bob', 'hello')
  await bob.received(1)
  await bob.write('alice', 'hello, too')
  await alice.received(1)
})
afterEach(() => town.leave())

const toldOf = (person: Person): Notice[] =>
  person.events.flatMap(event =>
    event.type === 'notice' && event.notice.code === 'other-list' ? [event.notice] : [],
  )

/** By the words, with the device of the thief behind alice's. */
function signed(): Uint8Array {
  const { handle, serverId, number, hash, devices } = accountOn(alice.disk).list
  const thief = accountKeys(keyPairOf(crypto, seedOf(alice.endpoint.recoveryPhrase()!)))
  const device = { deviceKey: deviceKeys(generateKeyPair(crypto)).publicKey, listedAt: 5 }
  return makeDeviceList(crypto, thief, {
    ...{ handle, serverId, number: number + 1, previous: hash, issuedAt: 5, devices: [...devices, device] },
  })
}

/** Bob looks alice up. */
async function looksUp(): Promise<void> {
  bob.way.goDown()
  await bob.line('down')
  bob.way.comeUp()
  await bob.line('up')
  const { accountKey } = alice.endpoint.account()!
  const { number } = accountOn(alice.disk).list
  await bob.holds(() => listOn(bob.disk, accountKey)!.number > number)
}

test('the owner is told by the next line of somebody who has seen it', async () => {
  const before = town.showList('alice', signed())
  await looksUp()
  town.showList('alice', before)
  await bob.write('alice', 'which devices have you?')
  await alice.received(2)
  await alice.holds(() => toldOf(alice).length > 0)
  expect(toldOf(alice)).toEqual([{ code: 'other-list', from: 'bob' }])
  // Once for each such list, whatever is said meanwhile.
  await bob.write('alice', 'and now?')
  await alice.received(3)
  await alice.write('bob', 'one')
  await bob.received(2)
  await town.clock.settled()
  expect([toldOf(alice).length, toldOf(bob).length]).toEqual([1, 0])
})

test('where the server shows it to the owner, too, she sees the device, and there is nothing to tell', async () => {
  town.showList('alice', signed())
  await looksUp()
  await bob.write('alice', 'which devices have you?')
  await alice.received(2)
  await alice.holds(() => alice.endpoint.devices().length === 2)
  await town.clock.settled()
  expect(toldOf(alice)).toEqual([])
})
