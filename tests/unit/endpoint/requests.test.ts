// Strangers ask first, on real endpoints and a real relay.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { seedOf } from '../../../services/protocol/identity/recovery-phrase.js'
import { aliceAndBob } from '../../support/alice-and-bob.js'
import type { Person, Server, Town } from '../../support/town.js'

let town: Town
let server: Server
let alice: Person
let bob: Person
beforeEach(async () => {
  const holding = { requests: 'hold' } as const
  ;({ town, server, alice, bob } = await aliceAndBob({ alice: holding, bob: holding }))
})
afterEach(async () => {
  await town.leave()
})

const asks = async (person: Person) => await person.holds(() => person.endpoint.requests().length > 0)

describe('somebody', () => {
  test('who was written to first is no stranger', async () => {
    await alice.write('bob', 'hello')
    await asks(bob)
    await bob.endpoint.admit('bob').catch(() => undefined)
    await bob.endpoint.admit('alice')
    await alice.allAre('delivered')
    await bob.write('alice', 'hello yourself')
    expect(await alice.received(1)).toEqual(['hello yourself'])
    expect(alice.events.some(({ type }) => type === 'request')).toBe(false)
  })

  test('who is let in is shown with all that they have said, in its order', async () => {
    await alice.write('bob', 'one', 'two')
    await bob.holds(() => bob.endpoint.requests()[0]?.lines.length === 2)
    expect(bob.events.filter(({ type }) => type === 'message')).toEqual([])
    await bob.endpoint.admit('alice')
    const told = bob.events.flatMap(event => (event.type === 'message' ? [event.entry.text] : []))
    expect(told).toEqual(['one', 'two'])
    expect(bob.endpoint.requests()).toEqual([])
    await alice.allAre('delivered')
  })

  test('who is written to is let in', async () => {
    await alice.write('bob', 'hello')
    await asks(bob)
    await bob.write('alice', 'hello')
    await alice.allAre('delivered')
    expect(await bob.received(1)).toEqual(['hello'])
    expect(await alice.received(1)).toEqual(['hello'])
  })

  test('who is blocked waits no more', async () => {
    await alice.write('bob', 'hello')
    await asks(bob)
    await bob.endpoint.block('alice')
    expect(bob.endpoint.requests()).toEqual([])
  })

  test('who waits for nothing cannot be let in, or declined', async () => {
    const why = { code: 'no-request', handle: 'carol' }
    await expect(bob.endpoint.admit('carol')).rejects.toMatchObject({ why })
    await expect(bob.endpoint.decline('carol')).rejects.toMatchObject({ why })
  })
})

describe('a room of a stranger', () => {
  test('is entered when they are let in', async () => {
    const room = await alice.endpoint.createRoom({ name: 'tea', historyDays: 0, invite: ['bob'] })
    await asks(bob)
    expect(bob.endpoint.requests()).toMatchObject([{ peer: '#tea', from: 'alice' }])
    await bob.endpoint.admit('#tea')
    const [joined] = bob.endpoint.conversations().filter(({ kind }) => kind === 'room')
    await bob.endpoint.send(joined!.number, 'thank you')
    await alice.holds(() => alice.endpoint.history(room).some(({ text }) => text === 'thank you'))
  })

  test('that is declined is left', async () => {
    const room = await alice.endpoint.createRoom({ name: 'tea', historyDays: 0, invite: ['bob'] })
    await alice.holds(() => alice.endpoint.room(room).members.length === 2)
    await asks(bob)
    await bob.endpoint.decline('#tea')
    await alice.holds(() => alice.endpoint.room(room).members.length === 1)
    expect(bob.endpoint.conversations()).toEqual([])
  })
})

test('of two devices one decides, and the other one follows', async () => {
  const { phraseSeed } = await linked()
  const tablet = await town.join('bob', server, { requests: 'hold', vault: 'tablet', seed: phraseSeed })
  await tablet.line('up')
  await bob.holds(() => bob.endpoint.devices().length === 2)
  await town.clock.settled()
  await alice.write('bob', 'hello')
  await asks(bob)
  await asks(tablet)
  await bob.endpoint.admit('alice')
  await tablet.holds(() => tablet.endpoint.requests().length === 0)
  expect(await tablet.received(1)).toEqual(['hello'])
})

const linked = async () => ({ phraseSeed: seedOf(bob.endpoint.recoveryPhrase() ?? '') })
