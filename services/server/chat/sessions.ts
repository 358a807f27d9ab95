// The open streams of this process: one for each device, a newer one in the older one's place.

import { type Envelope, ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import { RpcError } from '../../rpc/error.js'
import { failure } from '../auth/failure.js'
import { bytesKey } from '../bytes.js'
import type { ClosingReason } from '../cluster.js'
import type { DeviceId } from '../store/store.js'
import type { ChatStream } from './session.js'
import type { TokenBucket } from './token-bucket.js'

export interface StreamsOptions {
  /** Open streams. */
  limit: number
  /** A device's bucket when it begins: full. */
  newBucket: () => TokenBucket
}

export interface Streams {
  /**
   * Puts the stream in the place of the device's older one, which is closed as superseded. Resolves when
   * no older one writes to the log any more: only then is the device's client sequence what it will be.
   * Throws RESOURCE_EXHAUSTED, or UNAVAILABLE once stopped.
   */
  enter(stream: ChatStream): Promise<void>
  leave(stream: ChatStream): void
  /** What a device may still send now: its streams share it, one after the other. */
  bucket(device: DeviceId): TokenBucket
  /** Hands an ephemeral envelope to those of the devices whose streams are open. */
  push(devices: readonly DeviceId[], envelope: Envelope): void
  /** Passes AccountChanged on to those of the devices whose streams are open. */
  tellAccountChanged(devices: readonly DeviceId[], handle: string): void
  /** Ends the device's stream, if it is open, with Closing. */
  close(device: DeviceId, reason: ClosingReason): void
  /** To be called regularly: pings and ends silent streams. Milliseconds of Date.now(). */
  sweep(nowMs: number, lostMs: number): void
  /** Takes no more streams and closes all. Resolves when nothing more goes to the log. */
  stop(): Promise<void>
  size(): number
}

interface Entry {
  stream: ChatStream
  /** Resolves when the streams before it have settled. */
  ready: Promise<void>
}

export function createStreams({ limit, newBucket }: StreamsOptions): Streams {
  const entries = new Map<string, Entry>()
  /** Of devices that left before theirs was full again: a full one is as good as a new one. */
  const resting = new Map<string, TokenBucket>()
  let stopped = false
  return {
    async enter(stream) {
      const name = bytesKey(stream.device)
      const older = entries.get(name)
      if (stopped) throw stopping()
      if (older === undefined && entries.size >= limit) throw tooMany(limit)
      const ready = older ? supersede(older) : Promise.resolve()
      entries.set(name, { stream, ready })
      await ready
    },
    leave(stream) {
      const name = bytesKey(stream.device)
      if (entries.get(name)?.stream !== stream) return
      entries.delete(name)
      if (!stream.bucket.full()) resting.set(name, stream.bucket)
    },
    bucket(device) {
      const name = bytesKey(device)
      return entries.get(name)?.stream.bucket ?? resting.get(name) ?? newBucket()
    },
    push(devices, envelope) {
      for (const device of devices) entries.get(bytesKey(device))?.stream.push(envelope)
    },
    tellAccountChanged(devices, handle) {
      for (const device of devices) entries.get(bytesKey(device))?.stream.pushAccountChanged(handle)
    },
    close(device, reason) {
      void entries.get(bytesKey(device))?.stream.close(reason)
    },
    sweep(nowMs, lostMs) {
      for (const { stream } of entries.values()) stream.tick(nowMs, lostMs)
      for (const [name, bucket] of resting) if (bucket.full()) resting.delete(name)
    },
    async stop() {
      stopped = true
      await Promise.all([...entries.values()].map(({ stream }) => stream.close('shuttingDown')))
    },
    size: () => entries.size,
  }
}

/** A line that is dead may never take its Closing, so only the log is waited for. */
async function supersede(older: Entry): Promise<void> {
  const settled = older.stream.close('superseded')
  await older.ready
  await settled
}

function tooMany(limit: number): RpcError {
  const message = `the server has ${limit} open streams, which is its limit: try again later`
  return failure('RESOURCE_EXHAUSTED', ErrorReason.TOO_MANY_STREAMS, message)
}

export function stopping(): RpcError {
  return new RpcError('UNAVAILABLE', 'the server is stopping: try again in a moment')
}
