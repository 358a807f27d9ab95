// The server wants to read a conversation that is known already. It makes the victim lose the group's state, and hands it
// a welcome to a group of its own, under the same id or as the next one, with one of the key packages that it keeps for
// the victim. It has got all that a member holds, but for anybody's keys: the chain, and the device lists.

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { DeliveredWelcome, Envelope } from '../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { Held } from '../../services/endpoint/groups/state/held.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { accountKeys } from '../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../services/protocol/signature.js'
import { extended } from '../support/chain-by-force.js'
import { type Claim, forgedWelcome, ownRoom, pairOf } from '../support/forged-groups.js'
import { certifiedFor, listOf } from '../support/known-accounts.js'
import { accountOn, devicesInGroupsOn, groupsOn } from '../support/modified-client.js'
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
function puttingInPlace(
  { groupId: conversationId }: Held,
  { groupId }: Claim,
  value: DeliveredWelcome,
): typeof meddle {
  const places: bigint[] = []
  return envelope => {
    const { sequence, envelope: what } = envelope
    if (Buffer.compare(envelope.conversationId, conversationId) !== 0) return envelope
    if (!places.includes(sequence) && what.case === 'application' && places.length < 2) places.push(sequence)
    if (sequence === places[1])
      return { ...envelope, conversationId: groupId, envelope: { case: 'welcome', value } }
    if (sequence !== places[0] || what.case !== 'application') return envelope
    const ciphertext = what.value.ciphertext.slice()
    ciphertext[EPOCH_AT]! += 9
    return { ...envelope, envelope: { ...what, value: { ...what.value, ciphertext } } }
  }
}

const idOf = ({ device }: OwnAccount) => Buffer.from(device.publicKey).toString('hex')
const refused = (person: Person) =>
  person.events.filter(each => each.type === 'notice' && each.notice.code === 'invitation-refused').length
const ready = (person: Person) =>
  person.events.filter(each => each.type === 'conversation' && each.state === 'ready').length

/** Waits until the victim has taken the welcome or refused it, and sees that nobody new is in any of its groups. */
async function attack(by: OwnAccount, known: Held, claimOf: Claiming) {
  const claim = claimOf(by, { ...known, epoch: known.epoch + 5n })
  meddle = puttingInPlace(known, claim, await forgedWelcome(by, [victim!.disk], claim))
  const before = ready(victim!)
  return async () => {
    await victim!.holds(() => refused(victim!) > 0 || ready(victim!) > before)
    expect(await devicesInGroupsOn(victim!.disk)).not.toContain(idOf(by))
    expect(refused(victim!)).toBe(1)
  }
}

/** The group says this of itself. */
type Claiming = (by: OwnAccount, known: Held) => Claim

const listsIn = ({ ledger }: Held) => ledger.accounts.map(({ devices }) => devices.lists[0].list)
const another = (known: Held): Held => ({ ...known, groupId: randomBytes(16), epoch: 1n })
const nextOne = (known: Held): Held => ({ ...another(known), incarnation: known.incarnation + 1 })

test.each<[string, Claiming]>([
  [
    'somebody who goes by the same handle, under the same id',
    (by, known) => pairOf(known, [listOf(by), accountOn(victim!.disk).list]),
  ],
  ['a stranger’s leaf in their conversation, under the same id', (_, known) => known],
  ['a stranger’s leaf in their conversation, as the next group', (_, known) => nextOne(known)],
  ['a stranger’s leaf in their conversation, as one that goes on beside it', (_, known) => another(known)],
  ['a room, under the same id', (by, known) => ownRoom(known, by, { with: listsIn(known) })],
])('with the other one of two in it: %s', async (_what, claimOf) => {
  const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
  await Promise.all([alice.line('up'), bob.line('up')])
  await bob.write('alice', 'hello')
  await alice.received(1)
  await alice.write('bob', 'hello to you')
  await bob.received(1)
  victim = alice
  const eve = certifiedFor(makeAccount('bob'), accountOn(alice.disk).list.serverId)
  const [known] = await groupsOn(alice.disk)
  const isOver = await attack(eve, known!, claimOf)
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

test('as the other one, with what they have signed for another server', async () => {
  const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
  await Promise.all([alice.line('up'), bob.line('up')])
  await bob.write('alice', 'hello')
  await alice.received(1)
  victim = alice
  const bobs = accountOn(bob.disk)
  const account = accountKeys(keyPairOf(crypto, seedOf(bob.endpoint.recoveryPhrase()!)))
  const by = { ...bobs, ...certifiedFor({ ...bobs, account }, randomBytes(16)) }
  const [known] = await groupsOn(alice.disk)
  const claim = nextOne(known!)
  meddle = puttingInPlace(known!, claim, await forgedWelcome(by, [alice.disk], claim))
  const before = ready(alice)
  await bob.write('alice', 'one', 'two')
  await alice.holds(() => refused(alice) > 0 || ready(alice) > before)
  expect(refused(alice)).toBe(1)
})

const adding = (by: OwnAccount, known: Held) =>
  extended(known, by, {
    changes: [{ kind: 'add', accountKey: by.account.publicKey }],
    groupId: known.groupId,
    epoch: 0n,
  })

test.each<[string, Claiming]>([
  ['as the admin of a room of theirs, under the same id', (by, known) => ownRoom(known, by)],
  [
    'as the admin of a room of theirs with all members, under the same id',
    (by, known) => ownRoom(known, by, { with: listsIn(known) }),
  ],
  ['by a leaf in the room, under the same id', (_, known) => known],
  ['by a leaf in the room, as the next group', (_, known) => nextOne(known)],
  ['by an entry of theirs that adds them, under the same id', adding],
  ['by an entry of theirs that adds them, as the next group', (by, known) => adding(by, nextOne(known))],
])('into a room: %s', async (_what, claimOf) => {
  const [alice, bob, carol] = (await openRoom(town, server, ['alice', 'bob', 'carol'])) as [
    Person,
    Person,
    Person,
  ]
  victim = carol
  const eve = certifiedFor(makeAccount('eve'), accountOn(carol.disk).list.serverId)
  const [known] = await groupsOn(carol.disk)
  const isOver = await attack(eve, known!, claimOf)
  await say(alice, 'one')
  await say(bob, 'two')
  await isOver()
  // Honest members take her in again.
  await say(bob, 'three')
  await carol.holds(() => carol.endpoint.history(roomOf(carol)!.number).some(({ text }) => text === 'three'))
  expect(await devicesInGroupsOn(carol.disk)).not.toContain(idOf(eve))
})
