import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ConversationsApi, Place } from './conversations-worker.js'
import { median } from './measure.js'
import { type Bench, onStage } from './parts.js'
import type { Row } from './result.js'
import { startWorker, type WorkerProcess } from './worker.js'

/** Each in a vault of its own; the first is what the others are held against. */
const COUNTS = [10, 100, 1_000, 5_000]
/** From the first to this one nothing may cost more than a fifth more. */
const FLAT_UP_TO = 1_000
const FLAT = 1.2
/**
 * A machine has other work, too, and is slower at times: of several runs the median counts, and the vaults take turns.
 */
const STARTS = 7
const ROUNDS = 15
const TEXTS = 100
const PER_SECOND = 50
/** The work that begins with the line is over by then, in ms. */
const QUIET_MS = 4_000
const MIB = 2 ** 20

type Endpoint = WorkerProcess<ConversationsApi>

/** The costs of one number of conversations; of each the runs. */
interface Costs {
  openMs: number[]
  upMs: number[]
  startCpuMs: number[]
  rss: number[]
  heap: number[]
  sentMs: number[]
  receivedMs: number[]
}

/** The cost of an endpoint by the number of its conversations, of which one is used. */
export async function conversations({ say }: Bench): Promise<Row[]> {
  const home = await mkdtemp(join(tmpdir(), 'parley-bench-'))
  try {
    return await onStage('relay', async stage => {
      const bob = worker()
      await bob.call('start', { folder: join(home, 'bob'), server: stage.address, handle: 'bob' })
      const subjects: Subject[] = []
      for (const [index, count] of COUNTS.entries()) {
        const before = COUNTS.slice(0, index).reduce((sum, each) => sum + each, 0)
        const place = { folder: join(home, `${count}`), server: stage.address, handle: `alice${count}` }
        await fill(place, { from: before, count, say })
        subjects.push({ count, place, costs: newCosts() })
      }
      for (let run = 1; run <= STARTS; run++) {
        say(`start ${run} of ${STARTS}`)
        for (const subject of subjects) await inProcess(alice => start(alice, subject))
      }
      await talk(subjects, bob, say)
      await bob.stop()
      return rowsOf(new Map(subjects.map(({ count, costs }) => [count, costs])))
    })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/** A vault with so many conversations, and what it was measured to cost. */
interface Subject {
  count: number
  place: Place
  costs: Costs
}

const newCosts = (): Costs => ({
  openMs: [],
  upMs: [],
  startCpuMs: [],
  rss: [],
  heap: [],
  sentMs: [],
  receivedMs: [],
})

const worker = () => startWorker<ConversationsApi>(new URL('./conversations-worker.js', import.meta.url))

async function inProcess<T>(work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
  const endpoint = worker()
  try {
    return await work(endpoint)
  } finally {
    await endpoint.stop()
  }
}

/** Makes a vault with a conversation with bob, and so many others. */
async function fill(
  place: Place,
  { from, count, say }: { from: number; count: number; say: Bench['say'] },
): Promise<void> {
  const begin = performance.now()
  await inProcess(async alice => {
    await alice.call('start', place)
    await alice.call('open', 'bob')
  })
  await inProcess(alice => alice.call('fill', { ...place, from, count }))
  say(`${count} conversations made in ${((performance.now() - begin) / 1000).toFixed(1)} s`)
}

async function start(alice: Endpoint, { place, costs }: Subject): Promise<void> {
  const before = await alice.call('cpu', undefined)
  const { openMs, upMs } = await alice.call('start', place)
  await delay(QUIET_MS)
  costs.startCpuMs.push((await alice.call('cpu', undefined)) - before)
  const { rss, heap } = await alice.call('memory', undefined)
  costs.openMs.push(openMs)
  costs.upMs.push(upMs)
  costs.rss.push(rss / MIB)
  costs.heap.push(heap / MIB)
}

/** Each writes to bob and hears from him, in turns, with all of them running. */
async function talk(subjects: readonly Subject[], bob: Endpoint, say: Bench['say']): Promise<void> {
  const running = subjects.map(subject => ({ ...subject, alice: worker() }))
  try {
    for (const { alice, place } of running) {
      await alice.call('start', place)
      await texts(alice, alice, 'bob')
      await texts(bob, alice, place.handle)
    }
    for (let round = 1; round <= ROUNDS; round++) {
      say(`round ${round} of ${ROUNDS}`)
      for (const { alice, place, costs } of running) {
        costs.sentMs.push(await texts(alice, alice, 'bob'))
        costs.receivedMs.push(await texts(bob, alice, place.handle))
      }
    }
  } finally {
    for (const { alice } of running) await alice.stop()
  }
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
