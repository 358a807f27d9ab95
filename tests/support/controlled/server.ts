// The server as a process, for what its limits are to hold against.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Relay } from '../../../services/server/relay.js'
import { type GivenToServer, NOTED, type Noted, type ServerSeen } from './messages.js'
import { ControlledProcess } from './process.js'

interface ControlledServer extends ServerSeen {
  host: string
  /** Each method is called in the process. */
  relay: Relay
  noted(): Noted
  stop(): Promise<void>
}

const HOST = '127.0.0.1'

export async function startServer(given: GivenToServer): Promise<ControlledServer> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-server-'))
  const started = Promise.withResolvers<ServerSeen>()
  const process = await ControlledProcess.start({
    program: 'server/main.js',
    parameters: ['--host', HOST, '--port', '0', '--console', 'off', '--data', folder],
    given,
    onEvent: event => started.resolve(event as ServerSeen),
  })
  let last: Noted | undefined
  const noted = () => last ?? (process.call(NOTED) as Noted)
  return {
    ...(await started.promise),
    ...{ host: HOST, relay: process.remote<Relay>(), noted },
    async stop() {
      if (last) return
      last = noted()
      await process.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
