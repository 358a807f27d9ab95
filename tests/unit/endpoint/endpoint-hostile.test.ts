// A server that alters, drops, repeats or misdirects what it delivers: nothing of it passes in silence.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { newTown, type Person, type Server, type Town } from '../../support/town.js'

jest.setTimeout(20_000)

let town: Town
/** The server's treatment of the envelopes that a device reads. */
let meddle: (envelopes: Envelope[]) => Envelope[]
let server: Server
let alice: Person
let bob: Person

beforeEach(async () => {
  town = await newTown()
  meddle = envelopes => envelopes
  server = await town.server({ meddle: read => ({ ...read, envelopes: meddle(read.envelopes) }) })
  alice = await town.join('alice', server)
  bob = await town.join('bob', server)
  await bob.line('up')
  await alice.write('bob', 'before')
  await bob.write('alice', 'seen')
  await Promise.all([alice.allAre('delivered'), bob.allAre('delivered')])
})
afterEach(async () => {
  await town.leave()
})

const isApplication = ({ envelope }: Envelope) => envelope.case === 'application'
/** Applies to the first application envelope that is read from here on. */
function once(change: (envelope: Envelope) => Envelope[]): void {
  let isDone = false
  meddle = envelopes =>
    envelopes.flatMap(envelope => {
      if (isDone || !isApplication(envelope)) return [envelope]
      isDone = true
      return change(envelope)
    })
}
const kinds = () => bob.history().map(({ kind, own }) => (own ? 'own' : kind))

test('an envelope that is dropped is shown as a gap when the next one comes', async () => {
  once(() => [])
  await alice.write('bob', 'lost')
  await alice.allAre('stored')
  await alice.write('bob', 'after')
  expect(await bob.received(2)).toEqual(['before', 'after'])
  expect(bob.history().find(({ kind }) => kind === 'gap')).toMatchObject({
    peer: 'alice',
    from: 'alice',
    cause: { code: 'gap', from: 'alice', count: 1n },
  })
})

test('an envelope that is altered is shown as unreadable, and the next one is read', async () => {
  once(envelope => {
    if (envelope.envelope.case !== 'application') throw new Error('not an application envelope')
    const ciphertext = Uint8Array.from(envelope.envelope.value.ciphertext)
    ciphertext[ciphertext.length - 1]! ^= 1
    const value = { ...envelope.envelope.value, ciphertext }
    return [{ ...envelope, envelope: { case: 'application', value } }]
  })
  await alice.write('bob', 'broken')
  await alice.write('bob', 'after')
  expect(await bob.received(2)).toEqual(['before', 'after'])
  expect(kinds()).toContain('unreadable')
})

test('an envelope that comes again, under another place in the order, is not shown as a text again', async () => {
  once(envelope => [envelope, { ...envelope, sequence: envelope.sequence + 1n }])
  await alice.write('bob', 'once')
  await bob.received(2)
  await bob.holds(() => kinds().includes('unreadable'))
  expect(bob.history().filter(({ text }) => text === 'once')).toHaveLength(1)
})

test('an envelope that comes again in its place changes nothing', async () => {
  once(envelope => [envelope, envelope])
  await alice.write('bob', 'once')
  await bob.received(2)
  await alice.allAre('delivered')
  expect(kinds().sort()).toEqual(['own', 'text', 'text'])
})

test('garbage in the place of an envelope is shown as unreadable', async () => {
  once(envelope => [
    envelope,
    {
      ...envelope,
      sequence: envelope.sequence + 1n,
      envelope: {
        case: 'application',
        value: {
          $typeName: 'parley.v1.ApplicationEnvelope',
          epoch: 1n,
          ciphertext: Uint8Array.of(1, 2, 3),
        },
      },
    },
  ])
  await alice.write('bob', 'fine')
  await bob.holds(() => kinds().includes('unreadable'))
  expect(await bob.received(2)).toEqual(['before', 'fine'])
})

test('a place in the order that no server gives takes the line down, not the process', async () => {
  once(envelope => [{ ...envelope, sequence: 2n ** 64n - 1n }])
  await alice.write('bob', 'still comes')
  const { line } = await bob.event('line', ({ line }) => line.state === 'down')
  expect(line).toMatchObject({ cause: { code: 'wrong-numbers' } })
  expect(await bob.received(2)).toEqual(['before', 'still comes'])
})

test('what was kept too long is told, with how many there were', async () => {
  await bob.close()
  once(envelope => [
    {
      ...envelope,
      envelope: { case: 'missed', value: { $typeName: 'parley.v1.MissedEnvelopes', count: 3n } },
    },
  ])
  await alice.write('bob', 'too old')
  await alice.allAre('stored')
  bob = await town.join('bob', server)
  await bob.holds(() =>
    bob
      .history()
      .some(entry => entry.kind === 'gap' && entry.cause.code === 'expired' && entry.cause.count === 3n),
  )
})

test('what was kept too long of a conversation that is not here yet is told', async () => {
  const carol = await town.join('carol', server)
  await carol.line('up')
  meddle = envelopes =>
    envelopes.flatMap(envelope =>
      envelope.envelope.case === 'welcome'
        ? [
            {
              ...envelope,
              envelope: { case: 'missed', value: { $typeName: 'parley.v1.MissedEnvelopes', count: 2n } },
            },
          ]
        : [envelope],
    )
  await alice.write('carol', 'hello')
  await carol.event('notice', ({ notice }) => notice.code === 'welcome-expired' && notice.count === 2n)
})

test('a welcome that is garbage is told of and leaves everything else alone', async () => {
  const carol = await town.join('carol', server)
  await carol.line('up')
  meddle = envelopes =>
    envelopes.map(envelope =>
      envelope.envelope.case === 'welcome'
        ? {
            ...envelope,
            envelope: {
              case: 'welcome',
              value: { ...envelope.envelope.value, welcome: Uint8Array.of(0, 1, 2) },
            },
          }
        : envelope,
    )
  await carol.write('alice', 'hello')
  await alice.event('notice', ({ notice }) => notice.code === 'invitation-refused')
  await alice.write('bob', 'still here')
  expect(await bob.received(2)).toEqual(['before', 'still here'])
})

test('a commit of which the server says another roster change is nobody’s: it is told of, and changes nothing', async () => {
  const carol = await town.join('carol', server)
  await carol.line('up')
  meddle = envelopes =>
    envelopes.map(envelope => {
      if (envelope.envelope.case !== 'commit') return envelope
      const rosterChange = {
        $typeName: 'parley.v1.RosterChange' as const,
        addedDeviceIds: [new Uint8Array(32)],
        removedDeviceIds: [],
      }
      return {
        ...envelope,
        envelope: { case: 'commit', value: { ...envelope.envelope.value, rosterChange } },
      }
    })
  // Carol's first commit after joining.
  await alice.write('carol', 'hello')
  await alice.event(
    'message',
    ({ entry }) => entry.kind === 'unreadable' && entry.cause.code === 'not-signed',
  )
})
