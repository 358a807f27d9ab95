// kill -9 of each process of a running exchange, at ten points each, and what both sides have afterwards.

import { describe, expect, test } from '@jest/globals'
import { checkExchange, clientSpeaker, nth, operatorSpeaker } from '../support/exchange.js'
import { PATIENCE_MS } from '../support/processes.js'
import { type Client, steadyPort, type World, withWorld } from '../support/world.js'

/** Ten times a client may notice only by its silence that the server is gone, which takes some 13 s. */
const LONG_MS = 5 * PATIENCE_MS

/** When to kill: at the `count`-th line of the output that fits, from the last start on. */
interface Point {
  count: number
  line: RegExp
}

const typed = /"own":true/
const stored = /"type":"state".*"state":"stored"/
const delivered = /"type":"state".*"state":"delivered"/
const heard = /"own":false/
const up = /"type":"line","state":"up"/
const connecting = /"type":"line","state":"connecting"/

/** Some in the midst of the exchange, some while the parts are still finding each other again. */
const POINTS: readonly Point[] = [
  { count: 5, line: stored },
  { count: 1, line: up },
  { count: 20, line: heard },
  { count: 12, line: delivered },
  { count: 1, line: connecting },
  { count: 30, line: typed },
  { count: 1, line: heard },
  { count: 2, line: delivered },
  { count: 1, line: stored },
  { count: 40, line: heard },
]

const at = (client: Client, { count, line }: Point) => nth(client, count, line)

/** A client that stays, in a conversation with `to`. */
const join = (world: World, address: string, handle: string, to: string) =>
  world.client(handle, address, { args: ['--to', to, '--follow'] })

/** Makes trouble at each point. The next one is watched for from before the trouble on: it may come during it. */
async function atEachPoint(client: Client, makeTrouble: () => Promise<void>): Promise<void> {
  let next = at(client, POINTS[0]!)
  for (const following of [...POINTS.slice(1), undefined]) {
    await next
    if (following) next = at(client, following)
    // Whether it failed is seen where it is waited for.
    next.catch(() => undefined)
    await makeTrouble()
  }
}

const isUp = (client: Client) => client.event(({ type, state }) => type === 'line' && state === 'up')

async function stopAll(...clients: readonly Client[]): Promise<void> {
  for (const client of clients) expect(await client.stop()).toEqual({ code: 0, signal: null })
}

describe('kill -9 at ten points of a running exchange', () => {
  test(
    'of the server; and somebody was away all the time',
    async () => {
      await withWorld(async world => {
        const port = await steadyPort()
        let server = await world.server({ port })
        const { address } = server
        const [alice, bob] = [join(world, address, 'alice', 'bob'), join(world, address, 'bob', 'alice')]
        const carol = join(world, address, 'carol', 'dave')
        const speakers = [clientSpeaker('alice'), clientSpeaker('bob'), clientSpeaker('carol')] as const
        const dave = world.client('dave', address, { args: ['--to', 'carol', '--wait-delivered'] })
        dave.write('I am going away\n')
        dave.endInput()
        expect((await dave.ended).code).toBe(0)

        for (const [index, client] of [alice, bob, carol].entries()) speakers[index]!.speakIn(client)
        await atEachPoint(alice, async () => {
          await server.stop('SIGKILL')
          server = await world.server({ port })
        })
        await Promise.all([speakers[0].finish(), speakers[1].finish()])
        const back = join(world, address, 'dave', 'carol')
        await speakers[2].finish()

        await stopAll(alice, bob, carol, back)
        checkExchange([await world.transcript('alice'), await world.transcript('bob')], speakers.slice(0, 2))
        checkExchange([await world.transcript('carol'), await world.transcript('dave')], speakers.slice(2))
      })
    },
    LONG_MS,
  )

  test(
    'of a client',
    async () => {
      await withWorld(async world => {
        const { address } = await world.server()
        const bob = join(world, address, 'bob', 'alice')
        const speakers = [clientSpeaker('alice'), clientSpeaker('bob')] as const
        speakers[1].speakIn(bob)
        let alice = join(world, address, 'alice', 'bob')
        for (const point of POINTS) {
          const reached = at(alice, point)
          speakers[0].speakIn(alice)
          await reached
          await alice.stop('SIGKILL')
          alice = join(world, address, 'alice', 'bob')
        }
        speakers[0].speakIn(alice)
        await Promise.all([speakers[0].finish(), speakers[1].finish()])

        await stopAll(alice, bob)
        checkExchange([await world.transcript('alice'), await world.transcript('bob')], speakers)
      })
    },
    LONG_MS,
  )

  test(
    "of the operator's process, which is the server's",
    async () => {
      await withWorld(async world => {
        const port = await steadyPort()
        let server = await world.server({ port, console: 'on' })
        const alice = join(world, server.address, 'alice', 'operator')
        await isUp(alice)
        const arrived = async (text: string) => {
          await alice.event(event => event.type === 'message' && event.own === false && event.text === text)
        }
        const speakers = [clientSpeaker('alice'), operatorSpeaker('operator', 'alice', arrived)] as const
        speakers[0].speakIn(alice)
        speakers[1].speakIn(server)
        await atEachPoint(alice, async () => {
          await server.stop('SIGKILL')
          server = await world.server({ port, console: 'on' })
          speakers[1].speakIn(server)
        })
        await Promise.all([speakers[0].finish(), speakers[1].finish()])

        await stopAll(alice)
        expect(await server.stop()).toEqual({ code: 0, signal: null })
        checkExchange([await world.transcript('alice'), await world.transcript('server/operator')], speakers)
      })
    },
    LONG_MS,
  )
})
