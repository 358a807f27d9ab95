import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from '@jest/globals'
import type { CiphersuiteName } from '../../../../services/endpoint/mls/library.js'

const WALKS = 15
const COMMITS = 60
/** Milliseconds for one walk; it takes about 2,000. */
const TIMEOUT_MS = 60_000

/**
 * One test for each walk, named by its seed.
 *
 * @param firstSeed PARLEY_WALK_SEED takes its place, to walk elsewhere.
 */
export function testWalks(suite: CiphersuiteName, firstSeed: number): void {
  const first = Number(process.env.PARLEY_WALK_SEED ?? firstSeed)
  const seeds = Array.from({ length: WALKS }, (_, index) => first + index)
  let worker: Worker | undefined
  afterAll(() => worker?.terminate())

  test.each(seeds)(
    'all members agree after every step of a walk (seed %i)',
    async seed => {
      worker ??= new Worker(new URL('./walk-worker.js', import.meta.url), { workerData: { suite } })
      worker.postMessage({ seed, commits: COMMITS })
      const [failure] = await once(worker, 'message')
      expect(failure).toBeUndefined()
    },
    TIMEOUT_MS,
  )
}
