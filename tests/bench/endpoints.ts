import { setTimeout as delay } from 'node:timers/promises'
import type { EndpointApi } from './endpoint-worker.js'
import { median, percentile } from './measure.js'
import { type Bench, onStage } from './parts.js'
import type { Row } from './result.js'
import { startWorker, type WorkerProcess } from './worker.js'

const WARM_UP_S = 1.5
/** Texts that may be on their way to the server. */
const UNSENT = 256
/** Texts a second for the latency: the machine is idle in between. */
const PER_SECOND = 50

/** From a text at one endpoint to the event at another: sealed, saved, relayed, opened, saved. */
export async function endpoints({ seconds, say }: Bench): Promise<Row[]> {
  const [alice, bob] = [
    startWorker<EndpointApi>(new URL('./endpoint-worker.js', import.meta.url)),
    startWorker<EndpointApi>(new URL('./endpoint-worker.js', import.meta.url)),
  ]
  try {
    return await onStage('relay', async ({ address: server }) => {
      say('two endpoints')
      await bob.call('start', { server, handle: 'bob' })
      await alice.call('start', { server, handle: 'alice' })
      await alice.call('open', 'bob')
      await alice.call('pace', { perSecond: PER_SECOND, count: PER_SECOND })
      await settled(bob)
      await bob.call('latencies', undefined)
      await alice.call('pace', { perSecond: PER_SECOND, count: PER_SECOND * seconds })
      const taken = await settled(bob).then(() => bob.call('latencies', undefined))
      const perSecond = await flooded({ alice, bob, seconds })
      return [
        { name: 'texts between two endpoints', value: perSecond, unit: '/s' },
        { name: 'text to text, p50', value: median(taken), unit: 'ms' },
        { name: 'text to text, p99', value: percentile(taken, 0.99), unit: 'ms' },
      ]
    })
  } finally {
    await Promise.all([alice.stop(), bob.stop()])
  }
}

async function flooded(options: {
  alice: WorkerProcess<EndpointApi>
  bob: WorkerProcess<EndpointApi>
  seconds: number
}): Promise<number> {
  const { alice, bob, seconds } = options
  const flood = alice.call('flood', { seconds: WARM_UP_S + seconds, unsent: UNSENT })
  await delay(WARM_UP_S * 1000)
  const [first, begin] = [await bob.call('received', undefined), performance.now()]
  await flood
  const [last, end] = [await bob.call('received', undefined), performance.now()]
  await settled(bob)
  return ((last - first) * 1000) / (end - begin)
}

/** Waits until nothing more arrives. */
async function settled(bob: WorkerProcess<EndpointApi>): Promise<void> {
  for (let before = -1, now = 0; now !== before; ) {
    before = now
    await delay(QUIET_MS)
    now = await bob.call('received', undefined)
  }
}

const QUIET_MS = 300
