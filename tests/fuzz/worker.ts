// Runs a campaign in a thread of its own, so that one that hangs can be told and ended by the other.

import { parentPort, workerData } from 'node:worker_threads'
import { campaign } from './campaign.js'
import { TARGETS } from './targets.js'

export interface WorkerOptions {
  seed: number
  inputs: number
  forMs: number
  targets: readonly string[]
  /** The number of the target in TARGETS, and of its input. */
  progress: SharedArrayBuffer
}

const { progress, targets, ...options } = workerData as WorkerOptions
const at = new Int32Array(progress)
const chosen = TARGETS.filter(({ name }) => targets.includes(name))
const result = await campaign(chosen, {
  ...options,
  onInput(target, input) {
    Atomics.store(
      at,
      0,
      TARGETS.findIndex(({ name }) => name === target),
    )
    Atomics.store(at, 1, input)
    Atomics.add(at, 2, 1)
  },
})
parentPort?.postMessage(result)
