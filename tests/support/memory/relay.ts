// The relay in this process, without TLS and without a port: its handlers answer on the ways of a network in memory.

import { ChatService } from '../../../gen/parley/v1/chat_pb.js'
import { MESSAGE_BYTES } from '../../../services/protocol/sizes.js'
import type { SeenCertificate } from '../../../services/rpc/channel.js'
import { implement } from '../../../services/rpc/service.js'
import type { RelayAdmission } from '../../../services/server/admin/admission.js'
import { LocalCluster } from '../../../services/server/cluster.js'
import { WITHOUT_ADDRESSES } from '../../../services/server/guard/guard-limits.js'
import { LIMITS } from '../../../services/server/limits.js'
import { type ServiceOptions, startService } from '../../../services/server/service.js'
import type { MemoryNetwork } from './network.js'

export interface MemoryRelayOptions
  extends Pick<ServiceOptions, 'store' | 'operatorHandle' | 'registration' | 'limits'> {
  network: MemoryNetwork
  port: number
  certificate: SeenCertificate
  /** Told of every error of the relay that is a defect. */
  onDefect(error: unknown): void
}

export interface MemoryRelay extends RelayAdmission {
  readonly fingerprint: Uint8Array
  /** Deletes what everybody has acknowledged, and what is kept for too long. */
  expire(): Promise<void>
  /** Tells the clients, and finishes what they sent. */
  stop(): Promise<void>
}

export function startMemoryRelay(options: MemoryRelayOptions): MemoryRelay {
  const { network, port, certificate, onDefect } = options
  const { clock } = network
  const service = startService({
    ...options,
    cluster: new LocalCluster(),
    log: { error: (details: unknown) => onDefect(details), warn: () => undefined },
    guard: WITHOUT_ADDRESSES,
    serverFingerprint: certificate.fingerprint,
    now: clock.now,
  })
  const hangUp = network.listen(port, {
    services: [implement(ChatService, service.handlers)],
    certificate,
    maxMessageBytes: MESSAGE_BYTES,
    onDefect,
  })
  const stop = async () => {
    await service.stop()
    // The last words still arrive.
    await clock.settled()
    hangUp()
  }
  let stopped: Promise<void> | undefined
  return {
    ...service.admission,
    fingerprint: certificate.fingerprint,
    async expire() {
      const { retentionSeconds } = { ...LIMITS, ...options.limits }
      await options.store.log.expire(clock.now() - retentionSeconds * 1000)
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}
