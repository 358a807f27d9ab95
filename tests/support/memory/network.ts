// The ways from endpoints to servers of the same process. Messages cross as bytes; what a test does to a way happens to
// the one endpoint that it is of.

import { createHash } from 'node:crypto'
import type { DescMethod } from '@bufbuild/protobuf'
import type {
  ConnectOptions,
  Dialer,
  ProbeOptions,
  RpcChannel,
  SeenCertificate,
} from '../../../services/rpc/channel.js'
import { CertificateRefused, ProbeError, RpcError } from '../../../services/rpc/error.js'
import type { MethodImplementation, ServiceImplementation } from '../../../services/rpc/service.js'
import type { Call } from './call.js'
import { openChannel } from './channel.js'
import type { FakeClock } from './clock.js'

/** How long a certificate of this network is good for, in ms. */
const CERTIFICATE_MS = 365 * 24 * 3600 * 1000

export interface Listening {
  services: readonly ServiceImplementation[]
  certificate: SeenCertificate
  /** Of one message, both ways. */
  maxMessageBytes: number
  /** Told of every error that a handler threw and that is not an RpcError; the peer sees INTERNAL. */
  onDefect(error: unknown, method: string): void
}

/** Something like a certificate, with a key that is the name's own. */
export function certificateOf(name: string, clock: FakeClock): SeenCertificate {
  return {
    certificate: `-----${name}-----`,
    fingerprint: Uint8Array.from(createHash('sha256').update(name).digest()),
    authority: false,
    notAfter: new Date(clock.now() + CERTIFICATE_MS),
  }
}

export class MemoryNetwork {
  readonly #servers = new Map<number, { listening: Listening; calls: Set<Call> }>()

  constructor(readonly clock: FakeClock) {}

  /** Answers at the port from here on. Returns how to end that, which breaks the calls under way. */
  listen(port: number, listening: Listening): () => void {
    if (this.#servers.has(port)) throw new Error(`port ${port} is in use`)
    const server = { listening, calls: new Set<Call>() }
    this.#servers.set(port, server)
    return () => {
      this.#servers.delete(port)
      for (const call of server.calls) call.break(new RpcError('UNAVAILABLE', 'the server is stopping'))
    }
  }

  /** The way of one endpoint. */
  way(): Way {
    return new Way(this)
  }

  /** The server at a port. */
  at(port: number): { listening: Listening; calls: Set<Call> } | undefined {
    return this.#servers.get(port)
  }
}

/** A test's answer to a message on its way: nothing, the same, another, several. */
export type Meddling = (bytes: Uint8Array, method: DescMethod) => readonly Uint8Array[]

/** How one endpoint reaches servers, and what a test does to that. */
export class Way implements Dialer {
  /** The fate of what the endpoint sends, and of what it is sent. */
  onRequest: Meddling = bytes => [bytes]
  onResponse: Meddling = bytes => [bytes]
  #isDown = false
  #held: { promise: Promise<void>; resolve(): void } | undefined
  readonly #calls = new Set<Call>()

  constructor(private readonly network: MemoryNetwork) {}

  /** Breaks what is under way; what was not read yet is lost. It can be tried again. */
  cut(): void {
    for (const call of this.#calls) call.break(new RpcError('UNAVAILABLE', 'the connection was cut'))
  }

  /** Breaks what is under way, and lets nothing through from here on. */
  goDown(): void {
    this.#isDown = true
    this.cut()
  }

  /** Lets calls through again. */
  comeUp(): void {
    this.#isDown = false
  }

  /** Holds all messages back, both ways, until they are released. */
  hold(): void {
    this.#held ??= Promise.withResolvers<void>()
  }

  /** All that was held back passes, in its order. */
  release(): void {
    this.#held?.resolve()
    this.#held = undefined
  }

  async probe({ host, port, timeoutMs, signal }: ProbeOptions): Promise<SeenCertificate> {
    signal?.throwIfAborted()
    const { clock } = this.network
    clock.touch()
    const server = this.#isDown ? undefined : this.network.at(port)
    if (!server) throw new ProbeError('refused', `${host}:${port}`)
    const late = new AbortController()
    const timer =
      timeoutMs === undefined
        ? undefined
        : clock.after(timeoutMs, () => late.abort(new ProbeError('timeout', `${host}:${port}`)))
    try {
      await this.passable(signal ? AbortSignal.any([signal, late.signal]) : late.signal)
    } finally {
      timer?.cancel()
    }
    return server.listening.certificate
  }

  connect({ host, port, trust, maxMessageBytes }: ConnectOptions): RpcChannel {
    return openChannel({
      way: this,
      clock: this.network.clock,
      maxMessageBytes,
      find: (method: DescMethod) => {
        const server = this.#isDown ? undefined : this.network.at(port)
        if (!server) throw new RpcError('UNAVAILABLE', `${host}:${port}: nothing listens there`)
        const { certificate, authority } = server.listening.certificate
        if (trust.kind === 'pinned' ? trust.certificate !== certificate : !authority) {
          const cause = new CertificateRefused('the server shows another certificate')
          throw new RpcError('UNAVAILABLE', cause.message, { cause })
        }
        return { ...server, implementation: implementationOf(server.listening, method) }
      },
    })
  }

  /** Resolves when messages may pass. */
  async passable(signal?: AbortSignal): Promise<void> {
    while (this.#held) {
      const aborted = Promise.withResolvers<void>()
      signal?.addEventListener('abort', () => aborted.resolve(), { once: true })
      await Promise.race([this.#held.promise, aborted.promise])
      signal?.throwIfAborted()
    }
  }

  note(call: Call): () => void {
    this.#calls.add(call)
    return () => void this.#calls.delete(call)
  }
}

function implementationOf({ services }: Listening, method: DescMethod): MethodImplementation {
  const found = services.flatMap(({ methods }) => methods).find(each => each.method === method)
  if (!found) throw new RpcError('UNIMPLEMENTED', `there is no ${method.name}`)
  return found
}
