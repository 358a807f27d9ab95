import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { LineStopped } from '../../../../services/endpoint/codes/line-error.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { LineState } from '../../../../services/endpoint/events.js'
import { Line, type LineHandlers } from '../../../../services/endpoint/line/line.js'
import type { Way } from '../../../support/memory/network.js'
import { askedIn, type SaidFrame, ScriptedServer } from '../../../support/memory/scripted-server.js'

const account = makeAccount('alice')
const OPENED: SaidFrame = { case: 'opened', value: { pingIntervalMs: 5_000, deadAfterMs: 12_000 } }
const CAUGHT_UP: SaidFrame = { case: 'caughtUp', value: {} }

let server: ScriptedServer
let way: Way
let states: LineState[]
let told: string[]
let handlers: LineHandlers
let line: Line

beforeEach(() => {
  server = new ScriptedServer()
  way = server.network.way()
  states = []
  told = []
  handlers = {
    trust: async ({ certificate }) => ({ trust: { kind: 'pinned', certificate }, isFirst: false }),
    account: () => account,
    suite: () => 83,
    answered: answer => answer,
    asksServer: () => false,
    serverTold: async () => undefined,
    refused: async () => 'stop',
    cursor: () => new Uint8Array(),
    cursorRefused: async () => undefined,
    registration: () => ({ inviteToken: 'token' }),
    keyExchanged: async () => void told.push('keyExchanged'),
    onOpened: async () => void told.push('opened'),
    onFrame: async frame => void told.push(`${frame.case}`),
    onState: state => {
      states.push(state)
      server.clock.touch()
    },
  }
  // By chance the longest wait each time.
  const random = { bytes: (length: number) => new Uint8Array(length), fraction: () => 1 }
  line = new Line(server.address, { dialer: way, clock: server.clock, random }, handlers)
})
afterEach(() => server.clock.run(line.close()))

const isIn = (state: LineState['state'], times = 1) =>
  server.sees(() => states.filter(each => each.state === state)[times - 1])
const waits = () => states.flatMap(state => (state.state === 'down' ? [state.retryInMs] : []))

/** The server opens the stream of this number, which is up then. */
async function up(number: number) {
  const stream = await server.stream(number)
  stream.say(OPENED, CAUGHT_UP)
  await isIn('up', number + 1)
  return stream
}

test('exchanges keys before the stream, and is up when all is here that the server had', async () => {
  const tokens: string[] = []
  server.keyExchange = async request => {
    tokens.push(askedIn(request).inviteToken)
    return { outcome: { case: 'exchanged', value: {} } }
  }
  line.start()
  const stream = await server.stream(0)
  stream.say(OPENED)
  await server.sees(() => told[1])
  expect(states).toEqual([{ state: 'connecting' }])
  stream.say(CAUGHT_UP)
  await isIn('up')
  expect({ tokens, told }).toEqual({ tokens: ['token'], told: ['keyExchanged', 'opened', 'caughtUp'] })
})

describe('a server that cannot be reached', () => {
  test('is tried again, each time after twice as long, up to half a minute', async () => {
    way.goDown()
    line.start()
    await isIn('down', 8)
    expect(waits()).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
    expect(states.at(-1)).toMatchObject({ cause: { code: 'unreachable', why: 'refused' } })
  })

  test('is tried no sooner than was said', async () => {
    way.goDown()
    line.start()
    await isIn('down', 4)
    const before = server.clock.now()
    await isIn('down', 5)
    expect(server.clock.now() - before).toBeGreaterThanOrEqual(4000)
  })

  test('and comes back, down again, up again: the waits begin anew each time', async () => {
    line.start()
    for (let times = 0; times < 4; times++) {
      await up(times)
      way.cut()
      await isIn('down', times + 1)
    }
    expect(waits()).toEqual([500, 500, 500, 500])
  })

  test('and is reached, but never opens the stream: the waits grow all the same', async () => {
    line.start()
    for (let times = 0; times < 3; times++) {
      const stream = await server.stream(times)
      stream.end()
      await isIn('down', times + 1)
    }
    expect(waits()).toEqual([500, 1000, 2000])
  })
})

describe('what a person has to decide', () => {
  test('stops the line, which is not tried again', async () => {
    line.start()
    const stream = await up(0)
    stream.say({ case: 'closing', value: { reason: { case: 'banned', value: {} } } })
    expect(await isIn('stopped')).toMatchObject({ reason: 'banned', cause: { code: 'banned' } })
    server.clock.pass(3_600_000)
    await server.clock.settled()
    expect(states.at(-1)?.state).toBe('stopped')
    expect(server.streams).toHaveLength(1)
  })

  test('of the server stops it before anything is sent', async () => {
    handlers.trust = () => Promise.reject(new LineStopped({ code: 'no-server' }))
    line.start()
    expect(await isIn('stopped')).toMatchObject({ cause: { code: 'no-server' } })
    expect(told).toEqual([])
  })
})

describe('calls', () => {
  test('find no line before it is connected, and after it broke', async () => {
    await expect(line.keyExchange({})).rejects.toMatchObject({
      why: { code: 'no-line', address: 'memory:1' },
    })
    line.start()
    await up(0)
    way.goDown()
    await isIn('down')
    await expect(line.keyExchange({})).rejects.toMatchObject({ why: { code: 'no-line' } })
  })

  test('are answered while it is up', async () => {
    server.keyExchange = async request => ({
      outcome: { case: 'exchanged', value: { keyPackagesLeft: askedIn(request).lookupHandles.length } },
    })
    line.start()
    await up(0)
    const { keyPackagesLeft } = await server.clock.run(line.keyExchange({ lookupHandles: ['a'] }))
    expect(keyPackagesLeft).toBe(1)
  })
})

describe('closing', () => {
  test('ends the stream behind what was written', async () => {
    line.start()
    const stream = await up(0)
    line.write({ case: 'ping', value: { nonce: 1n } })
    const closed = line.close()
    await server.sees(() => stream.isLeft || undefined)
    stream.end()
    await server.clock.run(closed)
    expect(stream.heardOf('ping')).toHaveLength(1)
    expect(states.at(-1)?.state).toBe('up')
  })

  test('waits no longer than a second for a server that does not end it', async () => {
    line.start()
    await up(0)
    const begun = server.clock.now()
    await server.clock.run(line.close())
    const waited = server.clock.now() - begun
    expect(waited).toBeGreaterThanOrEqual(1000)
    expect(waited).toBeLessThan(2000)
  })

  test('ends the wait for the next try', async () => {
    way.goDown()
    line.start()
    await isIn('down', 6)
    const begun = server.clock.now()
    await server.clock.run(line.close())
    expect(server.clock.now() - begun).toBeLessThan(1000)
    way.comeUp()
    server.clock.pass(60_000)
    await server.clock.settled()
    expect(server.streams).toEqual([])
  })
})
