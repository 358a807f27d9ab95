// A soak from beginning to end: processes, what they do, what befalls them, and whether what they hold agrees.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startWorker, type WorkerProcess } from '../bench/worker.js'
import { chance } from '../support/chance.js'
import { steadyPort } from '../support/world.js'
import { adversaries as adversariesOf, isHonestText, isSecretFrom } from './adversary/names.js'
import type { AdversariesApi, AdversaryReport } from './adversary/process.js'
import type { MembersApi, MembersStart } from './member-process.js'
import type { Counts, ServerApi } from './server-process.js'
import { compare, type Transcript, type Verdict } from './transcripts.js'
import { type Troubles, trouble, type Victim } from './troubles.js'
import { openWire, type Wire } from './wire.js'

export interface SoakOptions {
  members: number
  /** Texts of each member. */
  messages: number
  /** How long they are written, in ms. */
  ms: number
  kill: boolean
  seed: number
  perProcess: number
  /** How many members have a modified program, and what they do with it: see `actsNamed`. */
  adversaries?: number
  acts?: string
  /** Leaves the folder of vaults and store behind. */
  keep?: boolean
  say(text: string): void
}

export interface Report extends Verdict {
  counts: Counts
  troubles: Troubles
  /** Lines that were lost and came up again. */
  reconnects: number
  notices: Record<string, number>
  /** How often the adversaries did what. */
  acts: Record<string, number>
  /** Honest texts that each of them could read, rightly or not. */
  read: number
  texts: number
  conversations: number
  /** Until everything was quiet after the last text, in ms. */
  settleMs: number
  durationMs: number
}

/** Nothing has happened for so long, in ms: receipts and turns of removing are over. */
const QUIET_MS = 3000
/** Then something hangs, in ms: floods of adversaries take their time. */
const SETTLE_MS = 60_000
const SETTLE_AFTER_FLOODS_MS = 240_000
/** Between two acts of one adversary, in ms, on average. */
const ACT_PAUSE_MS = 600
/** The part of the time after which those who are to be removed are. */
const EXPELLED_AFTER = 1 / 3
/** Between two looks whether they are, in ms. */
const EXPEL_AGAIN_MS = 500
/** Between two looks whether adversaries are left in any room, in ms. */
const FOUND_MORE_MS = 5_000
/** One member in so many opens a room. */
const MEMBERS_PER_ROOM = 5

interface Members extends Victim {
  call: WorkerProcess<MembersApi>['call']
  finish(): Promise<void>
  reconnects(): Promise<{ lines: number; notices: Record<string, number> }>
}

export async function soak(options: SoakOptions): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-soak-'))
  const begin = performance.now()
  const close: (() => Promise<unknown>)[] = []
  try {
    const server = await startServer(join(folder, 'server'))
    close.unshift(server.stop)
    const members = await startMembers(options, { folder, port: server.port })
    close.unshift(() => Promise.all(members.map(member => member.finish())))
    const adversaries = await startAdversaries(options, server.port)
    close.unshift(() => adversaries.stop())
    const people = `${options.members} members in ${members.length} processes`
    options.say(`${people}, ${options.adversaries ?? 0} adversaries`)
    const { troubles, settleMs, transcripts } = await play(options, { server, members, adversaries })
    const enemy = await adversaries.call('report', undefined)
    const texts = transcripts.flatMap(({ lines }) => lines).filter(({ kind, own }) => own && kind === 'text')
    const met = await Promise.all(members.map(member => member.reconnects()))
    const notices: Record<string, number> = {}
    for (const [text, times] of met.flatMap(one => Object.entries(one.notices)))
      notices[text] = (notices[text] ?? 0) + times
    const verdict = compare(transcripts)
    return {
      ...verdict,
      violations: [...verdict.violations, ...wrongs(enemy)],
      acts: enemy.acts,
      read: enemy.read.filter(({ text }) => isHonestText(text)).length,
      counts: await server.counts(),
      troubles,
      settleMs,
      texts: texts.length,
      conversations: new Set(transcripts.map(({ conversation }) => conversation)).size,
      reconnects: met.reduce((sum, { lines }) => sum + lines, 0) - options.members,
      notices,
      durationMs: performance.now() - begin,
    }
  } finally {
    for (const one of close) await one()
    if (options.keep) options.say(`kept: ${folder}`)
    else await rm(folder, { recursive: true, force: true })
  }
}

