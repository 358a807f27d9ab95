// A thief has a full copy of a device's folder, without a passphrase: all of its keys. The owner ends the device, or, where
// the thief was first, takes the account back with the 24 words.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { keyState, loadAccount } from '../../services/endpoint/contacts/account.js'
import { Records } from '../../services/endpoint/vault/records.js'
import { makeDeviceList, readDeviceList } from '../../services/protocol/identity/device-list.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { accountKeys } from '../../services/protocol/keys.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { aliceAndBob } from '../support/alice-and-bob.js'
import type { MemoryDisk } from '../support/memory/vault.js'
import { devicesInGroupsOn } from '../support/modified-client.js'
import type { Person, Server, Town } from '../support/town.js'

jest.setTimeout(60_000)

let town: Town
let server: Server
let laptop: Person
let phone: Person
let bob: Person
/** Of alice's account, on paper. */
let words: string

const textsOf = (person: Person) =>
  person
    .history()
    .filter(({ kind }) => kind === 'text')
    .map(({ text }) => text)
const hasText = (person: Person, text: string) => person.holds(() => textsOf(person).includes(text))
const idOf = (person: Person) => person.endpoint.devices().find(({ isThis }) => isThis)!.id
const hexOf = (person: Person) => Buffer.from(idOf(person)).toString('hex')

/** Alice has a laptop and, behind it, a phone; she talks with bob, and has confirmed her words. */
beforeEach(async () => {
  ;({ town, server, bob, alice: laptop } = await aliceAndBob({ alice: { vault: 'laptop' } }))
  await laptop.write('bob', 'hello')
  await hasText(bob, 'hello')
  words = laptop.endpoint.recoveryPhrase()!
  await laptop.endpoint.confirmWords()
  phone = await town.join('alice', server, { vault: 'phone', seed: seedOf(words) })
  await laptop.holds(() => laptop.endpoint.devices().length === 2)
  await phone.event('conversation', ({ peer, state }) => peer === 'bob' && state === 'ready')
  await bob.write('alice', 'to both')
  await Promise.all([hasText(laptop, 'to both'), hasText(phone, 'to both')])
})
afterEach(() => town.leave())

const isIn = async ({ disk }: Person, key: string) => (await devicesInGroupsOn(disk)).has(key)

/** All that is on the disk, while its owner uses it. */
function stolen(name: string): MemoryDisk {
  const disk = town.disk('thief')
  disk.copyFrom(town.disk(name))
  return disk
}

const thiefComes = () => town.join('alice', server, { vault: 'thief' })

async function isShutOut(thief: Person): Promise<void> {
  const { line } = await thief.event('line', event => event.line.state === 'stopped')
  expect(line).toMatchObject({ reason: 'revoked' })
}

describe('a stolen device that the owner ends', () => {
  test('reads nothing new from then on, and is in no conversation any more', async () => {
    stolen('phone')
    const stolenKey = hexOf(phone)
    const ended = idOf(phone)
    await phone.close()
    await laptop.endpoint.revokeDevice(ended)
    const thief = await thiefComes()
    await isShutOut(thief)
    await bob.write('alice', 'a secret')
    await hasText(laptop, 'a secret')
    await laptop.write('bob', 'another')
    await hasText(bob, 'another')
    await town.clock.settled()
    for (const { disk } of [laptop, bob])
      expect([...(await devicesInGroupsOn(disk))]).not.toContain(stolenKey)
    expect(textsOf(thief)).not.toContain('a secret')
    expect(textsOf(thief)).not.toContain('another')
  })

  test('does not come back, however often it tries, nor by ending others', async () => {
    stolen('phone')
    const ended = idOf(phone)
    await phone.close()
    await laptop.endpoint.revokeDevice(ended)
    for (let times = 0; times < 2; times++) {
      const thief = await thiefComes()
      await isShutOut(thief)
      await expect(thief.endpoint.revokeDevice(idOf(laptop))).rejects.toMatchObject({
        why: { code: 'device-ahead' },
      })
      await thief.close()
    }
    await bob.write('alice', 'still there')
    await hasText(laptop, 'still there')
  })

  test.each(['laptop', 'phone'])('has nothing that links a device on: the copy of the %s', async name => {
    const records = new Records(stolen(name).open(), () => undefined)
    const { accountSeed, pendingList } = keyState(records)
    expect([accountSeed.length, pendingList.length]).toEqual([0, 0])
    const { account, device } = loadAccount(records)!
    // The device's own key is not the account's: a list that it signs is nobody's.
    const forged = makeDeviceList(nodeCrypto, accountKeys({ ...account, privateKey: device.privateKey }), {
      ...{ handle: 'alice', serverId: new Uint8Array(16), number: 1, previous: undefined, issuedAt: 1 },
      devices: [{ deviceKey: device.publicKey, listedAt: 1 }],
    })
    expect(() => readDeviceList(nodeCrypto, forged)).toThrow('signature')
  })
})

describe('a thief who ends the owner first', () => {
  test('loses the account to the words, and reads nothing new from then on', async () => {
    stolen('laptop')
    const stolenKey = hexOf(laptop)
    await laptop.close()
    const thief = await thiefComes()
    await thief.line('up')
    await thief.endpoint.revokeDevice(idOf(phone))
    const { line } = await phone.event('line', event => event.line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'revoked' })
    // It keeps its history.
    expect(textsOf(phone)).toContain('to both')

    const back = { seed: seedOf(words), asksBeforeJoining: true }
    await phone.close()
    const owner = await town.join('alice', server, { vault: 'phone', ...back })
    await owner.event('line', ({ line }) => line.state === 'stopped' && line.reason === 'not-listed')
    expect(owner.endpoint.devices().filter(({ isRevoked }) => !isRevoked)).toHaveLength(1)
    await owner.endpoint.join({ place: 'first', keep: [] })
    owner.endpoint.connect()
    await owner.line('up')
    await isShutOut(thief)

    await owner.event('conversation', ({ peer, state }) => peer === 'bob' && state === 'ready')
    await bob.holds(() => bob.endpoint.people().some(({ state }) => state === 'ready'))
    await owner.write('bob', 'it is me again')
    await hasText(bob, 'it is me again')
    await bob.write('alice', 'a secret')
    await hasText(owner, 'a secret')
    await town.clock.settled()
    // Members take it out one after the other's turn.
    for (let seconds = 0; seconds < 60 && (await isIn(bob, stolenKey)); seconds++) {
      town.clock.pass(1_000)
      await town.clock.settled()
    }
    expect(await isIn(bob, stolenKey)).toBe(false)
    expect(textsOf(thief)).not.toContain('a secret')
    await thief.close()
    await isShutOut(await thiefComes())
  })
})
