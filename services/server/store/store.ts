// The relay asks this of a store. Four interfaces, because an installation of several nodes keeps them
// in different places; nothing here assumes that one process is the only one that writes.

import type { Envelope, OutgoingEnvelope, RejectedSend } from '../../../gen/parley/v1/chat_pb.js'
import type { DeviceList } from '../../protocol/identity/device-list.js'
import type { DeviceRemoval } from '../../protocol/identity/device-removal.js'
import type { AccountKey } from '../../protocol/keys.js'

/** A device's Ed25519 public key (32 bytes): its name in the contract and in the store. */
export type DeviceId = Uint8Array

export interface DeviceRecord {
  handle: string
  accountKey: Uint8Array
  deviceId: DeviceId
}

/** An account as it is kept. */
export interface AccountRecord {
  handle: string
  accountKey: Uint8Array
  /** The newest list, an encoded SignedDeviceList. */
  deviceList: Uint8Array
  /** Encoded SignedDeviceRemovals that could count for it. */
  removals: readonly Uint8Array[]
}

/** Why nothing is taken from a registered device, and nothing given to it. */
export type Blocked = 'revoked' | 'banned'

export interface RegisteredDevice extends DeviceRecord {
  blocked: Blocked | undefined
}

/** How new accounts come in. Further devices of an account are always let in. */
export type Registration = 'open' | 'invite' | 'closed'

export interface RegisterTerms {
  newAccounts: Registration
  /** The hash of the invite that was given; used up only by a new account that needs one. */
  inviteHash?: Uint8Array
}

/** A device brings a list, removals, or both; what is in it was verified. */
export interface AccountChange {
  caller: DeviceId
  handle: string
  accountKey: AccountKey
  list?: { content: DeviceList; encoded: Uint8Array } | undefined
  removals: readonly DeviceRemoval[]
}

export interface ChangeOutcome {
  outcome: RegisterOutcome
  /** The account as it is kept from here on; undefined where nobody goes by the handle. */
  account: AccountRecord | undefined
  /** Registered devices that were in use until now and are not any more. */
  ended: DeviceId[]
  /** The devices of the account are others than before. */
  isChanged: boolean
}

/** 'registered': with a new account; 'added': to an account that exists; 'known': it was there before. */
export type RegisterOutcome =
  | 'registered'
  | 'added'
  | 'known'
  | 'handle-taken'
  | 'too-many-devices'
  | 'invite-needed'
  | 'invite-invalid'
  | 'registration-closed'
  | 'banned'
  /** The account does not have it in use any more. */
  | 'revoked'
  /** The list does not name it. */
  | 'not-listed'
  | 'list-not-newer'
  /** Its number is too far in the future. */
  | 'list-not-timely'

/**
 * Accounts and devices. Every promise resolves after the change is durable and visible to every process of
 * the installation. Throws StorageFullError when there is no room to write.
 */
export interface Directory {
  /**
   * Takes in a list and removals of an account, and registers the device that brings them: with the first list of a
   * handle its account. Devices that are not in use then lose their key packages. The same again changes nothing.
   */
  change(change: AccountChange, terms: RegisterTerms): Promise<ChangeOutcome>
  /** undefined if nobody goes by the handle. */
  account(handle: string): Promise<AccountRecord | undefined>
  /** The account with this key, which has one handle. undefined: there is none. */
  accountOf(accountKey: Uint8Array): Promise<AccountRecord | undefined>
  device(id: DeviceId): Promise<RegisteredDevice | undefined>
  /** The registered devices of an account that are in use; undefined if nobody goes by the handle. */
  devices(handle: string): Promise<DeviceRecord[] | undefined>
  /** True once for each (device, nonce); the nonce may be forgotten after `until` (ms since 1970). */
  spendNonce(id: DeviceId, nonce: Uint8Array, until: number): Promise<boolean>
}

export interface ClaimedKeyPackage {
  deviceId: DeviceId
  /** undefined: the device has none. */
  keyPackage: Uint8Array | undefined
  lastResort: boolean
  /** One-time ones of the device and of the suite that are left, where one was taken. */
  left?: number
}

/** The number of an MLS cipher suite. */
export type Suite = number

export interface ClaimTerms {
  suite: Suite
  except: DeviceId
  /** Hands out those of last resort only. */
  lastResortOnly?: boolean
}

export interface Publication {
  /** Of all that is in it, and the only one that it touches. */
  suite: Suite
  oneTime: readonly Uint8Array[]
  /** Takes the place of the one before. */
  lastResort?: Uint8Array
  /** Those that are not among these go: one-time ones as if they were claimed. */
  replaces?: boolean
}