interface Cast {
  server: Awaited<ReturnType<typeof startServer>>
  members: Members[]
  adversaries: WorkerProcess<AdversariesApi>
}

async function play(
  options: SoakOptions,
  { server, members, adversaries }: Cast,
): Promise<{ troubles: Troubles; settleMs: number; transcripts: Transcript[] }> {
  const { kill, seed, ms, messages, say, adversaries: enemies = 0 } = options
  if (enemies > 0) for (const member of members) await member.call('foundWith', adversariesOf(enemies))
  await adversaries.call('act', { pauseMs: ACT_PAUSE_MS })
  for (const member of members) await member.call('act', { messages, ms })
  const expelled = expel(members, { enemies, ms })
  const more = foundMore(members, { enemies, ms })
  const troubles = await trouble({ members, killServer: server.kill, kill, ms, chance: chance(seed) })
  await Promise.all([expelled, more])
  await adversaries.call('rest', undefined)
  for (const member of members) await member.call('rest', undefined)
  say('quiet now; waiting until everything has arrived')
  const end = performance.now()
  await settled(members, options)
  for (const member of members) await member.call('sayLast', undefined)
  await settled(members, options)
  const settleMs = performance.now() - end - 2 * QUIET_MS
  const dumps = await Promise.all(members.map(member => member.call('dump', undefined)))
  return { troubles, settleMs, transcripts: dumps.flat() }
}

/** Nobody was to take or to read these. */
const wrongs = ({ read, holes }: AdversaryReport): string[] => [
  ...holes,
  ...read
    .filter(({ by, text }) => isSecretFrom(by, text))
    .map(({ by, text }) => `${by} could read "${text}"`),
]

async function startAdversaries(
  { adversaries = 0, acts = 'all', members, seed }: SoakOptions,
  port: number,
): Promise<WorkerProcess<AdversariesApi>> {
  const worker = startWorker<AdversariesApi>(new URL('./adversary/process.js', import.meta.url))
  const honest = handlesOf(members)
  await worker.call('start', { port, adversaries: adversariesOf(adversaries), honest, seed, acts })
  return worker
}

/** After a while some adversaries are removed everywhere, as far as that is possible in the time. */
async function expel(
  members: readonly Members[],
  { enemies, ms }: { enemies: number; ms: number },
): Promise<void> {
  const handles = adversariesOf(enemies).flatMap(({ handle, role }) => (role === 'removed' ? [handle] : []))
  const end = performance.now() + ms
  await delay(handles.length > 0 ? ms * EXPELLED_AFTER : 0)
  for (let left = handles.length; left > 0 && performance.now() < end; ) {
    left = 0
    // A process that is killed meanwhile has not heard it.
    for (const handle of handles)
      for (const member of members) left += await member.call('expel', handle).catch(() => 1)
    if (left > 0) await delay(EXPEL_AGAIN_MS)
  }
}

/** Adversaries who were taken out of a room are out of it: they go on in others. */
async function foundMore(
  members: readonly Members[],
  { enemies, ms }: { enemies: number; ms: number },
): Promise<void> {
  const invited = adversariesOf(enemies).filter(({ role }) => role !== 'removed')
  for (const end = performance.now() + ms; invited.length > 0; ) {
    await delay(FOUND_MORE_MS)
    if (performance.now() + FOUND_MORE_MS > end) return
    // A process that is killed meanwhile has not heard it.
    for (const member of members) await member.call('foundMore', invited).catch(() => undefined)
  }
}

