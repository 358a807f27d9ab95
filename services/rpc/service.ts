// How a program answers calls. The interface that handlers program against, whatever carries the calls: gRPC over
// TLS (`node/server.ts`), or a channel of the same process.

import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf'

/** A handler knows this of its call besides the messages. */
export interface CallContext {
  /**
   * Aborted when the call is over: the peer is gone or cancels, or the server stops hard. Its
   * reason is an RpcError. A handler that waits for anything else than its requests watches it.
   */
  signal: AbortSignal
  /** Address and port. */
  peer: string
  /** The peer's address alone. */
  address: string
  /**
   * The peer has shown who it is. From here on its messages may be as large as the server takes them at all; until then
   * they are bounded as the server was told for strangers.
   */
  proven(): void
}

/** Throws RpcError to end the call with its status. */
type UnaryHandler<I, O> = (request: I, context: CallContext) => Promise<O>

/**
 * An async generator. Each message that it yields is written when the stream can take it; to return
 * ends the call with OK, to throw RpcError with its status. `requests` ends when the peer ends its
 * side, and throws RpcError CANCELLED when the peer is gone.
 */
export type BidiHandler<I, O> = (requests: AsyncIterable<I>, context: CallContext) => AsyncIterable<O>

/** The kinds of method that this package carries. */
type HandlerOf<M> = M extends {
  methodKind: 'unary'
  input: infer I extends DescMessage
  output: infer O extends DescMessage
}
  ? UnaryHandler<MessageShape<I>, MessageInitShape<O>>
  : M extends {
        methodKind: 'bidi_streaming'
        input: infer I extends DescMessage
        output: infer O extends DescMessage
      }
    ? BidiHandler<MessageShape<I>, MessageInitShape<O>>
    : never

/** One handler for each method, under its localName. */
export type Handlers<S extends Pick<DescService, 'method'>> = {
  [K in keyof S['method']]: HandlerOf<S['method'][K]>
}

/** A method and its handler. The handler is given messages of the method's input, and gives some of its output. */
export type MethodImplementation =
  | { kind: 'unary'; method: DescMethod; handler: AnyUnary }
  | { kind: 'bidi'; method: DescMethod; handler: AnyBidi }

export type AnyUnary = UnaryHandler<MessageShape<DescMessage>, MessageInitShape<DescMessage>>
export type AnyBidi = BidiHandler<MessageShape<DescMessage>, MessageInitShape<DescMessage>>

/** A service with its handlers, to be served. */
export interface ServiceImplementation {
  readonly service: DescService
  readonly methods: readonly MethodImplementation[]
}

/** Joins a service's descriptor to its handlers. */
export function implement<S extends Pick<DescService, 'method'>>(
  service: S,
  handlers: Handlers<S>,
): ServiceImplementation {
  // Handlers<S> gives each method the handler of its kind; the compiler cannot follow that through
  // a loop over the descriptors.
  const descriptor = service as S & DescService
  const byName = handlers as Record<string, AnyUnary & AnyBidi>
  return {
    service: descriptor,
    methods: descriptor.methods.map(method => implementation(method, byName[method.localName]!)),
  }
}

/** Throws TypeError for a kind of method that is not carried; the types keep such a service out. */
function implementation(method: DescMethod, handler: AnyUnary & AnyBidi): MethodImplementation {
  if (method.methodKind === 'unary') return { kind: 'unary', method, handler }
  if (method.methodKind === 'bidi_streaming') return { kind: 'bidi', method, handler }
  throw new TypeError(`${methodPath(method)} is neither unary nor a stream of both sides`)
}

/** "/package.Service/Method" */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}
