import { createServer, type Server } from 'node:net'
import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { StartError } from '../../../services/server/config/start-error.js'
import { startRelay } from '../../../services/server/relay.js'
import { openMemoryStore } from '../../../services/server/store/memory/store.js'
import type { Store } from '../../../services/server/store/store.js'
import { withFolder } from '../../support/folder.js'

function countedStore(): { store: Store; closed(): number } {
  let closed = 0
  const close = async () => {
    closed += 1
  }
  return { store: { ...openMemoryStore(), close }, closed: () => closed }
}

const options = (folder: string, store: Store) => ({
  ...{ folder, store, host: '127.0.0.1', port: 0, operatorHandle: '' },
  log: pino({ level: 'silent' }),
})

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { server, port: address.port }
}

test('a relay closes its store when it has stopped, once, however often it is stopped', () =>
  withFolder(async folder => {
    const { store, closed } = countedStore()
    const relay = await startRelay(options(folder, store))
    expect(closed()).toBe(0)
    await Promise.all([relay.stop(), relay.stop()])
    await relay.stop()
    expect(closed()).toBe(1)
  }))

test('one that cannot start says why, and closes its store', () =>
  withFolder(async folder => {
    const { store, closed } = countedStore()
    const { server, port } = await listening()
    const start = startRelay({ ...options(folder, store), port })
    await expect(start).rejects.toThrow(StartError)
    await expect(start).rejects.toThrow(`port ${port} is in use`)
    expect(closed()).toBe(1)
    server.close()
  }))
