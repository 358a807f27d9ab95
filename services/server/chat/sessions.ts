// The open sessions of this relay: one for each device, a newer one in the older one's place.

import { type Envelope, ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import { RpcError } from '../../rpc/error.js'
import { failure } from '../auth/failure.js'
import { bytesKey } from '../bytes.js'
import type { ClosingReason, Stock } from '../cluster.js'
import type { TokenBucket } from '../guard/token-bucket.js'
import type { DeviceId } from '../store/store.js'
import type { Session } from './session.js'

interface SessionsOptions {
  /** At once. */
  limit: number
  /** A device's bucket when it begins: full. */
  newBucket: () => TokenBucket
}

interface Entry {
  session: Session
  /** Resolves when the sessions before it have settled. */
  ready: Promise<void>
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #entries = new Map<string, Entry>()
  /** The buckets of devices that left before theirs was full again: a full one is as good as a new one. */
  readonly #resting = new Map<string, TokenBucket>()
  #isStopped = false

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /**
   * Puts the session in the place of the device's older one, which is closed as superseded. Resolves when no older
   * one writes to the log any more: only then is the device's client sequence what it will be.
   * Throws RESOURCE_EXHAUSTED, or UNAVAILABLE once stopped.
   */
  async enter(session: Session): Promise<void> {
    const key = bytesKey(session.device)
    const older = this.#entries.get(key)
    if (this.#isStopped) throw stopping()
    if (older === undefined && this.#entries.size >= this.#options.limit) throw tooMany(this.#options.limit)
    const ready = older ? supersede(older) : Promise.resolve()
    this.#entries.set(key, { session, ready })
    await ready
  }

  leave(session: Session): void {
    const key = bytesKey(session.device)
    if (this.#entries.get(key)?.session !== session) return
    this.#entries.delete(key)
    if (!session.bucket.isFull()) this.#resting.set(key, session.bucket)
  }

  /** The bucket of what a device may still send: its sessions share it, one after the other. */
  bucket(device: DeviceId): TokenBucket {
    const key = bytesKey(device)
    return this.#entries.get(key)?.session.bucket ?? this.#resting.get(key) ?? this.#options.newBucket()
  }

  /** Hands an ephemeral envelope to those of the devices whose sessions are here. */
  addEphemeral(devices: readonly DeviceId[], envelope: Envelope): void {
    for (const device of devices) this.#find(device)?.addEphemeral(envelope)
  }

  /** Passes AccountChanged on to those of the devices whose sessions are here. */
  addChangedAccount(devices: readonly DeviceId[], handle: string): void {
    for (const device of devices) this.#find(device)?.addChangedAccount(handle)
  }

  /** Passes KeyPackagesLeft on to the device's session, if it is here. */
  setKeyPackagesLeft(device: DeviceId, stock: Stock): void {
    this.#find(device)?.setKeyPackagesLeft(stock)
  }

  /** Ends the device's session with Closing, if it is here. */
  close(device: DeviceId, reason: ClosingReason): void {
    void this.#find(device)?.close(reason)
  }

  /** To be called regularly: pings and ends silent sessions. Milliseconds of Date.now(). */
  sweep(nowMs: number, lostMs: number): void {
    for (const { session } of this.#entries.values()) session.tick(nowMs, lostMs)
    for (const [key, bucket] of this.#resting) if (bucket.isFull()) this.#resting.delete(key)
  }

  /** Takes no more sessions and closes all. Resolves when nothing more goes to the log. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([...this.#entries.values()].map(({ session }) => session.close('shuttingDown')))
  }

  size(): number {
    return this.#entries.size
  }

  #find(device: DeviceId): Session | undefined {
    return this.#entries.get(bytesKey(device))?.session
  }
}

/** A line that is dead may never take its Closing, so only the log is waited for. */
async function supersede(older: Entry): Promise<void> {
  const settled = older.session.close('superseded')
  await older.ready
  await settled
}

function tooMany(limit: number): RpcError {
  const message = `the server has ${limit} open streams, which is its limit: try again later`
  return failure('RESOURCE_EXHAUSTED', ErrorReason.TOO_MANY_STREAMS, message)
}

function stopping(): RpcError {
  return new RpcError('UNAVAILABLE', 'the server is stopping: try again in a moment')
}
