// Secrets that the engine names as spent are overwritten, and only when what follows from them is on the disk.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Engine, Opened } from '../../../services/endpoint/mls/engine.js'
import type { MemoryDisk } from '../../support/memory/vault.js'
import type { Town } from '../../support/town.js'

const ENGINE = '../../../services/endpoint/mls/engine.js'

interface Spent {
  by: 'seal' | 'application' | 'commit'
  secrets: Uint8Array[]
}

/** Everything that was spent so far. */
const spent: Spent[] = []
/** The secrets that were spent since the last write, of which the write is still to come. */
let unsaved: Spent[] = []
/** Spent secrets that were overwritten when the write came that had to come before. */
const tooEarly: Spent[] = []

const isWiped = ({ secrets }: Spent) => secrets.every(secret => secret.every(byte => byte === 0))

function noted(by: Spent['by'], secrets: Uint8Array[]): void {
  const one = { by, secrets }
  spent.push(one)
  unsaved.push(one)
}

/** The engine, and a note of all that it says is spent. */
function noting(engine: Engine): Engine {
  return {
    ...engine,
    async seal(state, plaintext) {
      const sealed = await engine.seal(state, plaintext)
      noted('seal', sealed.spent)
      return sealed
    },
    async open(state, message, policy): Promise<Opened> {
      const opened = await engine.open(state, message, policy)
      if (opened.kind === 'application' || opened.kind === 'commit') noted(opened.kind, opened.spent)
      return opened
    },
  }
}

/** Looks at what was spent before a write is made, which it lets through. */
function watchWrites(disk: MemoryDisk): void {
  disk.fail({
    reason: 'damaged',
    where() {
      tooEarly.push(...unsaved.filter(isWiped))
      unsaved = []
      return false
    },
  })
}

let town: Town

beforeAll(async () => {
  const actual = await import('../../../services/endpoint/mls/engine.js')
  jest.unstable_mockModule(ENGINE, () => ({
    ...actual,
    createEngine: async (options: Parameters<typeof actual.createEngine>[0]) =>
      noting(await actual.createEngine(options)),
  }))
  const { newTown } = await import('../../support/town.js')
  town = await newTown()
})

afterAll(() => town.leave())

describe('spent secrets', () => {
  test('are zeros after the write that saves what follows from them, and not before it', async () => {
    const server = await town.server()
    const ada = await town.join('ada', server)
    const bob = await town.join('bob', server)
    for (const person of [ada, bob]) watchWrites(person.disk)
    await bob.write('ada', 'one', 'two')
    await ada.received(2)
    await ada.write('bob', 'three')
    await bob.received(1)
    await bob.allAre('delivered')
    const atBob = await bob.endpoint.createRoom({ name: 'tea', historyDays: 0, invite: ['ada'] })
    const joined = await ada.event('conversation', ({ peer, state }) => peer === '#tea' && state === 'ready')
    await bob.endpoint.changeRoom(atBob, { kind: 'name', name: 'coffee' })
    await ada.holds(() => ada.endpoint.room(joined.conversation).name === 'coffee')
    await town.clock.settled()
    const kinds = new Set(spent.map(({ by }) => by))
    expect([...kinds].sort()).toEqual(['application', 'commit', 'seal'])
    expect(spent.every(({ secrets }) => secrets.length > 0)).toBe(true)
    expect(tooEarly).toEqual([])
    expect(spent.filter(one => !isWiped(one))).toEqual([])
  })
})
