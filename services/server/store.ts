// What the relay asks of a store. Two interfaces, because an installation of several nodes keeps them
// in different places; nothing here assumes that one process is the only one that writes.

import type { Envelope, OutgoingEnvelope, RejectedSend } from '../../gen/parley/v1/chat_pb.js'

/** A device's Ed25519 public key (32 bytes): its name in the contract and in the store. */
export type DeviceId = Uint8Array

export interface DeviceRecord {
  handle: string
  accountKey: Uint8Array
  deviceId: DeviceId
  /** The encoded SignedDeviceCertificate, already verified by whoever registers it. */
  certificate: Uint8Array
}

export type RegisterOutcome = 'registered' | 'handle-taken' | 'too-many-devices'

export interface ClaimedKeyPackage {
  certificate: Uint8Array
  /** undefined: the device has none. */
  keyPackage: Uint8Array | undefined
  lastResort: boolean
}

/**
 * Accounts, devices and key packages. Every promise resolves after the change is durable and visible to
 * every process of the installation. Throws StorageFullError when there is no room to write.
 */
export interface Directory {
  /** Registers a device, and its account with the first one. The same device again changes nothing. */
  register(device: DeviceRecord): Promise<RegisterOutcome>
  device(id: DeviceId): Promise<DeviceRecord | undefined>
  /** True once for each (device, nonce); the nonce may be forgotten after `until` (ms since 1970). */
  spendNonce(id: DeviceId, nonce: Uint8Array, until: number): Promise<boolean>
  /** Keeps key packages up to the limit. One that was published before, even if claimed since, is left out. */
  publish(id: DeviceId, packages: { oneTime: readonly Uint8Array[]; lastResort?: Uint8Array }): Promise<void>
  keyPackages(id: DeviceId): Promise<{ left: number; hasLastResort: boolean }>
  /** One key package of each device of the handle but `except`; a one-time one goes to one claim only. */
  claim(handle: string, except: DeviceId): Promise<ClaimedKeyPackage[] | undefined>
}

/** A place in the log; opaque above the store. Empty: the beginning. */
export type Cursor = Uint8Array

/** What became of one send: nothing to say more, or why it was not stored. */
export type AppendOutcome =
  | { accepted: true }
  | { accepted: false; reason: RejectedSend['reason']; after: Cursor }

export interface ReadRequest {
  device: DeviceId
  after: Cursor
  /** At most so many envelopes and, one envelope aside, so many bytes. */
  maxEnvelopes: number
  maxBytes: number
}

export interface ReadResult {
  envelopes: Envelope[]
  /** The place after the last of them; where there are none, a place at or after `after`. */
  cursor: Cursor
  /** Whether there was more to read at that moment. */
  more: boolean
}

/**
 * The ordered log of envelopes.
 *
 * Durable: `append` resolves after the envelopes, the sender's client sequence, the roster and the epoch
 * are on disk, all in one transaction, which it shares with everything else that came meanwhile.
 * Exactly once: a send at or below the sender's highest accepted client sequence is accepted again and
 * not stored again; one above the next is rejected as out_of_order.
 * Ordered: all devices read a conversation's envelopes in the same order, and what is read once stays
 * before whatever is appended later.
 * One commit per epoch: a commit bundle is accepted only in the conversation's current epoch.
 */
export interface Log {
  /**
   * Appends one device's sends, in their order. A stale_epoch outcome's `after` is a cursor at or past the
   * commit that won: the sender must be delivered up to there before it hears of the rejection.
   */
  append(device: DeviceId, sends: readonly OutgoingEnvelope[]): Promise<AppendOutcome[]>
  /** The highest accepted client sequence of the device; 0n if none. */
  clientSequence(device: DeviceId): Promise<bigint>
  /** Reads on for a device: everything in its conversations from where it was added to where it was removed. */
  read(request: ReadRequest): Promise<ReadResult>
  /** The device has saved everything up to the cursor. May be made durable later: forgetting it costs room only. */
  acknowledge(device: DeviceId, cursor: Cursor): Promise<void>
  /** The devices on a conversation's roster now; undefined if there is no such conversation. */
  roster(conversationId: Uint8Array): Promise<DeviceId[] | undefined>
  /** Calls `wake` whenever there may be something new to read for the device. Returns how to stop. */
  watch(device: DeviceId, wake: () => void): () => void
  /**
   * Deletes envelopes that every member device has acked past, and those stored before the given time
   * (ms since 1970), for which devices that had not read them will read a `missed` envelope. Returns how many.
   */
  expire(storedBefore: number): Promise<number>
}

export interface Store {
  directory: Directory
  log: Log
  close(): Promise<void>
}

/** There is no room left to write; nothing was changed. */
export class StorageFullError extends Error {
  override name = 'StorageFullError'
}
