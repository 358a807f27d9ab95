// A person at a terminal: what the screen shows from the first start to Ctrl-C.

import { describe, expect, test } from '@jest/globals'
import { PATIENCE_MS } from '../support/processes.js'
import { noTerminalBecause, startAtTerminal, type TerminalProcess } from '../support/pseudo-terminal.js'
import { type Server, type World, withWorld } from '../support/world.js'

const COLUMNS = 40
const CTRL_C = '\x03'
const ENTER = '\r'

const left = noTerminalBecause()
const atTerminal = left ? test.skip : test
const title = left ? ` (left out: ${left})` : ''

/** A server with its console in a pipe, and a client at a terminal. */
const withTerminal = (
  use: (place: { world: World; server: Server; client: TerminalProcess }) => Promise<void>,
) =>
  withWorld(async world => {
    const server = await world.server({ console: 'on' })
    const client = startAtTerminal(
      'client/main.js',
      [server.address, '--data', world.folder('alice')],
      COLUMNS,
    )
    try {
      await use({ world, server, client })
    } finally {
      client.kill()
    }
  })

/** Answers the first question, and waits for the prompt of the conversation with the operator. */
async function introduce(client: TerminalProcess, handle: string): Promise<void> {
  await client.shows(/your handle:/)
  client.type(`${handle}${ENTER}`)
  await client.shows(new RegExp(`^${handle} → operator>`, 'm'))
}

describe(`a client at a terminal${title}`, () => {
  atTerminal(
    'asks who one is, shows marks, helps, and leaves at Ctrl-C',
    async () => {
      await withTerminal(async ({ world, server, client }) => {
        await client.shows(/your handle:/)
        client.type(`Not A Handle${ENTER}`)
        await client.shows(/a handle/i)
        await introduce(client, 'alice')
        client.type(`hello 🙂 operator${ENTER}`)
        await client.shows(/hello 🙂 operator.*✓✓/)
        await server.stdout.find(/alice: hello 🙂 operator$/)

        client.type(`/help${ENTER}`)
        await client.shows(/\/to HANDLE/)
        client.type(CTRL_C)
        expect(await client.ended).toBe(0)
        const [entry] = await world.transcript('alice')
        expect(entry).toMatchObject({ text: 'hello 🙂 operator', state: 'delivered' })
      })
    },
    PATIENCE_MS,
  )

  atTerminal(
    'keeps the line that is being typed while messages arrive, at 40 columns',
    async () => {
      await withTerminal(async ({ server, client }) => {
        await introduce(client, 'alice')
        client.type('half a th')
        await client.shows(/^alice → operator> half a th$/m)
        const long = 'a message that is wider than the screen of forty columns is'
        server.write(`@alice ${long}\n@alice \u001b[2Jand one that would clear it\n`)
        const text = await client.shows(/and one that would/)
        expect(text.split('\n').every(row => row.length <= COLUMNS)).toBe(true)
        client.type('ought')
        await client.shows(/^alice → operator> half a thought$/m)
        client.type(ENTER)
        await server.stdout.find(/alice: half a thought$/)
        await client.shows(/half a thought.*✓✓/)
      })
    },
    PATIENCE_MS,
  )

  atTerminal(
    'shows that the line is down',
    async () => {
      await withTerminal(async ({ server, client }) => {
        await introduce(client, 'alice')
        client.type(`before${ENTER}`)
        await client.shows(/before.*✓✓/)
        await server.stop()
        await client.shows(/line down|line to the server is\s+down/)
        client.type(`meanwhile${ENTER}`)
        await client.shows(/meanwhile.*·/)
        client.type(`/quit${ENTER}`)
        expect(await client.ended).toBe(0)
      })
    },
    PATIENCE_MS,
  )
})
