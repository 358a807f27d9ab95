// Groups of tests of the contract, each on every store that a relay of ours can have. All groups of a file share one
// server for each store, and a client of it: `client`, which is that of the group that runs.

import { afterAll, beforeAll, describe, expect } from '@jest/globals'
import type { Relay } from '../../services/server/relay.js'
import { connectTo, type TestClient } from './contract-client.js'
import {
  type ContractServer,
  contractServer,
  NAMED_ADDRESS,
  type OwnServerOptions,
  ownServer,
  type StoreKind,
  useStore,
} from './contract-server.js'

const STORES: readonly StoreKind[] = ['sqlite', 'memory']

export let client: TestClient

const clients = new Map<StoreKind, TestClient>()

afterAll(async () => {
  for (const each of clients.values()) {
    each.close()
    await each.server.stop()
    expect(each.server.defects).toEqual([])
  }
})

/** A group that runs once for each store; once with a named server, whichever it has. */
export function onEveryStore(name: string, tests: () => void): void {
  if (NAMED_ADDRESS) onStore('sqlite', name, tests)
  else for (const kind of STORES) onStore(kind, `${name} (${kind})`, tests)
}

/** A group of which no test can tell the store: it runs once. */
export function onAnyStore(name: string, tests: () => void): void {
  onStore(NAMED_ADDRESS ? 'sqlite' : 'memory', name, tests)
}

function onStore(kind: StoreKind, name: string, tests: () => void): void {
  describe(name, () => {
    beforeAll(async () => {
      useStore(kind)
      client = clients.get(kind) ?? connectTo(await contractServer())
      clients.set(kind, client)
    })
    tests()
  })
}

/** Uses a server of its own, stops it, and sees that it had no defect. */
export async function withOwnServer(
  options: OwnServerOptions,
  use: (client: TestClient, server: ContractServer & { relay: Relay }) => Promise<void>,
): Promise<void> {
  const server = await ownServer(options)
  const own = connectTo(server)
  await use(own, { ...server, relay: server.relay! })
  own.close()
  await server.stop()
  expect(server.defects).toEqual([])
}
