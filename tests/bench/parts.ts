// The two processes of a measurement: a server, and what loads it.

import type { LoadApi } from './load-worker.js'
import type { ServerAddress, ServerApi, ServerKind } from './server-worker.js'
import { startWorker, type WorkerProcess } from './worker.js'

export interface Bench {
  seconds: number
  /** Says what is being done. */
  say(text: string): void
}

export interface Stage {
  kind: ServerKind
  address: ServerAddress
  server: WorkerProcess<ServerApi>
  load: WorkerProcess<LoadApi>
}

/** Flags of Node for the server's process, separated by spaces: --cpu-prof, say. */
const SERVER_FLAGS = process.env.BENCH_SERVER_FLAGS

/** Starts a server of this kind and a load for it, in processes of their own, and ends both. */
export async function onStage<T>(kind: ServerKind, run: (stage: Stage) => Promise<T>): Promise<T> {
  const flags = SERVER_FLAGS?.split(' ') ?? []
  const server = startWorker<ServerApi>(new URL('./server-worker.js', import.meta.url), flags)
  const load = startWorker<LoadApi>(new URL('./load-worker.js', import.meta.url))
  try {
    return await run({ kind, server, load, address: await server.call('start', kind) })
  } finally {
    await load.stop()
    await server.stop()
  }
}
