// Walks in a thread of their own: inside of jest's module loader every use of a global costs extra,
// and they take half as long again. The answer to a seed is the stack of what went wrong, or undefined.

import { parentPort, workerData } from 'node:worker_threads'
import { engineFor } from './people.js'
import { walk } from './walk.js'

const engine = await engineFor({ suite: workerData.suite })

parentPort?.on('message', async ({ seed, commits }: { seed: number; commits: number }) => {
  const failure = await walk(engine, seed, commits).catch((error: Error) => `${error.stack}`)
  parentPort?.postMessage(failure)
})
