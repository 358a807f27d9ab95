import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf'
import type * as grpc from '@grpc/grpc-js'
import { decode, encode } from '../codec/codec.js'
import { RpcError } from '../error.js'
import {
  type AnyBidi,
  type AnyUnary,
  type CallContext,
  methodPath,
  type ServiceImplementation,
} from '../service.js'
import { addressOf, type CallGuard, type GuardedCall } from './call-guard.js'
import { asRpcError, toStatus } from './status.js'
import { drainAwareWriter, readMessages } from './stream.js'

/** The means that a server lends to the calls that it runs. */
export interface Runtime {
  maxMessageBytes: number
  guard: CallGuard
  /** The calls under way. */
  calls: Set<AbortController>
  /** Tells whoever waits for the calls that one has ended. */
  onCallEnd(): void
  onDefect(error: unknown, method: string): void
}

/** Gives a service's methods to grpc-js. */
export function addService(server: grpc.Server, { methods }: ServiceImplementation, runtime: Runtime): void {
  const definition: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {}
  const implementation: grpc.UntypedServiceImplementation = {}
  for (const each of methods) {
    const name = each.method.localName
    definition[name] = methodDefinition(each.method)
    implementation[name] =
      each.kind === 'unary'
        ? unaryCall(each.method, each.handler, runtime)
        : bidiCall(each.method, each.handler, runtime)
  }
  server.addService(definition, implementation)
}

/** Leaves bytes as they are: grpc-js would report what cannot be decoded as its own INTERNAL. */
export function unchanged(bytes: Buffer): Buffer {
  return bytes
}

function methodDefinition(method: DescMethod): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path: methodPath(method),
    requestStream: method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'bidi_streaming',
    requestSerialize: unchanged,
    requestDeserialize: unchanged,
    responseSerialize: unchanged,
    responseDeserialize: unchanged,
  }
}

function unaryCall(
  method: DescMethod,
  handler: AnyUnary,
  runtime: Runtime,
): grpc.handleUnaryCall<Buffer, Buffer> {
  return async (call, respond) => {
    const controller = startCall(call, runtime)
    const { signal } = controller
    try {
      const guarded = runtime.guard.of(call.metadata)
      const request = decode(method.input, call.request, guarded.maxFields)
      const answer = handler(request, contextOf(call, signal, guarded))
      const response = await Promise.race([answer, aborted(signal)])
      respond(null, encode(method.output, response, runtime.maxMessageBytes))
    } catch (error) {
      respond(toStatus(failure(error, signal, method, runtime)))
    } finally {
      endCall(controller, runtime)
    }
  }
}

function bidiCall(
  method: DescMethod,
  handler: AnyBidi,
  runtime: Runtime,
): grpc.handleBidiStreamingCall<Buffer, Buffer> {
  return async stream => {
    const controller = startCall(stream, runtime)
    const { signal } = controller
    const fail = (error: unknown) => {
      // grpc-js takes this as "end with this status, after what was written".
      if (!stream.destroyed && !stream.writableEnded) stream.emit('error', toStatus(asRpcError(error)))
    }
    signal.addEventListener('abort', () => fail(signal.reason), { once: true })
    try {
      const write = drainAwareWriter(stream, signal)
      const guarded = runtime.guard.of(stream.metadata)
      const requests = decoded(stream, { schema: method.input, guarded, signal })
      for await (const response of handler(requests, contextOf(stream, signal, guarded))) {
        await write(encode(method.output, response, runtime.maxMessageBytes))
      }
      stream.end()
    } catch (error) {
      fail(failure(error, signal, method, runtime))
    } finally {
      endCall(controller, runtime)
    }
  }
}

function contextOf(call: { getPeer(): string }, signal: AbortSignal, guarded: GuardedCall): CallContext {
  const peer = call.getPeer()
  return { signal, peer, address: addressOf(peer), proven: () => guarded.proven() }
}

async function* decoded<D extends DescMessage>(
  stream: grpc.ServerDuplexStream<Buffer, Buffer>,
  { schema, guarded, signal }: { schema: D; guarded: GuardedCall; signal: AbortSignal },
): AsyncGenerator<MessageShape<D>, void, undefined> {
  for await (const bytes of readMessages(stream)) yield decode(schema, bytes, guarded.maxFields)
  // Node reports a stream that the peer has reset as ended, and a moment later as closed.
  await nextTurn()
  signal.throwIfAborted()
}

/** Rejects with the signal's reason: a hard stop does not wait for a handler that looks away. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function startCall(
  call: grpc.ServerUnaryCall<Buffer, Buffer> | grpc.ServerDuplexStream<Buffer, Buffer>,
  runtime: Runtime,
) {
  const controller = new AbortController()
  runtime.calls.add(controller)
  call.once('cancelled', () => controller.abort(new RpcError('CANCELLED', 'the peer has left the call')))
  return controller
}

function endCall(controller: AbortController, runtime: Runtime) {
  runtime.calls.delete(controller)
  runtime.onCallEnd()
}

/** The error to end the call with. Reports what is neither an RpcError nor the abort itself. */
function failure(error: unknown, signal: AbortSignal, method: DescMethod, runtime: Runtime): RpcError {
  if (signal.aborted && isAbort(error, signal)) return asRpcError(signal.reason)
  if (!(error instanceof RpcError)) runtime.onDefect(error, methodPath(method))
  return asRpcError(error)
}

/** Whether a handler was stopped by its signal: with the reason, or Node's AbortError. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error as Partial<Error> | undefined)?.name === 'AbortError'
}
