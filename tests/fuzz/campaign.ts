// Runs the targets in turns, one input after the other, and watches time and memory. The same seed makes the same inputs.

import { chance as chanceOf } from '../support/chance.js'
import type { OpenTarget, Target } from './target.js'

/** No input may take longer, in ms of CPU of this process. */
const LONGEST_MS = 1_000
/** So much more may live at the end than at the beginning, in bytes. */
const MORE_MEMORY = 256 * 2 ** 20
/** The CPU is asked for so often, in ms, and where an input takes longer. */
const FRESH_MS = 50
/** Inputs between two looks at what must hold. */
const BETWEEN_CHECKS = 500
/** Inputs after which a target is made anew: all that it keeps goes with it. */
const BETWEEN_OPENINGS = 5_000

export interface Finding {
  target: string
  /** The number of the input within its target, from 0: with the seed it is made again. */
  input: number
  what: string
}

export interface CampaignOptions {
  seed: number
  /** Ends after so many inputs, or when the time is over (ms), whichever is first. */
  inputs: number
  forMs: number
  /** Told before each input: what a hang is found by. */
  onInput?(target: string, input: number): void
}

export interface Campaign {
  inputs: Record<string, number>
  findings: Finding[]
  /** The longest input in ms of CPU, and which. */
  slowest: { target: string; input: number; ms: number }
  /** Bytes more than at the beginning. */
  memory: number
}

export async function campaign(targets: readonly Target[], options: CampaignOptions): Promise<Campaign> {
  const runs = await Promise.all(targets.map(target => Run.open(target, options)))
  const heap = liveBytes()
  const end = performance.now() + options.forMs
  const schedule = chanceOf(options.seed)
  const shares = Object.fromEntries(targets.map(({ name, share }) => [name, share]))
  for (let made = 0; made < options.inputs && performance.now() < end; made++) {
    const next = schedule.weighted(shares)
    await runs.find(({ name }) => name === next)?.one()
  }
  for (const run of runs) await run.end()
  const memory = liveBytes() - heap
  const findings = runs.flatMap(run => run.findings)
  if (memory > MORE_MEMORY)
    findings.push({ target: 'all', input: options.inputs, what: `${memory} bytes more live at the end` })
  return {
    inputs: Object.fromEntries(runs.map(run => [run.name, run.inputs])),
    findings,
    slowest: runs.map(run => run.slowest).sort((a, b) => b.ms - a.ms)[0]!,
    memory,
  }
}

/** How long inputs take. To ask for the CPU of each takes longer than most of them. */
class Watch {
  #cpu = process.cpuUsage()
  #at = performance.now()

  /** Returns how to end it, which gives the ms of CPU since, or those on the clock where these are few. */
  begin(): () => number {
    const begin = performance.now()
    if (begin - this.#at > FRESH_MS) {
      this.#cpu = process.cpuUsage()
      this.#at = begin
    }
    return () => {
      const ms = performance.now() - begin
      if (ms < FRESH_MS) return ms
      const { user, system } = process.cpuUsage(this.#cpu)
      return Math.min(ms, (user + system) / 1_000)
    }
  }
}

/** One target in a campaign. */
class Run {
  inputs = 0
  readonly findings: Finding[] = []
  slowest = { target: '', input: 0, ms: 0 }

  readonly name: string
  private readonly watch = new Watch()

  private constructor(
    private readonly target: Target,
    private open: OpenTarget,
    private readonly options: CampaignOptions,
  ) {
    this.name = target.name
  }

  static async open(target: Target, options: CampaignOptions): Promise<Run> {
    return new Run(target, await target.open(), options)
  }

  async one(): Promise<void> {
    const { onInput, seed } = this.options
    const input = this.inputs++
    onInput?.(this.name, input)
    const watch = this.watch.begin()
    await this.#hold(input, () => this.open.run(chanceOf(seed * 7_919 + hash(this.name) + input * 104_729)))
    const ms = watch()
    if (ms > this.slowest.ms) this.slowest = { target: this.name, input, ms }
    if (ms > LONGEST_MS) this.#found(input, `took ${ms.toFixed(0)} ms`)
    if (this.inputs % BETWEEN_CHECKS === 0) await this.#hold(input, () => this.open.check?.())
    if (this.inputs % BETWEEN_OPENINGS !== 0) return
    await this.open.close?.()
    this.open = await this.target.open()
  }

  async end(): Promise<void> {
    await this.#hold(this.inputs, () => this.open.check?.())
    await this.open.close?.()
  }

  async #hold(input: number, work: () => unknown): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#found(input, error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
  }

  #found(input: number, what: string): void {
    this.findings.push({ target: this.name, input, what })
  }
}

const hash = (name: string): number =>
  [...name].reduce((sum, each) => (sum * 31 + each.charCodeAt(0)) >>> 0, 7)

function liveBytes(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
