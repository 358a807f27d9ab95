// Somebody who had the 24 words for a while wants to stay in the conversations of the account when its owner has taken it
// back: a list with a number that no list of the owner's can have is put into a group, past the server and its clock.

import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { CommitBundleSchema } from '../../gen/parley/v1/chat_pb.js'
import { signed } from '../../services/endpoint/groups/heads.js'
import { planCommit } from '../../services/protocol/conversation/commit-verdict.js'
import {
  MAX_LIST_NUMBER,
  makeDeviceList,
  readDeviceList,
} from '../../services/protocol/identity/device-list.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { accountKeys, type DeviceKey } from '../../services/protocol/keys.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../services/protocol/signature.js'
import { DAY_MS } from '../../services/protocol/time.js'
import { openAs, pairOf } from '../support/forged-groups.js'
import { accountOn, byForce, devicesInGroupsOn, queueByForce } from '../support/modified-client.js'
import { hears, openRoom, say, textsOf } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(60_000)

let town: Town
let server: Server
let laptop: Person
let bob: Person
let thief: Person
let seed: Uint8Array

const idOf = (person: Person): DeviceKey => person.endpoint.account()!.deviceKey
const hexOf = (person: Person) => Buffer.from(idOf(person)).toString('hex')

beforeEach(async () => {
  town = await newTown()
  server = await town.server()
  const people = await openRoom(town, server, ['bob', 'alice'])
  bob = people[0]!
  laptop = people[1]!
  seed = seedOf(laptop.endpoint.recoveryPhrase()!)
  town.clock.pass(5_000)
  thief = await town.join('alice', server, { vault: 'thief', seed })
  await thief.event('conversation', ({ peer, state }) => peer === '#tea' && state === 'ready')
})
afterEach(() => town.leave())

/** No list of the owner's can be newer. */
function lastList(disk: Person['disk'], number = MAX_LIST_NUMBER): Uint8Array {
  const { account, list } = accountOn(disk)
  return makeDeviceList(nodeCrypto, accountKeys({ ...account, ...keyPairOf(nodeCrypto, seed) }), {
    ...list,
    ...{ number, previous: list.hash },
  })
}

/** The thief's program tells the room of that list. */
async function listAhead(number?: number): Promise<void> {
  await thief.close()
  const { publicKey: committer } = accountOn(thief.disk).device
  const lists = [lastList(thief.disk, number)]
  await byForce(thief.disk, async (unit, group) => {
    const { context } = unit
    const planned = planCommit(nodeCrypto, group.held, { committer, basis: { lists } })
    const made = await context.engine.commit(group.state, {
      add: [],
      remove: [],
      settings: planned.groupState!,
      authenticatedData: planned.basis,
    })
    const { epoch } = group.held
    const roster = { addedDeviceIds: [], removedDeviceIds: [] }
    const bundle = { epoch, commit: made.commit, welcomes: [], rosterChange: roster }
    const commitBundle = toBinary(
      CommitBundleSchema,
      create(CommitBundleSchema, signed(context, group.state, bundle)),
    )
    queueByForce(unit, group, commitBundle)
  })
  thief = await town.join('alice', server, { vault: 'thief' })
  await thief.line('up')
  await town.clock.settled()
}

/** The owner takes the account back and keeps no other device. */
async function recover(): Promise<void> {
  await laptop.close()
  town.clock.pass(5_000)
  laptop = await town.join('alice', server, { vault: 'alice', seed, asksBeforeJoining: true })
  await laptop.event('line', ({ line }) => line.state === 'stopped' && line.reason === 'not-listed')
  await laptop.endpoint.join({ place: 'first', keep: [] })
  laptop.endpoint.connect()
  await laptop.line('up')
  await thief.event('line', ({ line }) => line.state === 'stopped')
}

async function expectShutOut(): Promise<void> {
  for (let seconds = 0; seconds < 90 && (await devicesInGroupsOn(bob.disk)).has(hexOf(thief)); seconds++) {
    town.clock.pass(1_000)
    await town.clock.settled()
  }
  expect([...(await devicesInGroupsOn(bob.disk))]).not.toContain(hexOf(thief))
  await say(bob, 'without the thief')
  await hears(laptop, 'without the thief')
  expect(textsOf(thief)).not.toContain('without the thief')
}

test('the owner’s next list ends the thief’s device in the rooms, too', async () => {
  await listAhead()
  await recover()
  await expectShutOut()
})

test('also one that is signed where nobody has heard of the thief’s, which is as far ahead as may be', async () => {
  laptop.way.goDown()
  await laptop.line('down')
  await listAhead(Math.trunc((town.clock.now() + DAY_MS) / 1000) - 1)
  town.clock.pass(600_000)
  laptop.way.comeUp()
  await recover()
  await expectShutOut()
})

test('nor is a group joined that begins with such a list', async () => {
  const mallory = await town.join('mallory', server)
  await mallory.line('up')
  seed = seedOf(mallory.endpoint.recoveryPhrase()!)
  await mallory.close()
  await openAs(mallory.disk, {
    ...{ handle: 'mallory', victim: bob },
    claim: (at, [, victim]) =>
      pairOf({ ...at, incarnation: 9 }, [readDeviceList(nodeCrypto, lastList(mallory.disk)), victim]),
  })
  const forged = await town.join('mallory', server)
  await forged.line('up')
  const { notice } = await bob.event('notice', event => event.notice.code === 'invitation-refused')
  expect(notice).toMatchObject({ why: { code: 'not-right' } })
})
