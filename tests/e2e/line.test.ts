// The line between a client and the server: it dies, it comes back, it is ended in peace.

import { describe, expect, test } from '@jest/globals'
import { PATIENCE_MS } from '../support/processes.js'
import { tcpProxy } from '../support/tcp-proxy.js'
import { type Client, type ClientEvent, steadyPort, withWorld } from '../support/world.js'

/** A dead line is noticed within this, in ms (the README says so), and what a busy machine adds. */
const NOTICED_MS = 15_000
const SLACK_MS = 3_000
/** A graceful stop, in ms. */
const STOP_MS = 5_000

const line = (client: Client, state: string) =>
  client.event(event => event.type === 'line' && event.state === state, client.stdout.all.length)

/** Says it, and waits until the other side has heard it. */
async function tell(from: Client, to: Client, text: string): Promise<ClientEvent> {
  const heard = to.event(event => event.type === 'message' && event.own === false && event.text === text)
  from.write(`${text}\n`)
  return await heard
}

describe('a line', () => {
  test(
    'that is frozen is noticed within 15 s, and used again when it is thawed',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const wire = await tcpProxy(server.port)
        const bob = world.client('bob', server.address, { args: ['--to', 'alice', '--follow'] })
        const alice = world.client('alice', wire.address, { args: ['--to', 'bob', '--follow'] })
        await tell(alice, bob, 'before')
        await tell(bob, alice, 'before too')

        const down = line(alice, 'down')
        const frozenAt = Date.now()
        wire.freeze()
        alice.write('into the cold\n')
        bob.write('to one who does not hear\n')
        expect((await down).cause).toMatch(/nothing was heard for \d+ s/)
        expect(Date.now() - frozenAt).toBeLessThan(NOTICED_MS + SLACK_MS)

        const up = line(alice, 'up')
        wire.thaw()
        await up
        await bob.event(({ text, own }) => text === 'into the cold' && own === false)
        await alice.event(({ text, own }) => text === 'to one who does not hear' && own === false)
        await tell(alice, bob, 'after')
        await tell(bob, alice, 'after too')
        await Promise.all([alice.stop(), bob.stop()])
        await wire.close()
        const texts = (await world.transcript('alice')).map(({ from, text }) => `${from}: ${text}`)
        expect(texts.sort()).toEqual(
          [
            'alice: before',
            'bob: before too',
            'alice: into the cold',
            'bob: to one who does not hear',
            'alice: after',
            'bob: after too',
          ].sort(),
        )
      })
    },
    2 * PATIENCE_MS,
  )

  test(
    'comes back by itself when the server is started again, for both directions',
    async () => {
      await withWorld(async world => {
        const port = await steadyPort()
        const first = await world.server({ port })
        const bob = world.client('bob', first.address, { args: ['--to', 'alice', '--follow'] })
        const alice = world.client('alice', first.address, { args: ['--to', 'bob', '--follow'] })
        await tell(alice, bob, 'one')
        await tell(bob, alice, 'two')

        const down = [alice, bob].map(client => line(client, 'down'))
        const stopping = Date.now()
        expect(await first.stop()).toEqual({ code: 0, signal: null })
        // With clients connected; a second for the process itself to end.
        expect(Date.now() - stopping).toBeLessThan(STOP_MS + 1000)
        for (const { cause } of await Promise.all(down)) expect(cause).toMatch(/shutting down/)
        alice.write('written while it is down\n')

        const up = [alice, bob].map(client => line(client, 'up'))
        await world.server({ port })
        await Promise.all(up)
        await bob.event(({ text, own }) => text === 'written while it is down' && own === false)
        await tell(alice, bob, 'three')
        await tell(bob, alice, 'four')
      })
    },
    PATIENCE_MS,
  )

  test(
    'is taken over by another process of the same device only when the vault is free',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const alice = world.client('alice', server.address, { args: ['--follow'] })
        await alice.event(({ type, state }) => type === 'line' && state === 'up')
        const second = world.client('alice', server.address)
        second.endInput()
        expect(await second.ended).toEqual({ code: 1, signal: null })
        expect(second.stderr.all.join('\n')).toMatch(/in use by another process/)
        alice.write('still here\n')
        await server.stdout.find(/alice: still here/)
      })
    },
    PATIENCE_MS,
  )

  test(
    'a graceful stop with a slow client on a frozen line ends within 5 s',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const wire = await tcpProxy(server.port)
        const alice = world.client('alice', wire.address, { args: ['--to', 'bob', '--follow'] })
        await alice.event(({ type, state }) => type === 'line' && state === 'up')
        wire.freeze()
        const stopping = Date.now()
        expect(await server.stop()).toEqual({ code: 0, signal: null })
        expect(Date.now() - stopping).toBeLessThan(STOP_MS + 1000)
        await alice.stop()
        await wire.close()
      })
    },
    PATIENCE_MS,
  )
})
