import type { Logger } from 'pino'
import { ChatService } from '../../gen/parley/v1/chat_pb.js'
import { type RpcServer, serve } from '../rpc/node/server.js'
import { implement, type ServiceImplementation } from '../rpc/service.js'
import { createRelayAdmission, type RelayAdmission } from './admin/admission.js'
import { createKeyExchange } from './auth/key-exchange.js'
import { checkKnown, createProofCheck } from './auth/proof.js'
import { type AccountChanges, createAccountChanges } from './chat/account-changes.js'
import { createChat } from './chat/chat.js'
import type { Timing } from './chat/session.js'
import { createStreams, type Streams } from './chat/sessions.js'
import { createTokenBucket } from './chat/token-bucket.js'
import { codeOf, StartError } from './config/start-error.js'
import { type GivenTls, loadGivenTls, loadOwnTls, type ServerTls } from './config/tls.js'
import {
  DEAD_AFTER_MS,
  LIMITS,
  MESSAGE_BYTES,
  OPEN_STREAMS,
  PING_INTERVAL_MS,
  RETENTION_EVERY_MS,
  type RelayLimits,
  SEND_BURST_SECONDS,
  STOP_MS,
} from './limits.js'
import { repeatRetention, repeatSweep } from './maintenance.js'
import { openSqliteStore } from './store/sqlite/store.js'
import type { DeviceId, Registration, Store } from './store/store.js'

export interface RelayOptions {
  /** For the store, and for the server's own key and certificate. Made where it is missing. */
  folder: string
  host: string
  /** 0: a free one. */
  port: number
  /** Empty: the server has no operator. */
  operatorHandle: string
  log: Logger
  /** Whom it takes new accounts from. Default: open. */
  registration?: Registration
  /** Instead of the server's own. */
  tls?: GivenTls
  /** Host names and addresses for the server's own certificate, besides this machine's. */
  names?: readonly string[]
  /** Instead of the SQLite store in the folder. */
  store?: Store
  /** Bytes that the SQLite store may take. */
  maxStorageBytes?: number
  limits?: Partial<RelayLimits>
  timing?: Partial<Timing>
  openStreams?: number
  retentionEveryMs?: number
}

export interface Relay extends RelayAdmission {
  port: number
  /** SHA-256 (32 bytes) of the SubjectPublicKeyInfo of the certificate. */
  fingerprint: Uint8Array
  /** PEM. */
  certificate: string
  /** Lets this account have the operator's handle. Only the server's own process may call it. */
  admitOperator(accountKey: Uint8Array): void
  /** Tells the clients, finishes what they sent, and closes the store. At most STOP_MS. Never rejects. */
  stop(): Promise<void>
}

/** How long calls may take to end at a stop; what is left of STOP_MS is for the connections and the store. */
const STOP_GRACE_MS = STOP_MS - 1_500

/**
 * Opens the store and listens.
 *
 * Throws StartError or the store's StoreOpenError, whose messages are for the operator.
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const limits: RelayLimits = { ...LIMITS, ...options.limits }
  const store = options.store ?? (await openStore(options, limits))
  try {
    const tls = await (options.tls ? loadGivenTls(options.tls) : loadOwnTls(options.folder, options.names))
    return await listen({ options, limits, store, tls })
  } catch (error) {
    await store.close()
    throw error
  }
}

function openStore({ folder, maxStorageBytes }: RelayOptions, limits: RelayLimits): Promise<Store> {
  return openSqliteStore({ folder, limits, ...(maxStorageBytes ? { maxBytes: maxStorageBytes } : {}) })
}

interface Parts {
  options: RelayOptions
  limits: RelayLimits
  store: Store
  tls: ServerTls
}

async function listen(parts: Parts): Promise<Relay> {
  const { options, limits, store, tls } = parts
  const perSecond = limits.sendsPerSecond
  const streams = createStreams({
    log: store.log,
    limit: options.openStreams ?? OPEN_STREAMS,
    newBucket: () => createTokenBucket({ perSecond, burst: perSecond * SEND_BURST_SECONDS }),
  })
  const timing = { pingIntervalMs: PING_INTERVAL_MS, deadAfterMs: DEAD_AFTER_MS, ...options.timing }
  const operators = new Set<string>()
  const changes = createAccountChanges({
    ...{ ...store, streams },
    onFailure: error => options.log.error({ err: error }, 'telling of a changed account failed'),
  })
  const rpc = await bind(parts, service(parts, { streams, changes, timing, operators }))
  const stopSweep = repeatSweep(streams, timing)
  const stopRetention = repeatRetention({
    store,
    retentionSeconds: limits.retentionSeconds,
    everyMs: options.retentionEveryMs ?? RETENTION_EVERY_MS,
    log: options.log,
  })
  const stop = async () => {
    rpc.setServing(false)
    stopSweep()
    await Promise.all([streams.stop(), rpc.stop({ graceMs: STOP_GRACE_MS }), stopRetention()])
    await changes.stop()
    await store.close()
  }
  let stopped: Promise<void> | undefined
  return {
    port: rpc.port,
    fingerprint: tls.fingerprint,
    certificate: tls.cert,
    ...createRelayAdmission(store, streams),
    admitOperator: accountKey => void operators.add(Buffer.from(accountKey).toString('base64')),
    stop() {
      stopped ??= stop().catch((error: unknown) => options.log.error({ err: error }, 'stopping failed'))
      return stopped
    },
  }
}

/** What a started relay keeps in memory. */
interface Running {
  streams: Streams
  changes: AccountChanges
  timing: Timing
  operators: Set<string>
}

function service(
  { options, limits, store, tls }: Parts,
  { streams, changes, timing, operators }: Running,
): ServiceImplementation {
  const { directory, keyPackages, log } = store
  const { operatorHandle, registration = 'open' } = options
  const serverFingerprint = tls.fingerprint
  const checkProof = createProofCheck({ directory, serverFingerprint, windowMs: limits.proofWindowMs })
  const checkStanding = (device: DeviceId) => checkKnown(directory, device)
  const isOperator = (accountKey: Uint8Array) => operators.has(Buffer.from(accountKey).toString('base64'))
  return implement(ChatService, {
    keyExchange: createKeyExchange({
      ...{ directory, keyPackages, checkProof, limits, registration, operatorHandle, isOperator },
      onRevoked(devices) {
        for (const device of devices) streams.close(device, 'revoked')
      },
      onDevicesChanged: changes.announce,
    }),
    chat: createChat({ log, streams, checkProof, checkStanding, limits, timing, operatorHandle }),
  })
}

/** Listens. Throws StartError for an address or a port that cannot be listened on. */
async function bind({ options, tls }: Parts, chatService: ServiceImplementation): Promise<RpcServer> {
  const { host, port, log } = options
  const onDefect = (error: unknown, method: string) =>
    log.error({ err: error, method }, 'a call failed by a defect')
  try {
    return await serve({ host, port, tls, services: [chatService], maxMessageBytes: MESSAGE_BYTES, onDefect })
  } catch (error) {
    const advice = LISTEN_ADVICE[codeOf(error)]
    throw advice ? new StartError(advice(host, port)) : error
  }
}

const LISTEN_ADVICE: Record<string, (host: string, port: number) => string> = {
  EADDRINUSE: (_, port) => `port ${port} is in use: stop what listens there, or choose another with --port`,
  EACCES: (_, port) => `port ${port} may not be used by this user: choose one above 1023 with --port`,
  EADDRNOTAVAIL: host => `${host} is not an address of this machine: choose another with --host`,
  ENOTFOUND: host => `${host} is not a name or an address of this machine: choose another with --host`,
}
