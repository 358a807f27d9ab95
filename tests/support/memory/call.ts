import type { DescMethod } from '@bufbuild/protobuf'
import { encode } from '../../../services/rpc/codec/codec.js'
import { RpcError } from '../../../services/rpc/error.js'
import {
  type AnyBidi,
  type AnyUnary,
  type MethodImplementation,
  methodPath,
} from '../../../services/rpc/service.js'
import type { FakeClock } from './clock.js'
import type { Listening, Way } from './network.js'
import { decodeWithin, Pipe } from './pipe.js'

interface CallOptions {
  way: Way
  clock: FakeClock
  implementation: MethodImplementation
  listening: Listening
  /** The calls that the server has under way. */
  calls: Set<Call>
}

/** One call between an endpoint and a server: a pipe each way, and a handler that runs in between. */
export class Call {
  readonly requests: Pipe
  readonly responses: Pipe
  /** Aborted when the call is over, with what a writer is then told. */
  readonly over = new AbortController()
  readonly #gone = new AbortController()
  readonly #release: () => void

  constructor(private readonly options: CallOptions) {
    const { way, clock, calls } = options
    const { method } = options.implementation
    const open = () => way.passable()
    const onPassed = () => clock.touch()
    this.requests = new Pipe({ open, onPassed, pass: bytes => way.onRequest(bytes, method) })
    this.responses = new Pipe({ open, onPassed, pass: bytes => way.onResponse(bytes, method) })
    const forget = way.note(this)
    calls.add(this)
    this.#release = () => {
      forget()
      calls.delete(this)
    }
    void this.#serve()
  }

  /** The connection is gone: the endpoint is told the error, and the server, a turn later, that its peer has left. */
  break(error: RpcError): void {
    this.#release()
    this.responses.break(error)
    this.over.abort(error)
    setImmediate(() => {
      const left = new RpcError('CANCELLED', 'the peer has left the call')
      this.#gone.abort(left)
      this.requests.break(left)
    })
  }

  async #serve(): Promise<void> {
    const { implementation } = this.options
    try {
      if (implementation.kind === 'unary') await this.#answer(implementation.method, implementation.handler)
      else await this.#converse(implementation.method, implementation.handler)
      this.#end(undefined)
    } catch (error) {
      this.#end(this.#shown(error, implementation.method))
    }
  }

  async #answer(method: DescMethod, handler: AnyUnary): Promise<void> {
    for await (const request of this.#read(method))
      return await this.#respond(method, await handler(request, this.#context()))
  }

  async #converse(method: DescMethod, handler: AnyBidi): Promise<void> {
    for await (const response of handler(this.#read(method), this.#context())) {
      this.#gone.signal.throwIfAborted()
      await this.#respond(method, response)
    }
  }

  async *#read(method: DescMethod) {
    for await (const bytes of this.requests.read())
      yield decodeWithin(method.input, bytes, this.options.listening.maxMessageBytes)
  }

  #context() {
    return { signal: this.#gone.signal, peer: 'memory', address: 'memory', proven: () => undefined }
  }

  async #respond(method: DescMethod, response: Parameters<typeof encode>[1]): Promise<void> {
    await this.responses.write(encode(method.output, response, this.options.listening.maxMessageBytes))
  }

  #end(error: RpcError | undefined): void {
    this.#release()
    this.responses.end(error)
    this.over.abort(error ?? new RpcError('CANCELLED', 'the server has ended the call'))
  }

  /** Only an RpcError crosses; anything else is a defect of the server's. */
  #shown(error: unknown, method: DescMethod): RpcError {
    if (error instanceof RpcError)
      return new RpcError(error.code, error.message.toWellFormed(), detailOf(error))
    if (!this.#gone.signal.aborted) this.options.listening.onDefect(error, methodPath(method))
    return new RpcError('INTERNAL', 'internal error')
  }
}

const detailOf = ({ detail }: RpcError) => (detail ? { detail: Uint8Array.from(detail) } : {})
