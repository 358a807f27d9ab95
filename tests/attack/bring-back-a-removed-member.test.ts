// Somebody who was removed from a room wants to be in it again: by what was true before. A server helps them, or a member
// with a modified program.

import { fromBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { DeliveredWelcome, Envelope } from '../../gen/parley/v1/chat_pb.js'
import { SignedRejoinStatementSchema } from '../../gen/parley/v1/rejoin_pb.js'
import type { Held } from '../../services/endpoint/groups/state/held.js'
import { equalBytes } from '../../services/protocol/bytes.js'
import { commitByForce } from '../support/forced-commits.js'
import { type Claim, forgedWelcome } from '../support/forged-groups.js'
import {
  accountOn,
  devicesInGroupsOn,
  type ListedAccount,
  rejoinOn,
  roomOn,
} from '../support/modified-client.js'
import { hears, isOf, members, openRoom, others, roomOf, say, textsOf } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(30_000)

/** The last byte of the epoch in an MLSMessage with a PrivateMessage: behind version, format and a group id of 16 bytes. */
const EPOCH_AT = 2 + 2 + 1 + 16 + 7

let town: Town
let server: Server
let meddle: (envelope: Envelope, reader: Uint8Array) => Envelope
let alice: Person
let bob: Person
let carol: Person
let mallory: Person
/** Carol's way into the room, when mallory was in it. */
let oldWelcome: DeliveredWelcome | undefined
/** As mallory has it from before. */
let oldRoom: Held
let oldRequest: Uint8Array
let removed: ListedAccount

beforeEach(async () => {
  town = await newTown()
  oldWelcome = undefined
  meddle = envelope => {
    if (envelope.envelope.case === 'welcome') oldWelcome = envelope.envelope.value
    return envelope
  }
  server = await town.server({
    meddle: (read, device) => ({
      ...read,
      envelopes: read.envelopes.map(envelope => meddle(envelope, device)),
    }),
  })
  const people = await openRoom(town, server, ['alice', 'bob', 'mallory', 'carol'])
  ;[alice, bob, mallory, carol] = people as [Person, Person, Person, Person]
  oldRoom = await roomOn(mallory.disk)
  oldRequest = await rejoinOn(mallory.disk)
  removed = accountOn(mallory.disk)
  await alice.endpoint.changeRoom(roomOf(alice)!.number, { kind: 'remove', handle: 'mallory' })
  for (const each of [alice, bob, carol]) await each.holds(() => !members(each).includes('mallory'))
  await town.clock.settled()
})
afterEach(() => town.leave())

async function isOut(): Promise<void> {
  const honest = [alice, bob, carol]
  for (const each of honest) await say(each, `${each.handle} without mallory`)
  for (const each of honest) await hears(each, ...honest.map(({ handle }) => `${handle} without mallory`))
  await town.clock.settled()
  const id = Buffer.from(removed.device.publicKey).toString('hex')
  for (const each of honest) {
    expect(members(each)).not.toContain('mallory')
    expect(await devicesInGroupsOn(each.disk)).not.toContain(id)
  }
  expect(textsOf(mallory).filter(text => text.includes('without mallory'))).toEqual([])
}

const refused = (person: Person) =>
  person.events.filter(each => each.type === 'notice' && each.notice.code === 'invitation-refused').length

/** The next text is made one of keys that are to come, and in the place of the one after carol is handed the welcome. */
function handing(value: DeliveredWelcome, groupId: Uint8Array): void {
  const places: bigint[] = []
  meddle = (envelope, reader) => {
    const { conversationId, sequence, envelope: what } = envelope
    if (!isOf(carol, reader) || !equalBytes(conversationId, oldRoom.groupId)) return envelope
    if (!places.includes(sequence) && what.case === 'application' && places.length < 2) places.push(sequence)
    if (sequence === places[1])
      return { ...envelope, conversationId: groupId, envelope: { case: 'welcome', value } }
    if (sequence !== places[0] || what.case !== 'application') return envelope
    const ciphertext = what.value.ciphertext.slice()
    ciphertext[EPOCH_AT]! += 9
    return { ...envelope, envelope: { ...what, value: { ...what.value, ciphertext } } }
  }
}

const next = (room: Held): Claim => ({
  ...room,
  groupId: new Uint8Array(16).fill(7),
  epoch: 1n,
  incarnation: 2,
})

test.each<[string, () => Promise<{ welcome: DeliveredWelcome; groupId: Uint8Array }>]>([
  ['her own welcome of before', async () => ({ welcome: oldWelcome!, groupId: oldRoom.groupId })],
  [
    'a group of theirs with the chain of before, under the same id',
    async () => {
      const claim = { ...oldRoom, epoch: oldRoom.epoch + 20n }
      return { welcome: await forgedWelcome(removed, [carol.disk], claim), groupId: claim.groupId }
    },
  ],
  [
    'a group of theirs with the chain of before, as the next one',
    async () => {
      const claim = next(oldRoom)
      return { welcome: await forgedWelcome(removed, [carol.disk], claim), groupId: claim.groupId }
    },
  ],
  [
    'a group of theirs with the chain as it is',
    async () => {
      const claim = next(await roomOn(alice.disk))
      return { welcome: await forgedWelcome(removed, [carol.disk], claim), groupId: claim.groupId }
    },
  ],
])('a member who has lost the room is handed %s', async (_, make) => {
  const { welcome, groupId } = await make()
  handing(welcome, groupId)
  await say(alice, 'one')
  await say(bob, 'two')
  await carol.holds(() => refused(carol) > 0)
  meddle = envelope => envelope
  await carol.holds(() => others(carol).filter(line => line.includes('you are in the room')).length === 2)
  await isOut()
})

test('the members are shown a request of before', async () => {
  const value = fromBinary(SignedRejoinStatementSchema, oldRequest)
  let isDone = false
  meddle = (envelope, reader) => {
    if (isDone || !isOf(bob, reader) || envelope.envelope.case !== 'application') return envelope
    isDone = true
    return { ...envelope, envelope: { case: 'rejoin', value } }
  }
  await say(alice, 'one')
  await town.clock.settled()
  expect(isDone).toBe(true)
  await isOut()
  expect(others(bob).filter(line => line.includes('a device of mallory has lost'))).toEqual([])
})

test.each([
  ['a request of before', () => ({ basis: { rejoins: [oldRequest] } })],
  ['nothing', () => ({})],
])('a member commits their leaf, resting on %s', async (_, force) => {
  await bob.close()
  await commitByForce(bob.disk, { add: [removed], ...force() })
  bob = await town.join('bob', server)
  await bob.line('up')
  for (const each of [alice, carol]) {
    await each.holds(() => others(each).some(line => line.includes('bob changed it in a way')))
    await each.holds(() => others(each).includes('event: alice removed bob'))
    expect(members(each)).toEqual(['alice', 'carol'])
    const id = Buffer.from(removed.device.publicKey).toString('hex')
    expect(await devicesInGroupsOn(each.disk)).not.toContain(id)
  }
  await say(alice, 'without both')
  await hears(carol, 'without both')
})
