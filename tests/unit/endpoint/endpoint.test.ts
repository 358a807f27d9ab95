// Two and more real endpoints on a real relay.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { newTown, type Town } from '../../support/endpoints.js'

jest.setTimeout(90_000)

let town: Town
beforeEach(async () => {
  town = await newTown()
})
afterEach(async () => {
  await town.leave()
})

describe('a conversation', () => {
  test('is opened at first contact, goes both ways, and every text is told of at each step', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', 'hello', '')
    expect(await bob.received(2)).toEqual(['hello', ''])
    await bob.write('alice', 'hi')
    expect(await alice.received(1)).toEqual(['hi'])
    await Promise.all([alice.allAre('delivered'), bob.allAre('delivered')])
    const pins = [...alice.events, ...bob.events].filter(({ type }) => type === 'contact-pinned')
    expect(pins).toMatchObject([{ handle: 'bob' }, { handle: 'alice' }])
    const steps = alice.events.filter(event => event.type === 'state').map(({ state }) => state)
    expect(steps).toEqual(['stored', 'stored', 'delivered', 'delivered'])
    expect(alice.endpoint.unsettled()).toEqual({ unsent: 0, undelivered: 0 })
  })

  test('both begin at the same moment: all arrives once, and then goes through the same group', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.open('alice'), await town.open('bob')]
    for (const one of [alice, bob])
      one.endpoint.prepare({ handle: one.handle, address: { host: '127.0.0.1', port: server.port } })
    await Promise.all([alice.write('bob', 'from alice'), bob.write('alice', 'from bob')])
    alice.endpoint.connect()
    bob.endpoint.connect()
    await Promise.all([alice.allAre('delivered'), bob.allAre('delivered')])
    for (let turn = 0; turn < 5; turn++) {
      await alice.write('bob', `a${turn}`)
      await bob.received(turn + 2)
      await bob.write('alice', `b${turn}`)
      await alice.received(turn + 2)
    }
    expect(await bob.received(6)).toEqual(['from alice', 'a0', 'a1', 'a2', 'a3', 'a4'])
    expect(await alice.received(6)).toEqual(['from bob', 'b0', 'b1', 'b2', 'b3', 'b4'])
  })
})
