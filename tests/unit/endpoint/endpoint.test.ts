// Two real endpoints on a real relay: together, away and back.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { HOST, newTown, numbered, type Town } from '../../support/town.js'

jest.setTimeout(20_000)

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
      await one.endpoint.prepare({ handle: one.handle, address: { host: HOST, port: server.port } })
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

describe('away and back', () => {
  test('what is written to somebody who is away arrives when they are back', async () => {
    const server = await town.server()
    const bob = await town.join('bob', server)
    await bob.line('up')
    await bob.close()
    const alice = await town.join('alice', server)
    await alice.write('bob', ...numbered(3))
    await alice.allAre('stored')
    const back = await town.join('bob', server)
    expect(await back.received(3)).toEqual(numbered(3))
    await alice.allAre('delivered')
  })

  test('what is written to somebody who is not there yet waits for them, and is said to', async () => {
    const server = await town.server()
    const alice = await town.join('alice', server)
    await alice.write('bob', 'are you there?')
    await alice.event('notice', ({ notice }) => notice.code === 'absent' && notice.peer === 'bob')
    const bob = await town.join('bob', server)
    await bob.line('up')
    // A new line looks at once; the same one would after LOOK_AGAIN_MS.
    await server.restart()
    expect(await bob.received(1)).toEqual(['are you there?'])
  })

  test('texts that were not sent are sent at the next start, in their order', async () => {
    const server = await town.server()
    const bob = await town.join('bob', server)
    await bob.line('up')
    const alice = await town.open('alice')
    await alice.endpoint.prepare({ handle: 'alice', address: { host: HOST, port: server.port } })
    await alice.write('bob', ...numbered(100))
    expect(alice.endpoint.unsettled()).toEqual({ unsent: 100, undelivered: 100 })
    await alice.close()
    const again = await town.join('alice', server)
    expect(await bob.received(100)).toEqual(numbered(100))
    await again.allAre('delivered')
  })

  test('a receipt that was owed when its device stopped is sent at its next start', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', 'first')
    await alice.allAre('delivered')
    await alice.write('bob', 'second')
    await bob.received(2)
    await server.stop()
    await bob.close()
    expect(alice.history()).toMatchObject([{ state: 'delivered' }, { state: 'stored' }])
    await server.restart()
    await town.join('bob', server)
    await alice.allAre('delivered')
  })

  test('a device that leaves tells what it has before', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', 'hello')
    await bob.received(1)
    await bob.close()
    await alice.allAre('delivered')
  })

  test('a relay that is started again goes on where it was; the line is told to be down and up', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', 'before')
    await bob.received(1)
    await server.stop()
    await alice.line('down')
    await alice.write('bob', 'meanwhile')
    await server.restart()
    await alice.line('up')
    await bob.write('alice', 'after')
    expect(await bob.received(2)).toEqual(['before', 'meanwhile'])
    expect(await alice.received(1)).toEqual(['after'])
  })

  test('a relay that has lost its data gets the accounts and a new group; nothing is lost or doubled', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', ...numbered(5, 'old'))
    await alice.allAre('delivered')
    await server.stop()
    town.loseData()
    await alice.write('bob', ...numbered(5, 'new'))
    await server.restart()
    await Promise.all([alice.line('up'), bob.line('up')])
    expect(await bob.received(10)).toEqual([...numbered(5, 'old'), ...numbered(5, 'new')])
    await bob.write('alice', 'hi')
    expect(await alice.received(1)).toEqual(['hi'])
    await alice.allAre('delivered')
  })
})
