// The first conversation: a server with its operator's console, clients in pipes, all of them real processes.

import { describe, expect, test } from '@jest/globals'
import { PATIENCE_MS } from '../support/processes.js'
import { type Client, type Server, withWorld } from '../support/world.js'

const connected = (client: Client) => client.event(({ type, state }) => type === 'line' && state === 'up')
const arrived = (client: Client, text: string) =>
  client.event(event => event.type === 'message' && !event.own && event.text === text)

/** Sends one line, and waits until the server has it and the operator's device has it. */
async function say(client: Client, server: Server, { from, text }: { from: string; text: string }) {
  const before = client.stdout.all.length
  client.write(`${text}\n`)
  const { id } = await client.event(event => event.type === 'message' && event.text === text, before)
  await client.event(event => event.type === 'state' && event.id === id && event.state === 'stored', before)
  await client.event(
    event => event.type === 'state' && event.id === id && event.state === 'delivered',
    before,
  )
  await server.stdout.find(line => line.endsWith(` ${from}: ${text}`))
}

describe('a conversation between a client and the operator', () => {
  test(
    'goes both ways, with marks at both ends',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const alice = world.client('alice', server.address, { args: ['--follow'] })
        await say(alice, server, { from: 'alice', text: 'hello operator' })

        server.write('@alice hello alice\n')
        expect(await arrived(alice, 'hello alice')).toMatchObject({ from: 'operator', state: 'received' })
        server.write('/to alice\nand here I stay\n')
        await arrived(alice, 'and here I stay')
        await say(alice, server, { from: 'alice', text: 'good' })

        expect(await alice.stop()).toEqual({ code: 0, signal: null })
        expect(await server.stop()).toEqual({ code: 0, signal: null })
        const told = [
          ['alice', 'hello operator'],
          ['operator', 'hello alice'],
          ['operator', 'and here I stay'],
          ['alice', 'good'],
        ]
        for (const [data, own] of [
          ['alice', 'alice'],
          ['server/operator', 'operator'],
        ] as const) {
          const entries = await world.transcript(data)
          expect(entries.map(({ from, text }) => [from, text])).toEqual(told)
          for (const { from, state } of entries)
            expect([from, state]).toEqual([from, from === own ? 'delivered' : 'received'])
        }
      })
    },
    PATIENCE_MS,
  )

  test(
    'several clients at once: the operator sees who wrote, and answers whom he means',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const handles = ['alice', 'bob', 'carol'] as const
        const clients = handles.map(handle => world.client(handle, server.address, { args: ['--follow'] }))
        await Promise.all(clients.map(connected))
        await Promise.all(
          clients.map((client, at) =>
            say(client, server, { from: handles[at]!, text: `I am ${handles[at]}` }),
          ),
        )
        for (const handle of handles) server.write(`@${handle} only for ${handle}\n`)
        await Promise.all(clients.map((client, at) => arrived(client, `only for ${handles[at]}`)))
        server.write('/to bob\nstill only for bob\n')
        await arrived(clients[1]!, 'still only for bob')

        await Promise.all(clients.map(client => client.stop()))
        await server.stop()
        for (const handle of handles) {
          const heard = (await world.transcript(handle)).filter(({ own }) => !own).map(({ text }) => text)
          const more = handle === 'bob' ? ['still only for bob'] : []
          expect(heard).toEqual([`only for ${handle}`, ...more])
        }
      })
    },
    PATIENCE_MS,
  )

  test(
    '/who lists who is there, /help what there is',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        server.write('/who\n')
        await server.stdout.find(/nobody yet/)
        const alice = world.client('alice', server.address, { args: ['--follow'] })
        await say(alice, server, { from: 'alice', text: 'here I am' })
        server.write('/who\n')
        await server.stdout.find(/\balice {2}(here|away), last heard \d{4}-\d\d-\d\d/)
        server.write('/help\n')
        await server.stdout.find(/\/to HANDLE\S* +write to/)
        await server.stdout.find(/\/who +who is here/)
        server.write('/nonsense\n')
        await server.stdout.find(/there is no \/nonsense: \/help lists/)
        server.write('@nobody-here are you coming?\n')
        await server.stdout.find(/nobody-here is not on this server yet: what you write waits/)
      })
    },
    PATIENCE_MS,
  )

  test(
    'what is written to somebody who is not there yet arrives when they are',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const alice = world.client('alice', server.address, { args: ['--to', 'bob', '--wait-delivered'] })
        alice.write('early\n')
        alice.endInput()
        await alice.event(
          event => event.type === 'notice' && /bob is not on this server yet/.test(event.text ?? ''),
        )
        const bob = world.client('bob', server.address, { args: ['--to', 'alice', '--follow'] })
        await arrived(bob, 'early')
        expect(await alice.ended).toEqual({ code: 0, signal: null })
      })
    },
    PATIENCE_MS,
  )
})
