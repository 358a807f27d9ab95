// The sync engine as a whole, between endpoints and a relay in memory.

import { fromBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ChatRequestSchema, type OutgoingEnvelope } from '../../../../gen/parley/v1/chat_pb.js'
import { UPDATE_AFTER_MS, UPDATE_AFTER_SEALED } from '../../../../services/endpoint/groups/state/updates.js'
import { Records } from '../../../../services/endpoint/vault/records.js'
import type { RowChange, Table } from '../../../../services/endpoint/vault/vault.js'
import { aliceAndBob } from '../../../support/alice-and-bob.js'
import type { Person, Server, Town } from '../../../support/town.js'

const HOUR_MS = 3_600_000

let town: Town
let server: Server
let alice: Person
let bob: Person

beforeEach(async () => {
  ;({ town, server, alice, bob } = await aliceAndBob())
  await alice.write('bob', 'before')
  await bob.received(1)
  await bob.write('alice', 'seen')
  await Promise.all([alice.allAre('delivered'), bob.allAre('delivered')])
  await town.clock.settled()
})
afterEach(() => town.leave())

/** The envelopes that leave this person's device from here on. */
function watched(person: Person): OutgoingEnvelope[] {
  const sent: OutgoingEnvelope[] = []
  person.way.onRequest = (bytes, method) => {
    const frame = method.name === 'Chat' ? fromBinary(ChatRequestSchema, bytes).frame : undefined
    if (frame?.case === 'send') sent.push(...frame.value.envelopes)
    return [bytes]
  }
  return sent
}
/** Each counts once, also when it has to be sent again. */
const commits = (sent: readonly OutgoingEnvelope[]) =>
  new Set(
    sent.flatMap(({ envelope, clientSequence }) => (envelope.case === 'commit' ? [clientSequence] : [])),
  ).size
const textsOf = (person: Person) =>
  person
    .history()
    .filter(({ own }) => !own)
    .map(({ text }) => text)
const writes = (table: Table) => (changes: readonly RowChange[]) =>
  changes.some(change => 'put' in change && change.put === table)

describe('a text that is sealed', () => {
  test.each([
    ['and lost by the vault', false],
    ['and kept by the vault, which says that it is not', true],
  ])('%s does not leave; it is sent once when there is room again', async (_, kept) => {
    const sent = watched(alice)
    alice.disk.fail({ reason: 'full', kept, where: writes('outbox') })
    await alice.write('bob', 'sealed')
    const { line } = await alice.event('line', event => event.line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'vault' })
    await town.clock.settled()
    expect(sent.filter(({ clientSequence }) => clientSequence > 0n)).toEqual([])
    await alice.close()
    alice.disk.mend()
    const again = await town.join('alice', server)
    await again.line('up')
    await again.write('bob', 'after')
    expect(await bob.received(3)).toEqual(['before', 'sealed', 'after'])
    expect(bob.history().filter(({ kind }) => kind !== 'text')).toEqual([])
  })
})

describe('a delivery that cannot be saved', () => {
  test('can be delivered later, also by a server that keeps only what somebody lacks', async () => {
    bob.disk.fail({ reason: 'full', where: writes('messages') })
    await alice.write('bob', 'not saved')
    const { line } = await bob.event('line', event => event.line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'vault' })
    await alice.allAre('stored')
    await server.relay.expire()
    await bob.close()
    bob.disk.mend()
    const again = await town.join('bob', server)
    expect(await again.received(2)).toEqual(['before', 'not saved'])
    await alice.allAre('delivered')
    expect(again.history().filter(({ kind }) => kind !== 'text')).toEqual([])
  })
})

describe('fresh keys are committed', () => {
  test('24 hours after the last time, in a conversation in use', async () => {
    const sent = watched(alice)
    await alice.write('bob', 'the day begins')
    await alice.allAre('delivered')
    town.clock.pass(UPDATE_AFTER_MS - HOUR_MS)
    await alice.line('up')
    await alice.write('bob', 'an hour to go')
    await alice.allAre('delivered')
    expect(commits(sent)).toBe(0)
    town.clock.pass(HOUR_MS)
    await alice.holds(() => commits(sent) > 0)
    await alice.line('up')
    await alice.write('bob', 'in the new epoch')
    await alice.allAre('delivered')
    expect(textsOf(bob).at(-1)).toBe('in the new epoch')
    // More than one where bob, whose day is over as well, came first; and then none for another day.
    const made = commits(sent)
    town.clock.pass(UPDATE_AFTER_MS - HOUR_MS)
    await alice.line('up')
    await alice.write('bob', 'a day later')
    await alice.allAre('delivered')
    expect(commits(sent)).toBe(made)
  })

  test('at 1,000 seals', async () => {
    await alice.close()
    const vault = alice.disk.open()
    await new Records(vault, () => undefined).transaction(tx => {
      for (const { key, record } of tx.list('groups'))
        tx.put('groups', key, { ...record, sealedSinceCommit: UPDATE_AFTER_SEALED - 2n })
    })
    vault.close()
    alice = await town.join('alice', server)
    const sent = watched(alice)
    await alice.line('up')
    await alice.write('bob', 'one more')
    await alice.allAre('delivered')
    expect(commits(sent)).toBe(0)
    await alice.write('bob', 'the last')
    await alice.allAre('delivered')
    await alice.holds(() => commits(sent) > 0)
    await alice.write('bob', 'in the new epoch')
    await alice.allAre('delivered')
    const made = commits(sent)
    await alice.write('bob', 'still in it')
    await alice.allAre('delivered')
    expect(commits(sent)).toBe(made)
  })
})

describe('a line', () => {
  test('that is cut, and cut again, loses and doubles nothing', async () => {
    for (let times = 0; times < 5; times++) {
      await alice.write('bob', `a${times}`)
      alice.way.cut()
      await bob.write('alice', `b${times}`)
      bob.way.cut()
    }
    await Promise.all([alice.allAre('delivered'), bob.allAre('delivered')])
    expect(textsOf(bob)).toEqual(['before', 'a0', 'a1', 'a2', 'a3', 'a4'])
    expect(textsOf(alice)).toEqual(['seen', 'b0', 'b1', 'b2', 'b3', 'b4'])
  })

  test('on which nothing passes for a while is noticed, and what was held back is not doubled', async () => {
    alice.way.hold()
    await alice.write('bob', 'held back')
    const { line } = await alice.event('line', event => event.line.state === 'down')
    expect(line).toMatchObject({ cause: { code: 'silent' } })
    alice.way.release()
    await alice.allAre('delivered')
    expect(textsOf(bob)).toEqual(['before', 'held back'])
  })

  test('to a server that is gone is tried again; its endpoint can be closed meanwhile', async () => {
    await server.stop()
    await alice.line('down')
    await alice.close()
    expect(alice.events.filter(event => event.type === 'line').at(-1)?.line.state).not.toBe('stopped')
  })
})

test('an endpoint that no server is known of connects to nothing, and closes', async () => {
  const carol = await town.open('carol')
  carol.endpoint.connect()
  await carol.close()
  expect(carol.events).toEqual([])
})
