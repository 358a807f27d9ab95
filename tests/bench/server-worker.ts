// The process that is measured: the relay, or a raw server in its place.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import type { OutgoingEnvelope } from '../../gen/parley/v1/chat_pb.js'
import { loadOwnTls } from '../../services/server/config/tls.js'
import { LIMITS } from '../../services/server/limits.js'
import { startRelay } from '../../services/server/relay.js'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import type { Store } from '../../services/server/store/store.js'
import { withLog } from '../support/store-wrapper.js'
import { UNGUARDED } from '../support/unguarded.js'
import { startEcho, startHttp2 } from './raw-servers.js'
import { answer } from './worker.js'

export type ServerKind = 'relay' | 'echo' | 'http2'

export interface ServerAddress {
  host: string
  port: number
  /** PEM. */
  certificate: string
}

export interface Usage {
  /** Of this process so far, in ms. */
  cpuMs: number
  /** Bytes, after a collection. */
  rss: number
  heap: number
  /** Transactions that stored sends, and the sends in them. */
  transactions: number
  sends: number
}

/** The largest of each that was stored since it was last asked for, in bytes; and how many commits were. */
export interface Sizes {
  commit: number
  welcome: number
  message: number
  commits: number
}

const HOST = '127.0.0.1'
/** The bench measures the relay, not its limit. */
const UNLIMITED = 1e9
const UNLIMITED_BYTES = 1e12
/** Memory that was freed goes back to the system a little later. */
const SETTLE_MS = 300

const folder = await mkdtemp(join(tmpdir(), 'parley-bench-'))
const counts = { transactions: 0, sends: 0 }
const NO_SIZES: Sizes = { commit: 0, welcome: 0, message: 0, commits: 0 }
let sizes = { ...NO_SIZES }
let stop = async () => {}

/** Appends that are answered in the same turn of the event loop were in the same transaction. */
function counting(store: Store): Store {
  let sameTurn = false
  const append: Store['log']['append'] = async (device, sends) => {
    const outcomes = await store.log.append(device, sends)
    counts.sends += sends.length
    for (const [index, { envelope }] of sends.entries()) if (outcomes[index]?.accepted) noteSize(envelope)
    if (!sameTurn) {
      sameTurn = true
      counts.transactions += 1
      setImmediate(() => (sameTurn = false))
    }
    return outcomes
  }
  return withLog(store, { append })
}

function noteSize(envelope: OutgoingEnvelope['envelope']): void {
  if (envelope.case === 'application')
    sizes.message = Math.max(sizes.message, envelope.value.ciphertext.length)
  // Of those that invite: others' updates come in between.
  if (envelope.case !== 'commit' || envelope.value.welcomes.length === 0) return
  sizes.commits++
  sizes.commit = Math.max(sizes.commit, envelope.value.commit.length)
  for (const { welcome } of envelope.value.welcomes) sizes.welcome = Math.max(sizes.welcome, welcome.length)
}

async function relay(): Promise<ServerAddress> {
  const limits = { ...LIMITS, sendsPerSecond: UNLIMITED, accountBytes: UNLIMITED_BYTES }
  const store = counting(await openSqliteStore({ folder, limits }))
  const log = pino({ level: 'warn' }, pino.destination(2))
  const given = { folder, host: HOST, port: 0, operatorHandle: '', log, limits, store, guard: UNGUARDED }
  const started = await startRelay(given)
  stop = () => started.stop()
  return { host: HOST, port: started.port, certificate: started.certificate }
}

async function echo(): Promise<ServerAddress> {
  const tls = await loadOwnTls(folder)
  const server = await startEcho(tls)
  stop = () => server.stop({ graceMs: 0 })
  return { host: HOST, port: server.port, certificate: tls.cert }
}

async function http2(): Promise<ServerAddress> {
  const tls = await loadOwnTls(folder)
  const { port } = await startHttp2(tls)
  return { host: HOST, port, certificate: tls.cert }
}

const start: Record<ServerKind, () => Promise<ServerAddress>> = { relay, echo, http2 }

const methods = {
  start: (kind: ServerKind) => start[kind](),
  async usage(): Promise<Usage> {
    for (let round = 0; round < 3; round++) {
      globalThis.gc?.()
      await delay(SETTLE_MS)
    }
    return { ...counts, cpuMs: cpuMs(), rss: process.memoryUsage.rss(), heap: process.memoryUsage().heapUsed }
  },
  async sizes(): Promise<Sizes> {
    const before = sizes
    sizes = { ...NO_SIZES }
    return before
  },
  load: async () => ({ ...counts, cpuMs: cpuMs() }),
}
export type ServerApi = typeof methods

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

answer(methods, async () => {
  await stop()
  await rm(folder, { recursive: true, force: true })
})
