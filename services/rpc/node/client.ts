import { isIP } from 'node:net'
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import type { BidiCall, ConnectOptions, RpcChannel, UnaryOptions } from '../channel.js'
import { decode, encode } from '../codec/codec.js'
import { RpcError } from '../error.js'
import { methodPath } from '../service.js'
import { unchanged } from './handlers.js'
import { fromStatus } from './status.js'
import { drainAwareWriter, readMessages } from './stream.js'
import { trusting } from './trust.js'

/** Callers do their own backoff, so a call shall not have to wait for that of grpc-js. */
const RECONNECT_MIN_MS = 100
const RECONNECT_MAX_MS = 1000

/** The state that the calls of one channel share. */
interface Channel {
  client: grpc.Client
  /** One function for each call under way: cancels it. */
  cancels: Set<() => void>
  maxMessageBytes: number
  toError(status: grpc.StatusObject): RpcError
}

/**
 * A channel to a server. Connects at the first call; a call fails with UNAVAILABLE at once when
 * there is no connection to be had, and nothing is ever sent twice.
 */
export function connect(options: ConnectOptions): RpcChannel {
  const { credentials, refusal } = trusting(options.trust, options.host)
  const channel: Channel = {
    client: new grpc.Client(target(options), credentials, channelOptions(options.maxMessageBytes)),
    cancels: new Set(),
    maxMessageBytes: options.maxMessageBytes,
    toError(status) {
      const cause = status.code === grpc.status.UNAVAILABLE ? refusal() : undefined
      return cause === undefined ? fromStatus(status) : new RpcError('UNAVAILABLE', cause.message, { cause })
    },
  }
  return {
    unary: (method, request, call = {}) => unary(channel, method, request, call),
    bidi: (method, call = {}) => bidi(channel, method, call.signal),
    close() {
      for (const cancel of channel.cancels) cancel()
      channel.client.close()
    },
  }
}

function target({ host, port }: ConnectOptions): string {
  const family = isIP(host)
  if (family === 6) return `ipv6:[${host}]:${port}`
  return family === 4 ? `ipv4:${host}:${port}` : `dns:///${host}:${port}`
}

function channelOptions(maxMessageBytes: number): grpc.ChannelOptions {
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MIN_MS,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
  }
}

function unary<I extends DescMessage, O extends DescMessage>(
  channel: Channel,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  { signal, timeoutMs }: UnaryOptions,
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    const bytes = encodeRequest(channel, method.input, request)
    const deadline = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs }
    const path = methodPath(method)
    const call = channel.client.makeUnaryRequest(
      path,
      unchanged,
      unchanged,
      bytes,
      deadline,
      (error, value) => {
        release()
        if (error) return reject(channel.toError(error))
        try {
          resolve(decode(method.output, value ?? Buffer.alloc(0)))
        } catch (undecodable) {
          reject(undecodable)
        }
      },
    )
    const release = cancellable(channel, () => call.cancel(), signal)
  })
}

function bidi<I extends DescMessage, O extends DescMessage>(
  channel: Channel,
  method: DescMethodBiDiStreaming<I, O>,
  signal: AbortSignal | undefined,
): BidiCall<I, O> {
  const stream = channel.client.makeBidiStreamRequest(methodPath(method), unchanged, unchanged)
  /** Aborted when the call is over, with what a writer is then told. */
  const over = new AbortController()
  let failure: RpcError | undefined
  const finished = new Promise<void>(resolve => {
    stream.once('status', status => {
      release()
      if (status.code !== grpc.status.OK) failure = channel.toError(status)
      over.abort(failure ?? new RpcError('CANCELLED', 'the server has ended the call'))
      resolve()
    })
  })
  // The same failure as that of the status, which is where it is read.
  stream.on('error', () => {})
  const release = cancellable(channel, () => stream.cancel(), signal)

  async function* responses() {
    try {
      for await (const bytes of readMessages(stream)) yield decode(method.output, bytes)
      await finished
      if (failure !== undefined) throw failure
    } finally {
      if (!over.signal.aborted) stream.cancel()
    }
  }
  const write = drainAwareWriter(stream, over.signal)
  return {
    async write(message) {
      over.signal.throwIfAborted()
      if (stream.writableEnded) throw new RpcError('FAILED_PRECONDITION', 'this side of the call was ended')
      await write(encodeRequest(channel, method.input, message))
    },
    end: () => void stream.end(),
    responses: responses(),
  }
}

/** Encodes; a value that its field cannot hold is the caller's fault. */
function encodeRequest<D extends DescMessage>(
  channel: Channel,
  schema: D,
  message: MessageInitShape<D>,
): Buffer {
  try {
    return encode(schema, message, channel.maxMessageBytes)
  } catch (cause) {
    if (cause instanceof RpcError) throw cause
    throw new RpcError('INVALID_ARGUMENT', `${schema.name} cannot be encoded`, { cause })
  }
}

/** Cancels the call at the signal or at the channel's end. The function that it returns lets go of both. */
function cancellable(channel: Channel, cancel: () => void, signal: AbortSignal | undefined): () => void {
  channel.cancels.add(cancel)
  if (signal?.aborted) cancel()
  else signal?.addEventListener('abort', cancel, { once: true })
  return () => {
    channel.cancels.delete(cancel)
    signal?.removeEventListener('abort', cancel)
  }
}
