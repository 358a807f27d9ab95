// The server that the contract is tested on: one started here, or any that PARLEY_CONTRACT_ADDRESS (host:port)
// names. Tests that have to set or stop a server start their own and are left out with a named one.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { ChatService } from '../../gen/parley/v1/chat_pb.js'
import { MESSAGE_BYTES } from '../../services/protocol/sizes.js'
import { probe, spkiFingerprint } from '../../services/rpc/node/certificate.js'
import { connect } from '../../services/rpc/node/client.js'
import type { RelayLimits } from '../../services/server/limits.js'
import { type Relay, type RelayOptions, startRelay } from '../../services/server/relay.js'
import { openMemoryStore } from '../../services/server/store/memory/store.js'
import { Tables } from '../../services/server/store/memory/tables.js'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import type { Store } from '../../services/server/store/store.js'
import { startServer } from './controlled/server.js'
import { UNGUARDED } from './unguarded.js'

export const NAMED_ADDRESS = process.env.PARLEY_CONTRACT_ADDRESS

/** For what a client can bring about on any server. */
export const onAnyServer: typeof test = test
/** Left out with a named server: it would have to be set up or stopped for it. */
export const onOwnServer: typeof test.skip = NAMED_ADDRESS ? test.skip : test

/** Milliseconds: a machine may be busy with other tests. */
jest.setTimeout(30_000)

/** A test that fails half-way must not leave the run hanging on what it opened. */
const leftOpen = new Set<() => unknown>()
afterAll(async () => {
  await Promise.all([...leftOpen].map(close => close()))
})

/** Closes something at the end of the file's tests, if it is still open. */
export function closeAtEnd(close: () => unknown): void {
  leftOpen.add(close)
}

export interface ContractServer {
  host: string
  port: number
  /** PEM. */
  certificate: string
  fingerprint: Uint8Array
  /** 16 bytes. */
  serverId: Uint8Array
  /** Where it is ours. */
  relay?: Relay
  folder?: string
  /** Errors that were logged: a defect behind a status. */
  defects: unknown[]
  /** Warnings that were logged: somebody was held back. */
  warnings: Record<string, unknown>[]
  stop(): Promise<void>
}

/** Small, so that the tests come to them soon. */
export const SMALL_LIMITS = {
  applicationBytes: 4096,
  commitBundleBytes: 64 * 1024,
  envelopesPerSend: 64,
  unackedDeliveries: 8,
  sendsPerSecond: 400,
  devicesPerConversation: 8,
  conversationsPerDevice: 12,
  keyPackagesPerDevice: 60,
  devicesPerAccount: 3,
  claimsPerCall: 8,
}

/** A line of the server's log. */
type LogLine = Record<string, unknown> & { level: number }

/** The named server, or one of our own with small limits. */
export async function contractServer(): Promise<ContractServer> {
  if (!NAMED_ADDRESS) return ownServer({ limits: SMALL_LIMITS })
  const { hostname: host, port } = new URL(`parley://${NAMED_ADDRESS}`)
  const { certificate } = await probe({ host, port: Number(port) })
  return {
    ...{ host, port: Number(port), certificate, fingerprint: spkiFingerprint(certificate) },
    serverId: await idOf({ host, port: Number(port), certificate }),
    ...{ defects: [], warnings: [] },
    stop: async () => {},
  }
}

async function idOf(server: { host: string; port: number; certificate: string }): Promise<Uint8Array> {
  const { certificate, ...address } = server
  const trust = { kind: 'pinned' as const, certificate }
  const channel = connect({ ...address, trust, maxMessageBytes: MESSAGE_BYTES })
  try {
    return (await channel.unary(ChatService.method.getServer, {})).serverId
  } finally {
    channel.close()
  }
}

export type StoreKind = 'memory' | 'sqlite'

/** The store that servers of our own are started with from here on: see contract-suite.ts. */
let storeKind: StoreKind = 'sqlite'

export function useStore(kind: StoreKind): void {
  storeKind = kind
}

/** The data of stores in memory, by the folder that a store on a disk would be in. */
const memories = new Map<string, Tables>()

interface ContractStoreOptions {
  folder: string
  limits?: Partial<RelayLimits>
  maxBytes?: number
  now?: () => number
}

/** Opens the store of the kind that is tested, on what an earlier one left in the folder. */
export async function openContractStore({ folder, ...options }: ContractStoreOptions): Promise<Store> {
  if (storeKind === 'sqlite') return openSqliteStore({ folder, ...options })
  const tables = memories.get(folder) ?? new Tables()
  memories.set(folder, tables)
  return openMemoryStore({ tables, ...options })
}

export type OwnServerOptions = Partial<RelayOptions> & {
  /** Keep the folder at a stop. */
  keep?: boolean
  /** The store's clock. */
  storeNow?: () => number
  /** Bytes that the store may take. */
  maxBytes?: number
}

/** Functions and open stores stay in this process. */
const canBeProcess = ({ folder, store, now, cluster, tls }: OwnServerOptions): boolean =>
  [folder, store, now, cluster, tls].every(each => each === undefined)

async function serverProcess({
  guard = UNGUARDED,
  limits,
  maxBytes,
  operatorHandle = 'operator',
  registration,
}: OwnServerOptions): Promise<ContractServer> {
  const server = await startServer({
    relay: { guard, operatorHandle, ...(registration && { registration }) },
    store: { ...(limits && { limits }), ...(maxBytes && { maxBytes }) },
  })
  closeAtEnd(() => server.stop())
  return {
    ...server,
    get defects() {
      return server.noted().defects
    },
    get warnings() {
      return server.noted().warnings
    },
  }
}

export async function ownServer({
  keep,
  maxBytes,
  storeNow,
  ...options
}: OwnServerOptions = {}): Promise<ContractServer> {
  if (process.env.PARLEY_ATTACK === 'processes' && canBeProcess(options) && !keep && !storeNow)
    return await serverProcess({ ...options, ...(maxBytes && { maxBytes }) })
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'parley-contract-')))
  const defects: unknown[] = []
  const warnings: Record<string, unknown>[] = []
  const note = (line: LogLine) => (line.level >= pino.levels.values.error! ? defects : warnings).push(line)
  const log = pino({ level: 'warn' }, { write: line => void note(JSON.parse(line)) })
  const host = '127.0.0.1'
  const limits = { ...options.limits }
  const store =
    options.store ??
    (await openContractStore({
      folder,
      limits,
      ...(maxBytes && { maxBytes }),
      ...(storeNow && { now: storeNow }),
    }))
  const relay = await startRelay({
    host,
    port: 0,
    operatorHandle: 'operator',
    log,
    guard: UNGUARDED,
    ...options,
    folder,
    store,
  })
  const { port, certificate, fingerprint, serverId } = relay
  closeAtEnd(() => relay.stop())
  return {
    ...{ host, port, certificate, fingerprint, serverId, relay, folder, defects, warnings },
    async stop() {
      await relay.stop()
      if (keep) return
      memories.delete(folder)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
