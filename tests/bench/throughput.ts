import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, onStage, type Stage } from './parts.js'
import { rawInserts } from './raw-sqlite.js'
import type { Row } from './result.js'

/** Pairs of a sender and a receiver. */
const PAIRS = [1, 10, 100]
/** Envelopes of one frame: what an endpoint that has more to send puts together. */
const PER_FRAME = 16
/** Bytes: what a text of up to 200 characters is once it is sealed, about. */
export const CIPHERTEXT_BYTES = 400
/** Envelopes under way at once: of all pairs together, and of each at the least. */
const UNDER_WAY = 4_096
const UNDER_WAY_OF_ONE = 128
/** How often relay and echo take turns. */
const TURNS = 3
const WARM_UP_S = 0.7
/** The part of the raw echo that is to be reached. */
const PART_OF_ECHO = 0.5

interface Flooded {
  perSecond: number
  /** Of the server, for each envelope. */
  cpuMicros: number
  perTransaction: number
}

/**
 * Relayed durable envelopes a second, beside an echo of the same frames and inserts of the same rows. Relay and
 * echo take turns, so that what else the machine does falls on both.
 */
export async function throughput(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  await onStage('echo', echo =>
    onStage('relay', async relay => {
      for (const pairs of PAIRS) rows.push(await measured({ ...bench, echo, relay, pairs }))
    }),
  )
  return rows
}

async function measured({
  seconds,
  say,
  echo,
  relay,
  pairs,
}: Bench & Record<'echo' | 'relay', Stage> & { pairs: number }): Promise<Row> {
  const turn = seconds / TURNS
  const turns: Record<'echo' | 'relay', Flooded[]> = { echo: [], relay: [] }
  for (let count = 0; count < TURNS; count++) {
    say(`${pairs} ${pairs === 1 ? 'pair' : 'pairs'}: turn ${count + 1} of ${TURNS}`)
    turns.echo.push(await flooded(echo, { pairs, seconds: turn }))
    turns.relay.push(await flooded(relay, { pairs, seconds: turn }))
  }
  const found = { relay: mean(turns.relay), echo: mean(turns.echo) }
  const { perTransaction } = found.relay
  say(`SQLite: ${perTransaction.toFixed(0)} to a transaction`)
  const { insertsPerSecond } = await rawInserts({ seconds: turn, perTransaction, bytes: CIPHERTEXT_BYTES })
  return row({ ...found, pairs, insertsPerSecond })
}

function mean(turns: readonly Flooded[]): Flooded {
  const of = (which: keyof Flooded) => turns.reduce((sum, turn) => sum + turn[which], 0) / turns.length
  return { perSecond: of('perSecond'), cpuMicros: of('cpuMicros'), perTransaction: of('perTransaction') }
}

async function flooded(
  stage: Stage,
  { pairs, seconds }: { pairs: number; seconds: number },
): Promise<Flooded> {
  const { kind, server, load, address } = stage
  await load.call('connect', { server: address, kind, count: pairs })
  const window = Math.max(UNDER_WAY_OF_ONE, Math.floor(UNDER_WAY / pairs))
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