/** Key packages of registered devices, durable as the directory is. */
export interface KeyPackages {
  /**
   * Keeps key packages up to the limits (LAST_RESORTS_PER_DEVICE is another one). One that was published before, even
   * if claimed since, is left out; so are all of a revoked device.
   */
  publish(id: DeviceId, packages: Publication): Promise<void>
  count(id: DeviceId, suite: Suite): Promise<{ left: number; hasLastResort: boolean }>
  /** One of the suite of each device of the handle but `except` and the revoked; a one-time one goes to one claim only. */
  claim(handle: string, how: ClaimTerms): Promise<ClaimedKeyPackage[] | undefined>
  /** Deletes one-time ones that were published before the given time (ms since 1970). Returns how many. */
  expire(publishedBefore: number): Promise<number>
}

/** An account, whether or not somebody goes by the handle yet, or one device. */
export type BanSubject = { handle: string } | { deviceId: DeviceId }

export type Ban = BanSubject & {
  /** Milliseconds since 1970. */
  bannedAt: number
}

/** The operator's decisions about who may come in, durable as the directory is. */
export interface Admission {
  /**
   * Lets one new account in until the given time (ms since 1970). A hash is kept, so that a copy of the store lets
   * nobody in.
   */
  addInvite(hash: Uint8Array, until: number): Promise<void>
  /** Blocks the account or device until it is unbanned. Banned again changes nothing. */
  ban(subject: BanSubject): Promise<void>
  /** False: it was not banned. */
  unban(subject: BanSubject): Promise<boolean>
  /** The oldest first. */
  bans(): Promise<Ban[]>
}

/**
 * A place in the order in which the log's records are read, over all conversations: 0 is the beginning, and later places
 * are greater. It tells of others' traffic, so a client has it sealed only (see cursor.ts).
 */
export type Place = number

/** The outcome of one send: it is stored (now or before), or why not. */
export type AppendOutcome =
  | { accepted: true }
  /** `after`: up to there the sender has to be shown the log before it hears of the rejection. Absent: told at once. */
  | { accepted: false; reason: RejectedSend['reason']; after?: Place }

export interface ReadRequest {
  device: DeviceId
  after: Place
  /** At most so many envelopes and, one envelope aside, so many bytes. */
  maxEnvelopes: number
  maxBytes: number
}

export interface ReadResult {
  envelopes: Envelope[]
  /** The place after the last of them; where there are none, a place at or after `after`. */
  place: Place
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
 * before whatever is appended later. Envelope.sequence goes up with that order, and rests on nothing
 * but the conversation and the time.
 * One commit per epoch: a commit bundle is accepted only in the conversation's current epoch.
 */
export interface Log {
  /**
   * Appends one device's sends, in their order. A stale_epoch outcome has `after`, at or past the commit that won,
   * and a read that begins when the outcome is there can reach it. Of a device that is not registered, or is
   * blocked, everything is rejected. Where the promise itself rejects, the outcome is unknown: the device asks for
   * its client sequence, and sends again what is above it.
   */
  append(device: DeviceId, sends: readonly OutgoingEnvelope[]): Promise<AppendOutcome[]>
  /** The highest accepted client sequence of the device; 0n if none. */
  clientSequence(device: DeviceId): Promise<bigint>
  /**
   * Reads on for a device: everything in its conversations from where it was added to where it was removed.
   * While it is blocked there is nothing for it to read, and its place stays as it is.
   */
  read(request: ReadRequest): Promise<ReadResult>
  /**
   * The device has saved everything up to the place. May be made durable later: forgetting it costs room only.
   */
  acknowledge(device: DeviceId, place: Place): Promise<void>
  /** The devices on a conversation's roster now; undefined if there is no such conversation. */
  roster(conversationId: Uint8Array): Promise<DeviceId[] | undefined>
  /** The conversations whose roster the device is on now. */
  conversations(device: DeviceId): Promise<Uint8Array[]>
  /** Calls `wake` whenever there may be something new to read for the device. Returns how to stop. */
  watch(device: DeviceId, wake: () => void): () => void
  /**
   * Deletes envelopes that every member device that is not revoked has acked past, and those stored before the given
   * time (ms since 1970), for which devices that had not read them will read a `missed` envelope. Forgets whom commits
   * have removed before that time. Returns how many envelopes are gone.
   */
  expire(storedBefore: number): Promise<number>
}

export interface Store {
  /**
   * The server's name in what accounts sign about themselves: 16 random bytes, drawn when the store was made. All
   * processes of an installation have the same, and so has a store that was put back from a copy.
   */
  readonly serverId: Uint8Array
  /** Signs what the directory says: an Ed25519 private key (32 bytes), drawn and kept as the id is. Secret. */
  readonly directoryKey: Uint8Array
  directory: Directory
  keyPackages: KeyPackages
  admission: Admission
  log: Log
  /** Seals the places of this log for clients (cursor.ts): drawn with the store, the same for all who have it open. */
  readonly cursorKey: Uint8Array
  /** Resolves when all that was asked is written. Nothing is asked of a store that was closed. */
  close(): Promise<void>
}

/** There is no room left to write; nothing was changed. */
export class StorageFullError extends Error {
  override name = 'StorageFullError'
}

/** The cursor was not made by this store for this device. */
export class BadCursorError extends Error {
  override name = 'BadCursorError'
}
