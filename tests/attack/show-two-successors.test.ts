// Two members with modified programs each make a group in place of a room, and the server shows one half of the honest
// members the one, the other half the other, or all of them both.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import { equalBytes, toHex } from '../../services/protocol/bytes.js'
import { succeedByForce } from '../support/forged-groups.js'
import { accountOn, devicesInGroupsOn, roomOn } from '../support/modified-client.js'
import { hears, isOf, members, openRoom, roomOf, say } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(60_000)

let town: Town
let server: Server
/** Whether this device is shown nothing of this conversation. */
let hides: (conversationId: Uint8Array, reader: Uint8Array) => boolean

beforeEach(async () => {
  town = await newTown()
  hides = () => false
  server = await town.server({
    meddle: (read, reader) => ({
      ...read,
      envelopes: read.envelopes.filter(envelope => !hides(conversationOf(envelope), reader)),
    }),
  })
})
afterEach(() => town.leave())

const conversationOf = ({ conversationId, envelope }: Envelope): Uint8Array =>
  envelope.case === 'successor' ? envelope.value.conversationId : conversationId

/** Each of them makes one with all members in it; the ids of both, the first one first. */
async function succeedTwice(makers: readonly Person[], invited: readonly Person[]): Promise<Uint8Array[]> {
  const ids: Uint8Array[] = []
  for (const maker of makers) await maker.close()
  for (const maker of makers) {
    await succeedByForce(maker.disk, { invited })
    ids.push((await roomOn(maker.disk)).groupId)
  }
  return ids
}

async function open(): Promise<{ honest: Person[]; makers: Person[] }> {
  const people = await openRoom(town, server, ['alice', 'bob', 'carol', 'dave', 'mallory', 'trudy'])
  return { honest: people.slice(0, 4), makers: people.slice(4) }
}

async function talk(people: readonly Person[], word: string): Promise<void> {
  for (const each of people) await say(each, `${each.handle}: ${word}`)
  for (const each of people) await hears(each, ...people.map(({ handle }) => `${handle}: ${word}`))
}

/** Nobody got in or out, and nobody has other rights. */
async function isAsBefore(honest: readonly Person[], makers: readonly Person[]): Promise<void> {
  const known = [...honest, ...makers].map(({ disk }) => toHex(accountOn(disk).device.publicKey)).sort()
  for (const each of honest) {
    expect(members(each)).toEqual(['alice', 'bob', 'carol', 'dave', 'mallory', 'trudy'])
    const admins = each.endpoint.room(roomOf(each)!.number).members.filter(({ isAdmin }) => isAdmin)
    expect(admins.map(({ handle }) => handle)).toEqual(['alice'])
    for (const id of await devicesInGroupsOn(each.disk)) expect(known).toContain(id)
  }
}

test('to all: everybody goes on in the last one', async () => {
  const { honest, makers } = await open()
  const [, last] = await succeedTwice(makers, honest)
  for (const { handle } of makers) {
    await (await town.join(handle, server)).line('up')
    await town.clock.settled()
  }
  await talk(honest, 'after it')
  await isAsBefore(honest, makers)
  for (const each of honest) expect(toHex((await roomOn(each.disk)).groupId)).toBe(toHex(last!))
})

test('to each half another one: each half goes on among members alone', async () => {
  const { honest, makers } = await open()
  const [one, other] = (await succeedTwice(makers, honest)) as [Uint8Array, Uint8Array]
  const halves = [honest.slice(0, 2), honest.slice(2)] as const
  const isIn = (half: readonly Person[], reader: Uint8Array) => half.some(each => isOf(each, reader))
  hides = (id, reader) =>
    (equalBytes(id, other) && isIn(halves[0], reader)) || (equalBytes(id, one) && isIn(halves[1], reader))
  for (const { handle } of makers) {
    await (await town.join(handle, server)).line('up')
    await town.clock.settled()
  }
  for (const half of halves) await talk(half, 'in this half')
  for (const [at, half] of halves.entries())
    for (const each of half) expect(toHex((await roomOn(each.disk)).groupId)).toBe(toHex([one, other][at]!))
  await isAsBefore(honest, makers)
})
