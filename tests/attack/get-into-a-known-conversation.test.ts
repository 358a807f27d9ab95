// The server wants to read a conversation that is known already. It makes the victim lose the group's state, and hands it
// a welcome to a group of its own under the same id, with one of the key packages that it keeps for the victim.

import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../gen/parley/content/v1/room_pb.js'
import type { DeliveredWelcome, Envelope } from '../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../services/endpoint/contacts/account.js'
import { devicesInGroupsOn, forgedWelcome, groupsOn } from '../support/modified-client.js'
import { isOf, openRoom, roomOf, say } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(30_000)

/** The last byte of the epoch in an MLSMessage with a PrivateMessage: behind version, format and a group id of 16 bytes. */
const EPOCH_AT = 2 + 2 + 1 + 16 + 7

let town: Town
let server: Server
/** The fate of what the victim reads. */
let meddle: (envelope: Envelope) => Envelope
let victim: Person | undefined

beforeEach(async () => {
  town = await newTown()
  meddle = envelope => envelope
  server = await town.server({
    meddle: (read, device) => ({
      ...read,
      envelopes: victim && isOf(victim, device) ? read.envelopes.map(meddle) : read.envelopes,
    }),
  })
})
afterEach(async () => {
  victim = undefined
  await town.leave()
})

/** The next text is made one of keys that are to come, and in the place of the one after stands the welcome. */
function puttingInPlace(conversationId: Uint8Array, value: DeliveredWelcome): typeof meddle {
  const places: bigint[] = []
  return envelope => {
    const { sequence, envelope: what } = envelope
    if (Buffer.compare(envelope.conversationId, conversationId) !== 0) return envelope
    if (!places.includes(sequence) && what.case === 'application' && places.length < 2) places.push(sequence)
    if (sequence === places[1]) return { ...envelope, envelope: { case: 'welcome', value } }
    if (sequence !== places[0] || what.case !== 'application') return envelope
    const ciphertext = what.value.ciphertext.slice()
    ciphertext[EPOCH_AT]! += 9
    return { ...envelope, envelope: { ...what, value: { ...what.value, ciphertext } } }
  }
}

const roomOfTheServer = (by: OwnAccount) =>
  toBinary(
    GroupSettingsSchema,
    create(GroupSettingsSchema, {
      ...{ kind: GroupKind.ROOM, name: 'tea' },
      admins: [{ handle: by.handle, accountKey: by.account.publicKey }],
    }),
  )
const idOf = ({ device }: OwnAccount) => Buffer.from(device.publicKey).toString('hex')
const refused = (person: Person) =>
  person.events.filter(each => each.type === 'notice' && each.notice.code === 'invitation-refused').length
const ready = (person: Person) =>
  person.events.filter(each => each.type === 'conversation' && each.state === 'ready').length

/** Waits until the victim has taken the welcome or refused it, and sees that nobody new is in any of its groups. */
async function attack(by: OwnAccount, conversation: Awaited<ReturnType<typeof groupsOn>>[number]) {
  const forged = { ...conversation, epoch: conversation.epoch + 5n }
  meddle = puttingInPlace(conversation.conversationId, await forgedWelcome(by, [victim!.disk], forged))
  const before = ready(victim!)
  return async () => {
    await victim!.holds(() => refused(victim!) > 0 || ready(victim!) > before)
    expect(await devicesInGroupsOn(victim!.disk)).not.toContain(idOf(by))
    expect(refused(victim!)).toBe(1)
  }
}

test.each([
  ['somebody who goes by the same handle', () => undefined],
  ['a room', roomOfTheServer],
])('with the other one of two in it: %s', async (_what, settingsOf) => {
  const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
  await Promise.all([alice.line('up'), bob.line('up')])
  await bob.write('alice', 'hello')
  await alice.received(1)
  await alice.write('bob', 'hello to you')
  await bob.received(1)
  victim = alice
  const eve = makeAccount('bob')
  const [conversation] = await groupsOn(alice.disk)
  const isOver = await attack(eve, { ...conversation!, settings: settingsOf(eve) })
  await bob.write('alice', 'one', 'two')
  await isOver()
  // The other one takes her in again, and says again what she missed.
  await alice.holds(() => ready(alice) > 1)
  await bob.write('alice', 'three')
  await alice.received(4)
  await alice.write('bob', 'for bob alone')
  await bob.received(2)
  expect(await devicesInGroupsOn(alice.disk)).not.toContain(idOf(eve))
})

test('into a room: as a member, or as its admin', async () => {
  const [alice, bob, carol] = (await openRoom(town, server, ['alice', 'bob', 'carol'])) as [
    Person,
    Person,
    Person,
  ]
  victim = carol
  const eve = makeAccount('eve')
  const [conversation] = await groupsOn(carol.disk)
  const isOver = await attack(eve, { ...conversation!, settings: roomOfTheServer(eve) })
  await say(alice, 'one')
  await say(bob, 'two')
  await isOver()
  // Honest members take her in again.
  await say(bob, 'three')
  await carol.holds(() => carol.endpoint.history(roomOf(carol)!.number).some(({ text }) => text === 'three'))
  expect(await devicesInGroupsOn(carol.disk)).not.toContain(idOf(eve))
})
