import { setTimeout as delay } from 'node:timers/promises'
import { median, percentile } from './measure.js'
import { type Bench, onStage } from './parts.js'
import { rawInserts } from './raw-sqlite.js'
import type { Row } from './result.js'
import { CIPHERTEXT_BYTES } from './throughput.js'

/** Envelopes a second: people that type, so the server is idle in between. */
const PER_SECOND = 200
const WARM_UP = 200
/** What the relay may add at p50 to an echo and one disk sync. */
const ADDED_MS = 2

/** From one device to another through the relay: two hops, as an echo has there and back. */
export async function latency({ seconds, say }: Bench): Promise<Row[]> {
  const measure = (kind: 'relay' | 'echo') =>
    onStage(kind, async ({ load, address: server }) => {
      say(`${kind}: latency`)
      await load.call('connect', { server, kind, count: 1 })
      const pace = { perSecond: PER_SECOND, bytes: CIPHERTEXT_BYTES }
      await load.call('pace', { ...pace, count: WARM_UP })
      return await load.call('pace', { ...pace, count: PER_SECOND * seconds })
    })
  const echo = await measure('echo')
  const relay = await measure('relay')
  say('one disk sync')
  const pause = () => delay(1000 / PER_SECOND)
  const commits = await rawInserts({
    seconds: seconds / 2,
    perTransaction: 1,
    bytes: CIPHERTEXT_BYTES,
    pause,
  })
  const sync = commits.transactionMs
  const added = median(relay) - median(echo) - median(sync)
  return [
    {
      name: 'one-way latency, p50',
      value: median(relay),
      unit: 'ms',
      raw: [
        { what: 'ms echo', value: median(echo) },
        { what: 'ms commit', value: median(sync) },
      ],
      target: { what: `${ADDED_MS} ms above both (is ${added.toFixed(2)} ms)`, reached: added < ADDED_MS },
      details: { addedMs: added },
    },
    {
      name: 'one-way latency, p99',
      value: percentile(relay, 0.99),
      unit: 'ms',
      raw: [
        { what: 'ms echo', value: percentile(echo, 0.99) },
        { what: 'ms commit', value: percentile(sync, 0.99) },
      ],
    },
  ]
}
