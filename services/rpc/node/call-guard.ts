// Stands before every call, whatever it asks for: what somebody who has not shown who they are can make this process
// do is bounded here. Nothing is inflated, messages are small, and a call that says nothing ends.

import * as grpc from '@grpc/grpc-js'
import { MAX_FIELDS } from '../codec/codec.js'
import { ERROR_DETAIL_TRAILER, type RpcCode, RpcError } from '../error.js'
import { HalfOpenCalls } from './half-open.js'
import { toStatus } from './status.js'

export interface MessageBounds {
  bytes: number
  /** Those of the messages in it among them. */
  fields: number
  /** Messages that somebody may send in one call: reflection answers each. */
  messages: number
}

/** A server's ways with strangers. All have a default, which lets them do as much as anybody. */
export interface StrangerOptions {
  /** Of a message of somebody who has not shown who they are yet, by the method ("/package.Service/Method"). */
  bounds?: ((path: string) => MessageBounds) | undefined
  /** A call begins, and nothing of it was read. Throws the RpcError to end it with. */
  admitCall?: ((address: string) => void) | undefined
  /** A call was ended because it said nothing for too long, or for others that came later. */
  onHalfOpen?: ((address: string) => void) | undefined
  /** A connection begins, before its handshake. undefined: it is closed; else it is called at its end. */
  admitConnection?: ((address: string) => (() => void) | undefined) | undefined
  /** The detail of a status that the transport itself ends a call with. */
  detailOf?: ((code: RpcCode) => Uint8Array | undefined) | undefined
}

interface CallGuardOptions extends StrangerOptions {
  /** Of one message of anybody. */
  maxMessageBytes: number
  onDefect(error: unknown, method: string): void
}

/** The first message of a call may take 20 s, for key packages over a slow line, and a second where many wait for theirs. */
const HALF_OPEN = { perAddress: 64, total: 512, graceMs: 1_000, patienceMs: 20_000 }

const UNBOUNDED = { fields: MAX_FIELDS, messages: Number.POSITIVE_INFINITY }

const ACCEPT_ENCODING = 'grpc-accept-encoding'
/** No algorithm goes by this name, so a message that is marked as compressed ends its call with UNIMPLEMENTED. */
const NO_ENCODING = 'none'

type Status = Parameters<grpc.ServerInterceptingCallInterface['sendStatus']>[0]

/**
 * The parts of a call of grpc-js that decide how its messages are read; it has no option for them by call. The version
 * is pinned, and a call without them is refused: see `partsOf`.
 */
interface Reading {
  incomingEncoding: string
  decoder: { maxReadMessageLength: number }
}

/** The bounds of one call. */
export class GuardedCall {
  #isProven = false

  constructor(
    private readonly reading: Reading,
    private readonly unproven: MessageBounds,
    private readonly maxMessageBytes: number,
  ) {
    reading.incomingEncoding = NO_ENCODING
    reading.decoder.maxReadMessageLength = Math.min(unproven.bytes, maxMessageBytes)
  }

  /** Fields that the next message may have. */
  get maxFields(): number {
    return this.#isProven ? MAX_FIELDS : this.unproven.fields
  }

  /** Whether the call may have so many messages. */
  takes(messages: number): boolean {
    return this.#isProven || messages <= this.unproven.messages
  }

  proven(): void {
    this.#isProven = true
    this.reading.decoder.maxReadMessageLength = this.maxMessageBytes
  }
}

export class CallGuard {
  readonly #options: CallGuardOptions
  readonly #halfOpen = new HalfOpenCalls(HALF_OPEN)
  /** By the metadata that the handler is given. */
  readonly #calls = new WeakMap<grpc.Metadata, GuardedCall>()

  constructor(options: CallGuardOptions) {
    this.#options = options
  }

  /** The bounds of the call that came with this metadata. */
  of(metadata: grpc.Metadata): GuardedCall {
    const found = this.#calls.get(metadata)
    if (!found) throw new Error('a call came past its guard')
    return found
  }

