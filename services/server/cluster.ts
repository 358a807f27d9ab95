// The relays of an installation tell each other of these. A device has its session at one of them, and none knows at
// which: what is told reaches every relay, the teller too. It is told, not kept: a relay that is away misses it, and
// whatever has to be true afterwards is in the store.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ClosingSchema, Envelope } from '../../gen/parley/v1/chat_pb.js'
import type { DeviceId, Suite } from './store/store.js'

/** Why a session is ended: the cases of Closing. */
export type ClosingReason = NonNullable<NonNullable<MessageInitShape<typeof ClosingSchema>['reason']>['case']>

/** One-time key packages of a device and of one suite that are left. */
export interface Stock {
  suite: Suite
  left: number
}

/** One relay's part: it acts on what is told. None of it waits or fails. */
export interface ClusterMember {
  /** Ends the device's session with Closing, if it is here. */
  closeSession(device: DeviceId, reason: ClosingReason): void
  /** An account has another device, or these of its devices were revoked: tells the sessions here that it concerns. */
  accountChanged(handle: string, revoked: readonly DeviceId[]): void
  /** Somebody has taken a key package of the device: tells its session, if it is here, how many are left. */
  keyPackagesLeft(device: DeviceId, stock: Stock): void
  /** Hands an ephemeral envelope to those of the devices whose sessions are here. */
  ephemeral(devices: readonly DeviceId[], envelope: Envelope): void
}

export interface Cluster extends ClusterMember {
  /** Tells a relay, too, from here on. Returns how to leave. */
  join(member: ClusterMember): () => void
}

/** The relays of one process, which mostly is one. */
export class LocalCluster implements Cluster {
  readonly #members = new Set<ClusterMember>()

  join(member: ClusterMember): () => void {
    this.#members.add(member)
    return () => void this.#members.delete(member)
  }

  closeSession(device: DeviceId, reason: ClosingReason): void {
    for (const member of this.#members) member.closeSession(device, reason)
  }

  accountChanged(handle: string, revoked: readonly DeviceId[]): void {
    for (const member of this.#members) member.accountChanged(handle, revoked)
  }

  keyPackagesLeft(device: DeviceId, stock: Stock): void {
    for (const member of this.#members) member.keyPackagesLeft(device, stock)
  }

  ephemeral(devices: readonly DeviceId[], envelope: Envelope): void {
    for (const member of this.#members) member.ephemeral(devices, envelope)
  }
}
