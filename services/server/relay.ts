import type { Logger } from 'pino'
import { ChatService } from '../../gen/parley/v1/chat_pb.js'
import { DESCRIPTORS } from '../../gen/parley/v1/descriptors.js'
import type { AccountKey } from '../protocol/keys.js'
import { METHODS } from '../protocol/method.js'
import { nodeCrypto } from '../protocol/node/crypto.js'
import { keyPairOf } from '../protocol/signature.js'
import { MESSAGE_BYTES } from '../protocol/sizes.js'
import type { MessageBounds, StrangerOptions } from '../rpc/node/call-guard.js'
import { type RpcServer, serve } from '../rpc/node/server.js'
import { implement, type ServiceImplementation } from '../rpc/service.js'
import type { RelayAdmission } from './admin/admission.js'
import { rateLimited, transportDetail } from './auth/failure.js'
import { type Cluster, LocalCluster } from './cluster.js'
import { codeOf, StartError } from './config/start-error.js'
import { type GivenTls, loadGivenTls, loadOwnTls, type ServerTls } from './config/tls.js'
import type { AbuseCount } from './guard/abuse-log.js'
import type { Guard } from './guard/guard.js'
import { LIMITS, RETENTION_EVERY_MS, STOP_MS, UNPROVEN_FIELDS, UNPROVEN_MESSAGES } from './limits.js'
import { repeatRetention } from './maintenance.js'
import { type ServiceOptions, startService } from './service.js'
import type { Store } from './store/store.js'

export interface RelayOptions extends Omit<ServiceOptions, 'cluster' | 'log' | 'serverFingerprint'> {
  /** Closed when the relay has stopped, and when it cannot start. */
  store: Store
  /** Default: this relay is the only one. */
  cluster?: Cluster
  log: Logger
  host: string
  /** 0: a free one. */
  port: number
  /** For the server's own key and certificate. Made where it is missing. */
  folder: string
  /** Instead of the server's own. */
  tls?: GivenTls
  /** Host names and addresses for the server's own certificate, besides this machine's. */
  names?: readonly string[]
  retentionEveryMs?: number
}

export interface Relay extends RelayAdmission {
  /** The counts of those who were held back since the start, the most frequent kind first. */
  abuse(): AbuseCount[]
  port: number
  /** SHA-256 (32 bytes) of the SubjectPublicKeyInfo of the certificate. */
  fingerprint: Uint8Array
  /** 16 bytes. */
  serverId: Uint8Array
  /** The public key that signs what the directory says: 32 bytes. */
  directoryKey: Uint8Array
  /** PEM. */
  certificate: string
  /** Lets this account have the operator's handle. Only the server's own process may call it. */
  admitOperator(accountKey: AccountKey): void
  /** Tells the clients, finishes what they sent, and closes the store. At most STOP_MS. Never rejects. */
  stop(): Promise<void>
}

/** How long calls may take to end at a stop; what is left of STOP_MS is for the connections and the store. */
const STOP_GRACE_MS = STOP_MS - 1_500

/**
 * Listens.
 *
 * Throws StartError, whose message is for the operator.
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  try {
    const tls = await (options.tls ? loadGivenTls(options.tls) : loadOwnTls(options.folder, options.names))
    return await serveRelay(options, tls)
  } catch (error) {
    await options.store.close()
    throw error
  }
}

async function serveRelay(options: RelayOptions, tls: ServerTls): Promise<Relay> {
  const { store, log, cluster = new LocalCluster() } = options
  const service = startService({ ...options, cluster, serverFingerprint: tls.fingerprint })
  const chatService = implement(ChatService, service.handlers)
  const rpc = await bind(options, { tls, chatService, guard: service.guard }).catch(async error => {
    await service.stop()
    throw error
  })
  const stopRetention = repeatRetention({
    ...{ store, log },
    retentionSeconds: options.limits?.retentionSeconds ?? LIMITS.retentionSeconds,
    everyMs: options.retentionEveryMs ?? RETENTION_EVERY_MS,
  })
  const stop = async () => {
    rpc.setServing(false)
    await Promise.all([service.stop(), rpc.stop({ graceMs: STOP_GRACE_MS }), stopRetention()])
    await store.close()
  }
  let stopped: Promise<void> | undefined
  return {
    port: rpc.port,
    fingerprint: tls.fingerprint,
    serverId: store.serverId,
    directoryKey: keyPairOf(nodeCrypto, store.directoryKey).publicKey,
    certificate: tls.cert,
    ...service.admission,
    abuse: () => service.guard.abuse.counts(),
    admitOperator: service.admitOperator,
    stop() {
      stopped ??= stop().catch((error: unknown) => log.error({ err: error }, 'stopping failed'))
      return stopped
    },
  }
}

/** Listens. Throws StartError for an address or a port that cannot be listened on. */
async function bind(
  { host, port, log }: RelayOptions,
  { tls, chatService, guard }: { tls: ServerTls; chatService: ServiceImplementation; guard: Guard },
): Promise<RpcServer> {
  const onDefect = (error: unknown, method: string) =>
    log.error({ err: error, method }, 'a call failed by a defect')
  try {
    return await serve({
      ...{ host, port, tls, services: [chatService], maxMessageBytes: MESSAGE_BYTES, onDefect },
      strangers: strangersBehind(guard),
      descriptors: Buffer.from(DESCRIPTORS, 'base64'),
    })
  } catch (error) {
    const advice = LISTEN_ADVICE[codeOf(error)]
    throw advice ? new StartError(advice(host, port)) : error
  }
}

function strangersBehind(guard: Guard): StrangerOptions {
  return {
    bounds: unprovenBounds,
    detailOf: transportDetail,
    admitConnection: address => guard.connection(address),
    admitCall(address) {
      const waitMs = guard.call(address)
      if (waitMs > 0) throw rateLimited('too many calls from this address', waitMs)
    },
    onHalfOpen: address => guard.silentCall(address),
  }
}

/** A request of KeyExchange is whole or not there: it has to be taken in before its proof can be looked at. */
function unprovenBounds(path: string): MessageBounds {
  const { keyExchangeBytes, openBytes } = LIMITS
  const bytes = path === METHODS.keyExchange ? keyExchangeBytes : openBytes
  return { bytes, fields: UNPROVEN_FIELDS, messages: UNPROVEN_MESSAGES }
}

const LISTEN_ADVICE: Record<string, (host: string, port: number) => string> = {
  EADDRINUSE: (_, port) => `port ${port} is in use: stop what listens there, or choose another with --port`,
  EACCES: (_, port) => `port ${port} may not be used by this user: choose one above 1023 with --port`,
  EADDRNOTAVAIL: host => `${host} is not an address of this machine: choose another with --host`,
  ENOTFOUND: host => `${host} is not a name or an address of this machine: choose another with --host`,
}