  /** Is given every call before anything of it is read. */
  readonly interceptor: grpc.ServerInterceptor = ({ path }, call) => {
    const send = call.sendStatus.bind(call)
    // In its place and not around it: the statuses that a call ends with by itself pass no interceptor.
    call.sendStatus = status => send(this.#told(status))
    try {
      return this.#guarded(path, call)
    } catch (error) {
      if (!(error instanceof RpcError)) this.#options.onDefect(error, path)
      call.sendStatus(toStatus(error instanceof RpcError ? error : DEFECT))
      // Nothing is read of it, and no handler hears of it.
      return new grpc.ServerInterceptingCall(call, { start: () => undefined })
    }
  }

  #guarded(path: string, call: grpc.ServerInterceptingCallInterface): grpc.ServerInterceptingCall {
    const { maxMessageBytes: bytes, bounds = () => ({ bytes, ...UNBOUNDED }) } = this.#options
    const guarded = new GuardedCall(partsOf(call), bounds(path), bytes)
    const address = addressOf(call.getPeer())
    this.#options.admitCall?.(address)
    const opened = this.#waitForMessage(address, status => call.sendStatus(status))
    return new grpc.ServerInterceptingCall(call, {
      start: next => next(this.#listener(call, guarded, opened)),
      sendMetadata(metadata, next) {
        metadata.set(ACCEPT_ENCODING, 'identity')
        next(metadata)
      },
    })
  }

  #listener(
    call: grpc.ServerInterceptingCallInterface,
    guarded: GuardedCall,
    opened: () => void,
  ): grpc.ServerListener {
    let messages = 0
    return {
      onReceiveMetadata: (metadata, next) => {
        this.#calls.set(metadata, guarded)
        next(metadata)
      },
      onReceiveMessage: (message, next) => {
        opened()
        messages += 1
        if (guarded.takes(messages)) next(message)
        else call.sendStatus(toStatus(TOO_MANY_MESSAGES))
      },
      onReceiveHalfClose: next => {
        opened()
        next()
      },
      onCancel: opened,
    }
  }

  /** Ends the call if it says nothing for too long. Returns how to say that it has, or is over. */
  #waitForMessage(address: string, end: (status: Status) => void): () => void {
    return this.#halfOpen.add(address, () => {
      this.#options.onHalfOpen?.(address)
      end(toStatus(TOO_LATE))
    })
  }

  /** Adds what the transport leaves out of a status of its own. */
  #told(status: Status): Status {
    const { code, details } = status
    if (code === grpc.status.OK) return status
    const metadata = status.metadata ?? new grpc.Metadata()
    // https://github.com/grpc/grpc/blob/master/doc/compression.md
    if (code === grpc.status.UNIMPLEMENTED) metadata.set(ACCEPT_ENCODING, 'identity')
    const hasDetail = metadata.get(ERROR_DETAIL_TRAILER).length > 0
    const detail = hasDetail ? undefined : this.#options.detailOf?.(grpc.status[code] as RpcCode)
    if (detail) metadata.set(ERROR_DETAIL_TRAILER, Buffer.from(detail))
    return { code, details, metadata }
  }
}

const DEFECT = new RpcError('INTERNAL', 'internal error')
const TOO_LATE = new RpcError(
  'DEADLINE_EXCEEDED',
  `the call said nothing for ${HALF_OPEN.patienceMs} ms, or was one of too many that said nothing`,
)
const TOO_MANY_MESSAGES = new RpcError(
  'RESOURCE_EXHAUSTED',
  'one call without a proof carries no more messages than it had: begin another one',
)

function partsOf(call: object): Reading {
  if (isReading(call)) return call
  throw new TypeError('grpc-js keeps the reading of its messages somewhere else than it did')
}

function isReading(call: object): call is Reading {
  if (!('incomingEncoding' in call && 'decoder' in call)) return false
  const { incomingEncoding, decoder } = call
  if (typeof incomingEncoding !== 'string' || typeof decoder !== 'object' || decoder === null) return false
  return 'maxReadMessageLength' in decoder && typeof decoder.maxReadMessageLength === 'number'
}

/** Of ADDRESS:PORT, where an IPv6 address has no brackets. */
export function addressOf(peer: string): string {
  return peer.slice(0, Math.max(0, peer.lastIndexOf(':'))) || peer
}
