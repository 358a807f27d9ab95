// Real endpoints on a relay, and in a vault, that says no.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { EndpointEvent } from '../../../services/endpoint/events.js'
import { newTown, numbered, type Town } from '../../support/town.js'

type Noticed = Extract<EndpointEvent, { type: 'notice' }>

jest.setTimeout(20_000)

let town: Town
beforeEach(async () => {
  town = await newTown()
})
afterEach(async () => {
  await town.leave()
})

describe('limits', () => {
  test('texts that are refused as stale are sealed anew and arrive once', async () => {
    const server = await town.server({ limits: { pastEpochs: 0 } })
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    // Bob's first commit passes while these are on their way.
    await alice.write('bob', ...numbered(300))
    expect(await bob.received(300)).toEqual(numbered(300))
    await alice.allAre('delivered')
    expect(bob.history()).toHaveLength(300)
  })

  test('a server that slows down gets everything in its order', async () => {
    const server = await town.server({ limits: { sendsPerSecond: 20, envelopesPerSend: 4 } })
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', ...numbered(150))
    expect(await bob.received(150)).toEqual(numbered(150))
    await alice.allAre('delivered')
    expect(bob.history()).toHaveLength(150)
  })

  test('a conversation that the server refuses is told of, and not tried again at once', async () => {
    const server = await town.server({ limits: { conversationsPerDevice: 1 } })
    const [alice, bob, carol] = [
      await town.join('alice', server),
      await town.join('bob', server),
      await town.join('carol', server),
    ]
    await Promise.all([bob.line('up'), carol.line('up')])
    await alice.write('bob', 'hello')
    await alice.allAre('delivered')
    await alice.write('carol', 'hello')
    const isRefusal = ({ notice }: Noticed) => notice.code === 'not-opened' && notice.peer === 'carol'
    await alice.event('notice', isRefusal)
    await alice.write('bob', 'still here?')
    expect(await bob.received(2)).toEqual(['hello', 'still here?'])
    const refusals = alice.events.filter(event => event.type === 'notice' && isRefusal(event))
    expect(refusals).toHaveLength(1)
    await alice.holds(() => alice.endpoint.unsettled().unsent === 1)
  })

  test('a text over the limit, and half of a character, are dealt with before they are kept', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    const longest = 'x'.repeat(64 * 1024)
    await alice.write('bob', longest, 'half \ud83d')
    await expect(alice.write('bob', `${longest}x`)).rejects.toMatchObject({ why: { code: 'text-too-long' } })
    expect(await bob.received(2)).toEqual([longest, 'half \ufffd'])
    expect(alice.history()).toHaveLength(2)
  })

  test('a vault that is full stops the line with nothing lost', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', 'hello')
    await alice.allAre('delivered')
    await bob.close()
    const small = await town.join('bob', server, { maxBytes: 1_200_000 })
    await small.line('up')
    const long = numbered(30, 'y'.repeat(40_000))
    await alice.write('bob', ...long)
    const { line } = await small.event('line', ({ line }) => line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'vault' })
    await small.close()
    const roomy = await town.join('bob', server)
    expect(await roomy.received(31)).toEqual(['hello', ...long])
    await alice.allAre('delivered')
  })
})
