// The place that the tests of conversations have: what they rely on.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { FakeClock } from '../../support/memory/clock.js'
import { newTown, type Town } from '../../support/town.js'

describe('its clock', () => {
  let clock: FakeClock
  let done: string[]
  beforeEach(() => {
    clock = new FakeClock(1000)
    done = []
  })
  const note = (what: string) => () => void done.push(`${what} at ${clock.now()}`)

  test('stands still until it is moved; what is due then is done once, in its order', () => {
    clock.after(30, note('late'))
    clock.after(10, note('early'))
    clock.every(10, note('again'))
    expect({ now: clock.now(), done }).toEqual({ now: 1000, done: [] })
    clock.pass(100)
    expect(done).toEqual(['early at 1100', 'again at 1100', 'late at 1100'])
  })

  test('goes on to the next timer where somebody waits, and no further than it has to', async () => {
    clock.after(5_000, note('first'))
    clock.after(9_000, note('second'))
    await clock.until(
      () => done[0],
      () => new Error('in vain'),
    )
    expect(done).toHaveLength(1)
    expect(clock.now()).toBeLessThan(6_100)
  })

  test('waits for what is under way before it goes on', async () => {
    clock.after(10, note('time'))
    const work = async () => {
      for (let turn = 0; turn < 100; turn++) {
        await new Promise(setImmediate)
        clock.touch()
      }
      note('work')()
    }
    const worked = work()
    await clock.until(
      () => done[1],
      () => new Error('in vain'),
    )
    await worked
    expect(done[0]).toMatch(/^work/)
  })

  test('tells at once that something is waited for in vain', async () => {
    const never = () => undefined
    const inVain = () => new Error('in vain')
    await expect(clock.until(never, inVain)).rejects.toThrow('in vain')
    clock.every(60_000, note('again'))
    await expect(clock.until(never, inVain)).rejects.toThrow('in vain')
    await expect(clock.run(new Promise(() => undefined))).rejects.toThrow(/could settle/)
  })
})

describe('a town', () => {
  let town: Town
  beforeEach(async () => {
    town = await newTown()
  })
  afterEach(() => town.leave())

  test('has a conversation of two endpoints in one process, in well under a second', async () => {
    const begun = performance.now()
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', 'hello')
    expect(await bob.received(1)).toEqual(['hello'])
    await bob.write('alice', 'hi')
    expect(await alice.received(1)).toEqual(['hi'])
    await Promise.all([alice.allAre('delivered'), bob.allAre('delivered')])
    // A tenth of that where nothing else runs; a busy machine takes its time.
    expect(performance.now() - begun).toBeLessThan(5_000)
  })

  test('tells who waits in vain, for what, and what happened', async () => {
    const server = await town.server()
    const alice = await town.join('alice', server)
    await expect(alice.line('stopped')).rejects.toThrow(
      /^alice waited in vain for line stopped; what happened:\n.*"line"/,
    )
  })

  test('keeps what a vault and a server hold, until they are lost', async () => {
    const server = await town.server()
    const alice = await town.join('alice', server)
    await alice.line('up')
    await alice.close()
    await server.restart()
    const again = await town.join('alice', server)
    await again.line('up')
    await again.close()
    await server.stop()
    town.loseData()
    await server.restart()
    // Somebody else may have the handle then.
    const other = await town.join('alice', server, { vault: 'another' })
    await other.line('up')
  })
})

describe('a way', () => {
  let town: Town
  beforeEach(async () => {
    town = await newTown()
  })
  afterEach(() => town.leave())

  test('can be cut, taken down and held, for one endpoint alone', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await Promise.all([alice.line('up'), bob.line('up')])
    alice.way.cut()
    await alice.event('line', ({ line }) => line.state === 'down')
    await alice.line('up')
    alice.way.goDown()
    await alice.line('down')
    town.clock.pass(60_000)
    await town.clock.settled()
    expect(alice.events.at(-1)).toMatchObject({ line: { state: 'down', cause: { code: 'unreachable' } } })
    alice.way.comeUp()
    await alice.line('up')
    alice.way.hold()
    await alice.line('down')
    alice.way.release()
    await alice.line('up')
  })

  test('can drop and alter what passes', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    bob.way.onResponse = (bytes, method) => (method.name === 'Chat' ? [] : [bytes])
    await alice.write('bob', 'unheard')
    await alice.allAre('stored')
    await bob.line('down')
    expect(bob.history()).toEqual([])
    bob.way.onResponse = bytes => [bytes]
    expect(await bob.received(1)).toEqual(['unheard'])
  })
})