/** A text that still waits after so long shows in the transcripts. */
async function settled(
  members: readonly Members[],
  { adversaries = 0, say }: Pick<SoakOptions, 'adversaries' | 'say'>,
): Promise<void> {
  const end = performance.now() + (adversaries > 0 ? SETTLE_AFTER_FLOODS_MS : SETTLE_MS)
  while (performance.now() < end) {
    const found = await Promise.all(members.map(member => member.call('quiet', undefined)))
    if (found.every(({ ms, isBusy }) => !isBusy && ms > QUIET_MS)) return
    await delay(QUIET_MS / 10)
  }
  const states = await Promise.all(members.map(member => member.call('state', undefined)))
  const waiting = states.flatMap(state => state.members).filter(({ up, unsent }) => !up || unsent > 0)
  const last = states.filter(({ quietMs }) => quietMs <= QUIET_MS).map(({ lastSaid }) => lastSaid)
  say(`it does not become quiet: ${JSON.stringify(waiting)} ${last.join('; ')}`)
}

async function startServer(folder: string) {
  const port = await steadyPort()
  const sum: Counts = { messages: 0, commits: 0, lostRaces: 0, rejected: 0 }
  const add = (counts: Counts) => {
    for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += counts[name]
  }
  const start = async () => {
    const worker = startWorker<ServerApi>(new URL('./server-process.js', import.meta.url))
    await worker.call('start', { folder, port })
    return worker
  }
  let worker = await start()
  return {
    port,
    async kill() {
      add(await worker.call('counts', undefined))
      await worker.kill('SIGKILL')
      worker = await start()
    },
    async counts() {
      add(await worker.call('counts', undefined))
      return sum
    },
    stop: () => worker.stop(),
  }
}

const handlesOf = (members: number) => Array.from({ length: members }, (_, index) => `m${index}`)

async function startMembers(
  options: SoakOptions,
  { folder, port }: { folder: string; port: number },
): Promise<Members[]> {
  const { perProcess, seed, messages, ms, adversaries = 0 } = options
  const hasAdversaries = adversaries > 0
  const everybody = handlesOf(options.members)
  const founders = everybody.filter((_, index) => index % MEMBERS_PER_ROOM === 0)
  const made: Members[] = []
  for (let from = 0; from < everybody.length; from += perProcess) {
    const handles = everybody.slice(from, from + perProcess)
    const wire = await openWire(port)
    const start = {
      folder,
      port: wire.port,
      handles,
      everybody,
      seed,
      generation: 0,
      founders,
      hasAdversaries,
    }
    made.push(await startProcess(start, { wire, act: { messages, ms } }))
  }
  return made
}

async function startProcess(
  first: MembersStart,
  { wire, act }: { wire: Wire; act: { messages: number; ms: number } },
): Promise<Members> {
  let { generation } = first
  let lines = 0
  const notices: Record<string, number> = {}
  const start = async () => {
    const worker = startWorker<MembersApi>(new URL('./member-process.js', import.meta.url))
    await worker.call('start', { ...first, generation })
    return worker
  }
  let worker = await start()
  const note = async () => {
    const counts = await worker.call('counts', undefined)
    lines += counts.lines
    for (const [text, times] of Object.entries(counts.notices)) notices[text] = (notices[text] ?? 0) + times
  }
  return {
    call: (method, argument) => worker.call(method, argument),
    cut: wire.cut,
    slow: wire.delay,
    pause: () => void worker.kill('SIGSTOP'),
    goOn: () => void worker.kill('SIGCONT'),
    async kill() {
      await note()
      await worker.kill('SIGKILL')
      generation++
      worker = await start()
      await worker.call('act', act)
    },
    async reconnects() {
      await note()
      return { lines, notices }
    },
    async finish() {
      await worker.stop()
      await wire.close()
    },
  }
}
