// Runs in a worker thread of its own, started by welcome-opener.ts: opens welcomes one at a time.

import { parentPort, workerData } from 'node:worker_threads'
import { wipe } from './codec.js'
import { createEngine, type Engine, type ValidateCredential } from './engine.js'
import { asRefused } from './refused.js'
import type { WelcomeAnswer, WelcomeRequest, WorkerMessage, WorkerSettings } from './welcome-opener.js'

const settings = workerData as WorkerSettings
const { validateCredential } = (await import(settings.validateModule)) as {
  validateCredential: ValidateCredential
}
const engine = await createEngine({
  validate: validateCredential,
  ...(settings.suite && { suite: settings.suite }),
})

parentPort?.on('message', async (request: WelcomeRequest) => {
  parentPort?.postMessage((await answer(engine, request)) satisfies WorkerMessage)
})
parentPort?.postMessage({ kind: 'ready' } satisfies WorkerMessage)

async function answer(engine: Engine, request: WelcomeRequest): Promise<WelcomeAnswer> {
  try {
    const joined = await engine.unsafeJoinHere(request.welcome, request.keyPackages)
    return { kind: 'opened', ...joined, state: engine.save(joined.state) }
  } catch (error) {
    return { kind: 'refused', cause: asRefused(error, 'not-authentic').why }
  } finally {
    wipe(request.keyPackages.map(own => own.privatePackage))
  }
}
