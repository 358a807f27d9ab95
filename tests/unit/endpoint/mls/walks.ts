import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { test } from '@jest/globals'
import type { CiphersuiteName } from '../../../../services/endpoint/mls/library.js'

const WALKS = 15
const COMMITS = 60
/** Milliseconds for one walk; it takes about 2,500. */
const TIMEOUT_MS = 60_000

/**
 * One test for each walk, named by its seed.
 *
 * @param firstSeed PARLEY_WALK_SEED takes its place, to walk elsewhere.
 */
export function testWalks(suite: CiphersuiteName, firstSeed: number): void {
  const first = Number(process.env.PARLEY_WALK_SEED ?? firstSeed)
  const seeds = Array.from({ length: WALKS }, (_, index) => first + index)
  test.each(seeds)(
    'all members agree after every step of a walk (seed %i)',
    async seed => {
      const workerData = { seed, suite, commits: COMMITS }
      const worker = new Worker(new URL('./walk-worker.js', import.meta.url), { workerData })
      await once(worker, 'exit')
    },
    TIMEOUT_MS,
  )
}
