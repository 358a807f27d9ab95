// The relay without what carries its calls: the handlers of ChatService over a store. They are served over TLS
// (relay.ts) or within one process, by a caller that gives the store and closes it.

import type { Logger } from 'pino'
import type { ChatService } from '../../gen/parley/v1/chat_pb.js'
import type { AccountKey } from '../protocol/keys.js'
import type { Handlers } from '../rpc/service.js'
import { createRelayAdmission, type RelayAdmission } from './admin/admission.js'
import { createDescribe } from './admin/describe.js'
import { createDirectoryStatements } from './auth/directory-statements.js'
import { createKeyExchange } from './auth/key-exchange.js'
import { checkDevice, ProofCheck } from './auth/proof.js'
import { bytesKey } from './bytes.js'
import { AccountChanges } from './chat/account-changes.js'
import { createChat } from './chat/chat.js'
import { ephemeralTo } from './chat/ephemeral.js'
import type { Timing } from './chat/heartbeat.js'
import { sessionGuard } from './chat/session-guard.js'
import { Sessions } from './chat/sessions.js'
import type { Cluster } from './cluster.js'
import { Guard } from './guard/guard.js'
import type { GuardLimits } from './guard/guard-limits.js'
import { TokenBucket } from './guard/token-bucket.js'
import {
  DEAD_AFTER_MS,
  LIMITS,
  OPEN_SESSIONS,
  PING_INTERVAL_MS,
  type RelayLimits,
  SEND_BURST_SECONDS,
} from './limits.js'
import { repeatGuardSweep, repeatSweep } from './maintenance.js'
import type { Registration, Store } from './store/store.js'

export interface ServiceOptions {
  store: Store
  cluster: Cluster
  log: Pick<Logger, 'error' | 'warn'>
  /** SHA-256 (32 bytes) of the SubjectPublicKeyInfo of the certificate that clients see: each proof names it. */
  serverFingerprint: Uint8Array
  /** Empty: the server has no operator. */
  operatorHandle: string
  /** How new accounts come in. Default: open. */
  registration?: Registration
  /** Those left out are the server's. */
  limits?: Partial<RelayLimits>
  timing?: Partial<Timing>
  /** Bounds on addresses and accounts. Those left out are the server's. */
  guard?: Partial<GuardLimits>
  /** At most so many at once. */
  openSessions?: number
  /** The clock: milliseconds since 1970. Default: the system's. */
  now?: () => number
}

interface RelayService {
  readonly handlers: Handlers<typeof ChatService>
  readonly admission: RelayAdmission
  readonly guard: Guard
  /** Lets this account have the operator's handle. Only the server's own process may call it. */
  admitOperator(accountKey: AccountKey): void
  /** Takes no more sessions, tells the open ones, and finishes what they sent. Later calls fail. */
  stop(): Promise<void>
}

export function startService(options: ServiceOptions): RelayService {
  const { store, cluster } = options
  const { directory, log } = store
  const limits: RelayLimits = { ...LIMITS, ...options.limits }
  const timing: Timing = { pingIntervalMs: PING_INTERVAL_MS, deadAfterMs: DEAD_AFTER_MS, ...options.timing }
  const sessions = newSessions(limits, options)
  const guard = new Guard({
    ...{ limits: options.guard, log: options.log, now: options.now ?? Date.now },
    ticks: options.now,
  })
  const changes = new AccountChanges({
    ...{ directory, log, sessions },
    onFailure: error => options.log.error({ err: error }, 'telling of a changed account failed'),
  })
  const leaveCluster = cluster.join({
    closeSession: (device, reason) => sessions.close(device, reason),
    accountChanged: (handle, revoked) => changes.announce(handle, revoked),
    keyPackagesLeft: (device, stock) => sessions.setKeyPackagesLeft(device, stock),
    ephemeral: (devices, envelope) => sessions.addEphemeral(devices, envelope),
  })
  const stopSweep = repeatSweep(sessions, timing)
  const stopGuard = repeatGuardSweep(guard)
  const operators = new Set<string>()
  return {
    handlers: createHandlers({ ...options, limits, timing, sessions, operators, bounded: guard }),
    guard,
    admission: createRelayAdmission(store, cluster),
    admitOperator: accountKey => void operators.add(bytesKey(accountKey)),
    async stop() {
      stopSweep()
      stopGuard()
      await Promise.all([sessions.stop(), changes.stop()])
      leaveCluster()
    },
  }
}

function newSessions(
  { sendsPerSecond: perSecond }: RelayLimits,
  { openSessions: limit = OPEN_SESSIONS, now }: Pick<ServiceOptions, 'openSessions' | 'now'>,
): Sessions {
  const burst = perSecond * SEND_BURST_SECONDS
  return new Sessions({ limit, newBucket: () => new TokenBucket({ perSecond, burst, ...(now && { now }) }) })
}

interface Started extends ServiceOptions {
  limits: RelayLimits
  timing: Timing
  sessions: Sessions
  bounded: Guard
  /** Account keys that may have the operator's handle (see bytesKey). */
  operators: ReadonlySet<string>
}

function createHandlers(started: Started): Handlers<typeof ChatService> {
  const { store, cluster, limits, timing, sessions, operators, serverFingerprint, operatorHandle } = started
  const { bounded } = started
  const { directory, keyPackages, log, cursorKey } = store
  const now = started.now ?? Date.now
  const proofs = new ProofCheck({ directory, serverFingerprint, windowMs: limits.proofWindowMs, now })
  const registration = started.registration ?? 'open'
  return {
    getServer: createDescribe({ store, registration, operatorHandle, limits, now }),
    keyExchange: createKeyExchange({
      ...{ directory, keyPackages, proofs, limits, operatorHandle, cluster, guard: bounded },
      state: createDirectoryStatements({ store, now }),
      serverId: store.serverId,
      registration,
      isOperator: accountKey => operators.has(bytesKey(accountKey)),
    }),
    chat: createChat({
      ...{ log, cursorKey, sessions, proofs, limits, timing, operatorHandle, now },
      checkDevice: device => checkDevice(directory, device, now()),
      passEphemeral: ephemeralTo(cluster, log),
      guardOf: async device => sessionGuard(bounded, device, (await directory.device(device))?.accountKey),
    }),
  }
}
