// npm run fuzz -- --minutes 10 --seed 1
// npm run fuzz -- --inputs 100000 --target server --target content
//
// Puts changed inputs into everything that takes some from outside, and says what did not hold. A finding is made again
// by its seed. Ends with 0 where there is none.

import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Campaign } from './campaign.js'
import { TARGETS } from './targets.js'
import type { WorkerOptions } from './worker.js'

/** An input under way for so long hangs, in ms. */
const HANG_MS = 30_000
/** So often it says how far it is, in ms. */
const SAY_MS = 10_000
const SHOWN_FINDINGS = 20

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    target: { type: 'string', multiple: true },
  },
})
const names = TARGETS.map(({ name }) => name)
const targets = values.target ?? names
const unknown = targets.find(name => !names.includes(name))
if (unknown !== undefined) throw new RangeError(`--target is one of ${names.join(', ')}, not ${unknown}`)

function number(name: 'minutes' | 'inputs' | 'seed'): number {
  const value = Number(values[name])
  if (!(value > 0)) throw new RangeError(`--${name} is a number above 0`)
  return value
}

const say = (text: string) => void process.stdout.write(`${text}\n`)

async function run(): Promise<Campaign> {
  const progress = new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT)
  const at = new Int32Array(progress)
  const workerData: WorkerOptions = {
    seed: number('seed'),
    inputs: number('inputs'),
    forMs: number('minutes') * 60_000,
    targets,
    progress,
  }
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData })
  const { promise, resolve, reject } = Promise.withResolvers<Campaign>()
  worker.once('message', resolve).once('error', reject)
  let last = { made: -1, since: performance.now() }
  let said = performance.now()
  const watch = setInterval(() => {
    const made = Atomics.load(at, 2)
    const now = performance.now()
    if (made !== last.made) last = { made, since: now }
    if (now - said > SAY_MS) {
      said = now
      process.stderr.write(`${made} inputs\n`)
    }
    const where = `${names[Atomics.load(at, 0)]}, input ${Atomics.load(at, 1)}`
    if (made > 0 && now - last.since > HANG_MS) reject(new Error(`${where}: it hangs`))
  }, 1_000)
  try {
    return await promise
  } finally {
    clearInterval(watch)
    await worker.terminate()
  }
}

say(`seed ${number('seed')}`)
const { inputs, findings, slowest, memory } = await run()
const all = Object.values(inputs).reduce((sum, each) => sum + each, 0)
for (const [name, count] of Object.entries(inputs)) say(`${String(count).padStart(10)}  ${name}`)
say(`${String(all).padStart(10)}  inputs`)
say(`slowest: ${slowest.target}, input ${slowest.input}: ${slowest.ms.toFixed(0)} ms of CPU`)
say(`memory: ${(memory / 2 ** 20).toFixed(1)} MiB more than at the beginning`)
for (const { target, input, what } of findings.slice(0, SHOWN_FINDINGS))
  say(`\nFOUND ${target}, input ${input}: ${what}`)
say(`\n${findings.length} findings`)
process.exitCode = findings.length > 0 ? 1 : 0
