import { setTimeout as delay } from 'node:timers/promises'
import { median, percentile } from './measure.js'
import { type Bench, onStage, type Stage } from './parts.js'
import { rawInserts } from './raw-sqlite.js'
import type { Row } from './result.js'
import { CIPHERTEXT_BYTES } from './throughput.js'

/** Envelopes a second: people that type, so the server is idle in between. */
const PER_SECOND = 200
const WARM_UP = 100
/** How often relay, echo and disk take turns. */
const TURNS = 3
/** The relay may add this much at p50 to an echo and one disk sync. */
const ADDED_MS = 2

/**
 * From one device to another through the relay: two hops, as an echo has there and back. Relay, echo and disk take
 * turns, so that what else the machine does falls on all.
 */
export async function latency({ seconds, say }: Bench): Promise<Row[]> {
  const echo: number[] = []
  const relay: number[] = []
  const sync: number[] = []
  const turn = seconds / TURNS
  await onStage('echo', echoStage =>
    onStage('relay', async relayStage => {
      for (let count = 0; count < TURNS; count++) {
        say(`latency: turn ${count + 1} of ${TURNS}`)
        echo.push(...(await paced(echoStage, turn)))
        relay.push(...(await paced(relayStage, turn)))
        sync.push(...(await commits(turn)))
      }
    }),
  )
  return rows({ echo, relay, sync })
}

async function paced({ kind, load, address: server }: Stage, seconds: number): Promise<number[]> {
  await load.call('connect', { server, kind, count: 1 })
  const pace = { perSecond: PER_SECOND, bytes: CIPHERTEXT_BYTES }
  await load.call('pace', { ...pace, count: WARM_UP })
  return await load.call('pace', { ...pace, count: Math.ceil(PER_SECOND * seconds) })
}

async function commits(seconds: number): Promise<number[]> {
  const pause = () => delay(1000 / PER_SECOND)
  const { transactionMs } = await rawInserts({ seconds, perTransaction: 1, bytes: CIPHERTEXT_BYTES, pause })
  return transactionMs
}

function rows({ echo, relay, sync }: Record<'echo' | 'relay' | 'sync', number[]>): Row[] {
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
