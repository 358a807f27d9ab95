import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ConversationsApi } from './conversations-worker.js'
import { median } from './measure.js'
import { type Bench, onStage, type Stage } from './parts.js'
import type { Row } from './result.js'
import { startWorker, type WorkerProcess } from './worker.js'

/** In one vault, one after the other; the first is what the others are held against. */
const COUNTS = [10, 100, 1_000, 5_000]
/** From the first to this one nothing may cost more than a fifth more. */
const FLAT_UP_TO = 1_000
const FLAT = 1.2
/** A machine has other work, too: of several runs the median counts. */
const STARTS = 7
const ROUNDS = 7
const TEXTS = 100
const PER_SECOND = 50
/** What begins with the line is over by then, in ms. */
const QUIET_MS = 4_000
const MIB = 2 ** 20

type Endpoint = WorkerProcess<ConversationsApi>

/** What one number of conversations costs; of each the runs. */
interface Costs {
  openMs: number[]
  upMs: number[]
  startCpuMs: number[]
  rss: number[]
  heap: number[]
  sentMs: number[]
  receivedMs: number[]
}

/** What an endpoint costs by the number of its conversations, of which one is used. */
export async function conversations({ say }: Bench): Promise<Row[]> {
  const home = await mkdtemp(join(tmpdir(), 'parley-bench-'))
  try {
    return await onStage('relay', async stage => {
      const place = { folder: join(home, 'alice'), server: stage.address }
      const bob = worker()
      await bob.call('start', { folder: join(home, 'bob'), server: stage.address, handle: 'bob' })
      await inProcess(async alice => {
        await alice.call('start', { ...place, handle: 'alice' })
        await alice.call('open', 'bob')
      })
      const costs = new Map<number, Costs>()
      for (const [index, count] of COUNTS.entries()) {
        const from = COUNTS[index - 1] ?? 0
        say(`${count} conversations`)
        const begin = performance.now()
        await inProcess(alice => alice.call('fill', { ...place, from, count: count - from }))
        say(`  made in ${((performance.now() - begin) / 1000).toFixed(1)} s`)
        costs.set(count, await costsOf({ stage, folder: place.folder, bob }))
      }
      await bob.stop()
      return rowsOf(costs)
    })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

const worker = () => startWorker<ConversationsApi>(new URL('./conversations-worker.js', import.meta.url))

async function inProcess<T>(work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
  const endpoint = worker()
  try {
    return await work(endpoint)
  } finally {
    await endpoint.stop()
  }
}

interface Measured {
  stage: Stage
  folder: string
  bob: Endpoint
}

async function costsOf({ stage, folder, bob }: Measured): Promise<Costs> {
  const costs: Costs = { openMs: [], upMs: [], startCpuMs: [], rss: [], heap: [], sentMs: [], receivedMs: [] }
  for (let run = 0; run < STARTS; run++)
    await inProcess(async alice => {
      const before = await alice.call('cpu', undefined)
      const { openMs, upMs } = await alice.call('start', { folder, server: stage.address, handle: 'alice' })
      await delay(QUIET_MS)
      costs.startCpuMs.push((await alice.call('cpu', undefined)) - before)
      const { rss, heap } = await alice.call('memory', undefined)
      costs.openMs.push(openMs)
      costs.upMs.push(upMs)
      costs.rss.push(rss / MIB)
      costs.heap.push(heap / MIB)
      if (run < STARTS - 1) return
      await texts(alice, alice, 'bob')
      await texts(bob, alice, 'alice')
      for (let round = 0; round < ROUNDS; round++) {
        costs.sentMs.push(await texts(alice, alice, 'bob'))
        costs.receivedMs.push(await texts(bob, alice, 'alice'))
      }
    })
  return costs
}

/** ms of CPU that each text, with its receipts, takes at the endpoint that is measured. */
async function texts(sender: Endpoint, measured: Endpoint, handle: string): Promise<number> {
  const before = await measured.call('cpu', undefined)
  await sender.call('send', { handle, count: TEXTS, perSecond: PER_SECOND })
  return ((await measured.call('cpu', undefined)) - before) / TEXTS
}

const FIGURES: { name: string; of: keyof Costs; unit: string }[] = [
  { name: 'vault opened', of: 'openMs', unit: 'ms' },
  { name: 'line up', of: 'upMs', unit: 'ms' },
  { name: `CPU of a start and the ${QUIET_MS / 1000} s behind it`, of: 'startCpuMs', unit: 'ms' },
  { name: 'memory after start (RSS)', of: 'rss', unit: 'MiB' },
  { name: 'memory after start (heap)', of: 'heap', unit: 'MiB' },
  { name: 'CPU of a text sent', of: 'sentMs', unit: 'ms' },
  { name: 'CPU of a text received', of: 'receivedMs', unit: 'ms' },
]

function rowsOf(costs: ReadonlyMap<number, Costs>): Row[] {
  const [first] = costs.values()
  return FIGURES.flatMap(({ name, of, unit }) => {
    const least = median(first![of])
    return Array.from(costs, ([count, each]): Row => {
      const value = median(each[of])
      return {
        name: `${name}, ${count} conversations`,
        value,
        unit,
        ...(count === FLAT_UP_TO
          ? { target: { what: `within a fifth of ${COUNTS[0]}`, reached: value < least * FLAT } }
          : {}),
        details: { least: Math.min(...each[of]), most: Math.max(...each[of]) },
      }
    })
  })
}
