import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, onStage, type Stage } from './parts.js'
import { rawInserts } from './raw-sqlite.js'
import type { Row } from './result.js'

/** Pairs of a sender and a receiver. */
const PAIRS = [1, 10, 100]
/** Envelopes of one frame: what an endpoint that has more to send puts together. */
const PER_FRAME = 16
/** Bytes: what a text of up to 200 characters is once it is sealed, about. */
export const CIPHERTEXT_BYTES = 460
/** Envelopes under way at once, of all pairs together; two frames of each at the least. */
const UNDER_WAY = 4_096
const WARM_UP_S = 1.5
/** What is to be reached of the raw echo. */
const PART_OF_ECHO = 0.5

interface Flooded {
  perSecond: number
  /** Of the server, for each envelope. */
  cpuMicros: number
  perTransaction: number
}

/** Relayed durable envelopes a second, beside an echo of the same frames and inserts of the same rows. */
export async function throughput({ seconds, say }: Bench): Promise<Row[]> {
  const measured: Record<'relay' | 'echo', Flooded[]> = { relay: [], echo: [] }
  for (const kind of ['echo', 'relay'] as const) {
    await onStage(kind, async stage => {
      for (const pairs of PAIRS) {
        say(`${kind}: ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}`)
        measured[kind].push(await flooded(stage, { pairs, seconds }))
      }
    })
  }
  const rows: Row[] = []
  for (const [index, pairs] of PAIRS.entries()) {
    const [relay, echo] = [measured.relay[index]!, measured.echo[index]!]
    say(`SQLite: ${relay.perTransaction.toFixed(0)} to a transaction`)
    const { perTransaction } = relay
    const { insertsPerSecond } = await rawInserts({
      seconds: seconds / 2,
      perTransaction,
      bytes: CIPHERTEXT_BYTES,
    })
    rows.push(row({ pairs, relay, echo, insertsPerSecond }))
  }
  return rows
}

async function flooded(
  stage: Stage,
  { pairs, seconds }: { pairs: number; seconds: number },
): Promise<Flooded> {
  const { kind, server, load, address } = stage
  await load.call('connect', { server: address, kind, count: pairs })
  const window = Math.max(2 * PER_FRAME, Math.floor(UNDER_WAY / pairs))
  const shape = { envelopes: PER_FRAME, bytes: CIPHERTEXT_BYTES }
  const flood = load.call('flood', { shape, window, seconds, warmUp: WARM_UP_S })
  await delay(WARM_UP_S * 1000)
  const before = await server.call('load', undefined)
  const perSecond = await flood
  const after = await server.call('load', undefined)
  return {
    perSecond,
    cpuMicros: ((after.cpuMs - before.cpuMs) * 1000) / (perSecond * seconds),
    perTransaction: (after.sends - before.sends) / Math.max(1, after.transactions - before.transactions),
  }
}

function row(found: { pairs: number; relay: Flooded; echo: Flooded; insertsPerSecond: number }): Row {
  const { pairs, relay, echo, insertsPerSecond } = found
  const part = relay.perSecond / echo.perSecond
  return {
    name: `relayed durable envelopes, ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}`,
    value: relay.perSecond,
    unit: '/s',
    raw: [
      { what: '/s echo', value: echo.perSecond },
      { what: '/s SQLite', value: insertsPerSecond },
    ],
    target: {
      what: `${PART_OF_ECHO * 100} % of the echo (is ${(part * 100).toFixed(0)} %)`,
      reached: part >= PART_OF_ECHO,
    },
    details: {
      partOfEcho: part,
      envelopesPerTransaction: relay.perTransaction,
      serverCpuMicrosPerEnvelope: relay.cpuMicros,
      echoCpuMicrosPerEnvelope: echo.cpuMicros,
    },
  }
}
