// A member who is no admin wants to be one. With an altered program they break the room for everybody by a commit that
// nobody can open, and welcome all others to a group of their own under its id.

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Held } from '../../services/endpoint/groups/state/held.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import { extended } from '../support/chain-by-force.js'
import { type Claim, forgedWelcome, ownRoom } from '../support/forged-groups.js'
import { accountOn, type ListedAccount, roomOn, sendByForce } from '../support/modified-client.js'
import { hears, members, openRoom, others, roomOf, say } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(30_000)

let town: Town
let server: Server
beforeEach(async () => {
  town = await newTown()
  server = await town.server()
})
afterEach(async () => {
  await town.leave()
})

/** Mallory's group says this of itself. */
type Claiming = (known: Held, mallory: ListedAccount) => Claim

const withEntries =
  (change: (mallory: ListedAccount) => Change): Claiming =>
  (known, mallory) =>
    extended(known, mallory, { changes: [change(mallory)], groupId: known.groupId, epoch: known.epoch })

const asNext =
  (claim: Claiming): Claiming =>
  (known, mallory) =>
    claim({ ...known, incarnation: known.incarnation + 1 }, mallory)

const makesItself = withEntries(({ account }) => ({ kind: 'make-admin', accountKey: account.publicKey }))
const names = withEntries(() => ({ kind: 'settings', settings: { name: 'mine', topic: '', historyDays: 0 } }))

test.each<[string, Claiming]>([
  ['with themselves as the admin, by an entry of theirs', makesItself],
  ['with themselves as the admin, as the next group', asNext(makesItself)],
  ['with another name', names],
  [
    'in a room of their own with the same members',
    (known, mallory) =>
      ownRoom(known, mallory, { with: known.ledger.accounts.map(({ devices }) => devices.lists[0].list) }),
  ],
  ['as it is, though nobody has asked for it', known => known],
])('%s', async (_how, claimOf) => {
  const people = (await openRoom(town, server, ['alice', 'bob', 'mallory'])) as [Person, Person, Person]
  const [alice, bob, mallory] = people
  const victims = [alice, bob]
  await mallory.close()
  const known = await roomOn(mallory.disk)
  const account = accountOn(mallory.disk)
  const claim = claimOf({ ...known, epoch: known.epoch + 5n }, account)
  const { welcome } = await forgedWelcome(
    account,
    victims.map(({ disk }) => disk),
    claim,
  )
  const devices = victims.map(({ endpoint }) => endpoint.account()!.deviceKey)
  const garbage = () => randomBytes(400)
  await sendByForce(mallory.disk, [
    { commit: garbage() },
    { commit: garbage(), rosterChange: { removedDeviceIds: devices } },
    {
      commit: garbage(),
      rosterChange: { addedDeviceIds: devices },
      welcomes: [{ deviceIds: devices, welcome }],
    },
  ])
  await (await town.join('mallory', server)).line('up')
  for (const victim of victims) {
    await victim.holds(() => others(victim).some(line => line.includes('mallory changed it in a way')))
    await victim.holds(() => others(victim).includes('event: alice removed mallory'))
  }
  await say(alice, 'from alice')
  await say(bob, 'from bob')
  for (const victim of victims) {
    await hears(victim, 'from alice', 'from bob')
    expect(members(victim)).toEqual(['alice', 'bob'])
    expect(roomOf(victim)!.peer).toBe('#tea')
    const { members: all } = victim.endpoint.room(roomOf(victim)!.number)
    expect(all.filter(({ isAdmin }) => isAdmin).map(({ handle }) => handle)).toEqual(['alice'])
  }
})
