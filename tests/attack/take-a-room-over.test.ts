// A member who is no admin wants to be one. With an altered program they break the room for everybody by a commit that
// nobody can open, and welcome all others to a group of their own under its id.

import { randomBytes } from 'node:crypto'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { type GroupSettings, GroupSettingsSchema } from '../../gen/parley/content/v1/room_pb.js'
import type { OwnAccount } from '../../services/endpoint/contacts/account.js'
import { accountOn, forgedWelcome, groupsOn, sendByForce } from '../support/modified-client.js'
import { openRoom, others, roomOf } from '../support/room.js'
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

type Change = (settings: GroupSettings, mallory: OwnAccount) => GroupSettings

test.each<[string, Change]>([
  [
    'with themselves as the admin',
    (settings, { handle, account }) => ({
      ...settings,
      admins: [{ $typeName: 'parley.content.v1.Admin', handle, accountKey: account.publicKey }],
    }),
  ],
  ['with another name', settings => ({ ...settings, name: 'mine' })],
])('%s', async (_how, change) => {
  const [alice, bob, mallory] = (await openRoom(town, server, ['alice', 'bob', 'mallory'])) as [
    Person,
    Person,
    Person,
  ]
  const victims = [alice, bob]
  await mallory.close()
  const [room] = await groupsOn(mallory.disk)
  const account = accountOn(mallory.disk)
  const settings = toBinary(
    GroupSettingsSchema,
    change(fromBinary(GroupSettingsSchema, room!.settings!), account),
  )
  const forged = { ...room!, settings, epoch: room!.epoch + 5n }
  const { welcome } = await forgedWelcome(
    account,
    victims.map(({ disk }) => disk),
    forged,
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
  const isRefused = (person: Person) =>
    person.events.some(each => each.type === 'notice' && each.notice.code === 'invitation-refused')
  for (const victim of victims) {
    const joined = () => others(victim).filter(line => line.includes('you are in the room')).length
    const before = joined()
    await victim.holds(() => isRefused(victim) || joined() > before)
    expect(isRefused(victim)).toBe(true)
    expect(roomOf(victim)!.peer).toBe('#tea')
    const { members } = victim.endpoint.room(roomOf(victim)!.number)
    expect(members.filter(({ isAdmin }) => isAdmin).map(({ handle }) => handle)).toEqual(['alice'])
  }
})
