// Parley as a program has it: an account, its conversations, and events one after the other.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { EndpointEvent } from '../../../services/endpoint/index.js'
import { Parley } from '../../../services/endpoint/index.js'
import { HOST, newTown, type Server, type Town } from '../../support/town.js'

jest.setTimeout(20_000)

let town: Town
let server: Server
const opened: Parley[] = []
beforeEach(async () => {
  town = await newTown()
  server = await town.server()
})
afterEach(async () => {
  for (const parley of opened.splice(0)) await run(parley.close())
  await town.leave()
})

/** Time passes meanwhile. */
const run = <T>(promise: Promise<T>): Promise<T> => town.clock.run(promise)

/** As Parley.open does it, on the town's endpoints in place of this machine's. */
async function open(handle: string, { port = server.port, disk = handle } = {}): Promise<Parley> {
  const parley = await Parley.on(onEvent => town.endpoint(town.disk(disk), { onEvent }), {
    handle,
    address: { host: HOST, port },
  })
  opened.push(parley)
  return parley
}

const next = (parley: Parley, wanted: (event: EndpointEvent) => boolean) => run(first(parley, wanted))

async function first(
  parley: Parley,
  wanted: (event: EndpointEvent) => boolean,
): Promise<EndpointEvent | undefined> {
  for await (const event of parley) if (wanted(event)) return event
  return undefined
}
const isTextOf = (from: string) => (event: EndpointEvent) =>
  event.type === 'message' && event.entry.from === from

test('two talk, in a conversation and in a room', async () => {
  const [alice, bob] = [await open('alice'), await open('bob')]
  await run(Promise.all([alice.connected(), bob.connected()]))
  const withBob = await alice.conversation('bob')
  await withBob.send('hello')
  expect(await next(bob, isTextOf('alice'))).toMatchObject({ entry: { text: 'hello', peer: 'alice' } })
  await (await bob.conversation('alice')).send('hi')
  await next(alice, isTextOf('bob'))
  expect(withBob.history().map(({ from, text }) => `${from}: ${text}`)).toEqual(['alice: hello', 'bob: hi'])
  expect(withBob.history(1)).toMatchObject([{ text: 'hi' }])

  const tea = await alice.createRoom({ name: 'tea', invite: ['bob'] })
  await next(bob, event => event.type === 'conversation' && event.peer === '#tea' && event.state === 'ready')
  const atBob = await bob.conversation('#tea')
  await atBob.send('tea?')
  expect(await next(alice, isTextOf('bob'))).toMatchObject({ entry: { peer: '#tea', text: 'tea?' } })
  await tea.change({ kind: 'name', name: 'coffee' })
  await next(bob, event => event.type === 'message' && event.entry.kind === 'event')
  await tea.change({ kind: 'admin', handle: 'bob', isAdmin: true })
  await next(alice, event => event.type === 'message' && event.entry.kind === 'event')
  await atBob.leave()
  expect(atBob.room().state).toBe('ended')
  expect(alice.conversations().map(({ peer, kind }) => `${kind} ${peer}`)).toEqual([
    'direct bob',
    'room #coffee',
  ])
})

test('what is neither a person nor a room is refused', async () => {
  const alice = await open('alice')
  await expect(alice.conversation('#nowhere')).rejects.toMatchObject({ why: { code: 'not-a-room' } })
  await expect(alice.conversation('No Body')).rejects.toMatchObject({ why: { code: 'bad-handle' } })
  await expect(alice.conversation('alice')).rejects.toMatchObject({ why: { code: 'own-handle' } })
})

test('whoever waits for the line hears why it is not tried any more', async () => {
  await run((await open('alice')).connected())
  const second = await open('alice', { disk: 'another' })
  const taken = { why: { code: 'handle-taken', handle: 'alice' } }
  await expect(run(second.connected())).rejects.toMatchObject(taken)
  await expect(run(second.connected())).rejects.toMatchObject(taken)
})

test('closing ends the events, and the wait for the line', async () => {
  const alice = await open('alice', { port: 9 })
  const waiting = alice.connected()
  await Promise.all([run(alice.close()), expect(waiting).rejects.toMatchObject({ why: { code: 'closed' } })])
  const rest: string[] = []
  for await (const { type } of alice) rest.push(type)
  expect(new Set(rest)).toEqual(new Set(['line']))
})

test('what cannot begin leaves nothing open', async () => {
  await expect(run(open('Not One', { disk: 'one' }))).rejects.toMatchObject({
    why: { code: 'bad-handle', handle: 'Not One' },
  })
  await open('one')
})
