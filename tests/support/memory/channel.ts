import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import type { BidiCall, BidiOptions, RpcChannel, UnaryOptions } from '../../../services/rpc/channel.js'
import { encode } from '../../../services/rpc/codec/codec.js'
import { RpcError } from '../../../services/rpc/error.js'
import type { MethodImplementation } from '../../../services/rpc/service.js'
import { Call } from './call.js'
import type { FakeClock } from './clock.js'
import type { Listening, Way } from './network.js'
import { decodeWithin } from './pipe.js'

interface ChannelOptions {
  way: Way
  clock: FakeClock
  /** Of one message, both ways. */
  maxMessageBytes: number
  /** Throws RpcError where there is no such server, or no such method. */
  find(method: DescMethod): { listening: Listening; calls: Set<Call>; implementation: MethodImplementation }
}

/** A channel to a server of this process. */
export function openChannel(options: ChannelOptions): RpcChannel {
  const calls = new Set<Call>()
  const begin = (method: DescMethod) => {
    const call = new Call({ ...options, ...options.find(method) })
    calls.add(call)
    return call
  }
  return {
    unary: (method, request, how = {}) => unary(options, begin, { method, request, how }),
    bidi: (method, how = {}) => bidi(options, begin, { method, how }),
    close() {
      for (const call of calls) call.break(cancelled())
    },
  }
}

type Begin = (method: DescMethod) => Call

const cancelled = () => new RpcError('CANCELLED', 'Cancelled on client')

async function unary<I extends DescMessage, O extends DescMessage>(
  { clock, maxMessageBytes }: ChannelOptions,
  begin: Begin,
  asked: { method: DescMethodUnary<I, O>; request: MessageInitShape<I>; how: UnaryOptions },
): Promise<MessageShape<O>> {
  const { method, request, how } = asked
  const { signal, timeoutMs } = how
  const bytes = encode(method.input, request, maxMessageBytes)
  if (signal?.aborted) throw cancelled()
  const call = begin(method)
  const cancel = () => call.break(cancelled())
  signal?.addEventListener('abort', cancel, { once: true })
  const late = () => call.break(new RpcError('DEADLINE_EXCEEDED', 'Deadline exceeded'))
  const timer = timeoutMs === undefined ? undefined : clock.after(timeoutMs, late)
  try {
    await call.requests.write(bytes)
    for await (const answer of call.responses.read())
      return decodeWithin(method.output, answer, maxMessageBytes)
    throw new RpcError('INTERNAL', 'the call ended without an answer')
  } finally {
    timer?.cancel()
    signal?.removeEventListener('abort', cancel)
  }
}

function bidi<I extends DescMessage, O extends DescMessage>(
  { maxMessageBytes }: ChannelOptions,
  begin: Begin,
  { method, how }: { method: DescMethodBiDiStreaming<I, O>; how: BidiOptions },
): BidiCall<I, O> {
  let call: Call
  try {
    call = begin(method)
  } catch (error) {
    return failed(error)
  }
  const { over, requests } = call
  const { signal } = how
  const cancel = () => call.break(cancelled())
  if (signal?.aborted) cancel()
  signal?.addEventListener('abort', cancel, { once: true })
  let isEnded = false

  async function* responses() {
    try {
      for await (const bytes of call.responses.read())
        yield decodeWithin(method.output, bytes, maxMessageBytes)
    } finally {
      signal?.removeEventListener('abort', cancel)
      if (!over.signal.aborted) cancel()
    }
  }
  return {
    async write(message) {
      over.signal.throwIfAborted()
      if (isEnded) throw new RpcError('FAILED_PRECONDITION', 'this side of the call was ended')
      const { promise: ended, reject } = Promise.withResolvers<never>()
      const abort = () => reject(over.signal.reason)
      over.signal.addEventListener('abort', abort, { once: true })
      try {
        await Promise.race([requests.write(encode(method.input, message, maxMessageBytes)), ended])
      } finally {
        over.signal.removeEventListener('abort', abort)
      }
    },
    end() {
      isEnded = true
      requests.end()
    },
    responses: responses(),
  }
}

/** A call that could not be opened: that shows in its writes and its responses. */
function failed<I extends DescMessage, O extends DescMessage>(error: unknown): BidiCall<I, O> {
  return {
    write: () => Promise.reject(error),
    end: () => undefined,
    // biome-ignore lint/correctness/useYield: it only throws
    responses: (async function* () {
      throw error
    })(),
  }
}
