import { setTimeout as delay } from 'node:timers/promises'
import * as grpc from '@grpc/grpc-js'
import { RpcError } from '../error.js'
import type { ServiceImplementation } from '../service.js'
import { CallGuard, type StrangerOptions } from './call-guard.js'
import { addService, type Runtime } from './handlers.js'
import { listen } from './listener.js'
import { addReflection } from './reflection.js'
import { addHealth, filesOf } from './standard.js'

/** Calls at the same time on one connection; a client needs two. */
const STREAMS_PER_CONNECTION = 100
/** Megabytes that one connection may have queued in the HTTP/2 layer before it gets no new call. */
const SESSION_MEGABYTES = 64
/** A connection without a call is closed after this: 5 minutes. */
const IDLE_CONNECTION_MS = 5 * 60_000
/** How long the last statuses may take to leave, once every call has ended. */
const FLUSH_MS = 500

interface ServeOptions {
  host: string
  /** 0: a free one. */
  port: number
  /** PEM. */
  tls: { key: string; cert: string }
  services: ServiceImplementation[]
  /** Of one message, both ways. */
  maxMessageBytes: number
  /** Told of every error that a handler threw and that is not an RpcError; the peer sees INTERNAL. */
  onDefect(error: unknown, method: string): void
  /** An encoded FileDescriptorSet with comments, for reflection. */
  descriptors?: Uint8Array
  /** Bounds those who have not shown who they are. */
  strangers?: StrangerOptions
}

export interface RpcServer {
  port: number
  /** Sets what the health service says, for the server as a whole and for each service. At first true. */
  setServing(serving: boolean): void
  /**
   * Takes no more connections and calls, lets calls end for graceMs, aborts the rest (they end with
   * UNAVAILABLE), and closes every connection. Resolves when the port is free; never rejects.
   */
  stop(options: { graceMs: number }): Promise<void>
}

/**
 * Listens, with TLS, and serves the services, and besides them grpc.health.v1 and reflection.
 *
 * Throws what node:net throws for an address that cannot be listened on: an Error with the code
 * EADDRINUSE, EACCES, EADDRNOTAVAIL or ENOTFOUND; and a tls error for a key or certificate that
 * cannot be read.
 */
export async function serve(options: ServeOptions): Promise<RpcServer> {
  const { maxMessageBytes, onDefect, strangers } = options
  const guard = new CallGuard({ ...strangers, maxMessageBytes, onDefect })
  const server = new grpc.Server({ ...serverOptions(maxMessageBytes), interceptors: [guard.interceptor] })
  const calls = callRegistry()
  const runtime: Runtime = { ...calls, guard, maxMessageBytes, onDefect }
  for (const service of options.services) addService(server, service, runtime)
  const descriptors = options.services.map(({ service }) => service)
  const setServing = addHealth(server, descriptors)
  addReflection(server, filesOf(descriptors, options.descriptors))
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())
  const listener = await listen({
    ...options,
    admit: strangers?.admitConnection,
    accept: socket => injector.injectConnection(socket),
  })

  let stopped: Promise<void> | undefined
  const stop = async (graceMs: number) => {
    setServing(false)
    const closed = Promise.all([
      listener.close(),
      new Promise<void>(done => server.tryShutdown(() => done())),
    ])
    await within(graceMs, calls.idle())
    for (const call of calls.calls) call.abort(new RpcError('UNAVAILABLE', 'the server is stopping'))
    await within(FLUSH_MS, closed)
    server.forceShutdown()
    await listener.destroy()
  }
  return {
    port: listener.port,
    setServing,
    stop: ({ graceMs }) => {
      stopped ??= stop(graceMs)
      return stopped
    },
  }
}

function serverOptions(maxMessageBytes: number): grpc.ServerOptions {
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION,
    'grpc.max_connection_idle_ms': IDLE_CONNECTION_MS,
    'grpc-node.max_session_memory': SESSION_MEGABYTES,
    // Its bookkeeping costs memory per connection and time per message.
    'grpc.enable_channelz': 0,
  }
}

/** The calls under way, and a promise for the moment when there is none. */
function callRegistry() {
  const calls = new Set<AbortController>()
  let wake: (() => void) | undefined
  return {
    calls,
    onCallEnd() {
      if (calls.size === 0) wake?.()
    },
    idle: () =>
      new Promise<void>(resolve => {
        wake = resolve
        if (calls.size === 0) resolve()
      }),
  }
}

/** Waits for a promise, but not longer than this. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const timer = new AbortController()
  await Promise.race([promise, delay(ms, undefined, { signal: timer.signal }).catch(() => {})])
  timer.abort()
}
