// Somebody wants a program on the other side to end, and to end again at every start, by something that it keeps: a
// time that no calendar has, a number that no vault has a key for.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import { jsonOf, jsonOfEntry } from '../../services/client/words/json.js'
import { countOf } from '../../services/endpoint/ids.js'
import { sayByForce } from '../support/modified-client.js'
import { isKind, isOf } from '../support/room.js'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

jest.setTimeout(30_000)

const NEVER = [2n ** 63n - 1n, -(2n ** 63n)]

const HIGHEST = 2n ** 64n - 1n

let town: Town
let server: Server
let meddle: (envelope: Envelope) => Envelope
let alice: Person
let bob: Person

beforeEach(async () => {
  town = await newTown()
  meddle = envelope => envelope
  server = await town.server({
    meddle: (read, device) => ({
      ...read,
      envelopes: alice && isOf(alice, device) ? read.envelopes.map(meddle) : read.envelopes,
    }),
  })
  alice = await town.join('alice', server)
  bob = await town.join('bob', server, { vault: 'mallory' })
  await Promise.all([alice.line('up'), bob.line('up')])
  await bob.write('alice', 'hello')
  await alice.received(1)
  await bob.allAre('delivered')
})
afterEach(async () => {
  await town.leave()
})

test.each(NEVER)('a contact whose texts are of a time that is none (%s)', async time => {
  await bob.close()
  await sayByForce(bob.disk, 'from the end of time', { sentAtMs: time })
  bob = await town.join('bob', server, { vault: 'mallory' })
  expect(await alice.received(2)).toEqual(['hello', 'from the end of time'])
  for (const event of alice.events) expect(jsonOf(event)).toBeDefined()
  for (const entry of alice.history())
    expect(jsonOfEntry(entry)).toMatchObject({ sentAt: expect.any(String) })
})

test.each(NEVER)('the server, by when it says that it has stored something (%s)', async storedAtMs => {
  meddle = envelope => (isKind('application')(envelope) ? { ...envelope, storedAtMs } : envelope)
  await bob.write('alice', 'from no time')
  await alice.event('line', ({ line }) => line.state === 'down' && line.cause.code === 'wrong-numbers')
  meddle = envelope => envelope
  await alice.received(2)
  for (const entry of alice.history())
    expect(jsonOfEntry(entry)).toMatchObject({ sentAt: expect.any(String) })
})

test.each<[string, () => Parameters<typeof sayByForce>[1]]>([
  [
    'asks again for',
    () => ({
      case: 'resendRequest',
      value: { deviceId: alice.endpoint.account()!.deviceKey, counts: [HIGHEST] },
    }),
  ],
  ['has nothing to say again of', () => ({ case: 'nothingToResend', value: { counts: [HIGHEST] } })],
  [
    'has received',
    () => ({
      case: 'receipt',
      value: { delivered: [{ deviceId: alice.endpoint.account()!.deviceKey, count: HIGHEST }] },
    }),
  ],
])('a contact who %s what nobody has counted to', async (_what, body) => {
  await bob.close()
  await sayByForce(bob.disk, body())
  await sayByForce(bob.disk, 'again', { resentCount: countOf(HIGHEST) })
  await sayByForce(bob.disk, 'still there?')
  bob = await town.join('bob', server, { vault: 'mallory' })
  expect(await alice.received(2)).toEqual(['hello', 'still there?'])
  await alice.write('bob', 'still here')
  await bob.received(1)
})

test('a contact who counts on from a number that no vault has a key for', async () => {
  await bob.close()
  await sayByForce(bob.disk, 'the last one', { count: countOf(2n ** 63n) })
  bob = await town.join('bob', server, { vault: 'mallory' })
  await alice.received(2)
  await alice.write('bob', 'still here')
  await bob.received(1)
})
