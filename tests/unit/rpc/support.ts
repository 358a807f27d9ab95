import type { MessageInitShape } from '@bufbuild/protobuf'
import { type ChatRequestSchema, ChatService } from '../../../gen/parley/v1/chat_pb.js'
import { connect } from '../../../services/rpc/node/client.js'
import { serve } from '../../../services/rpc/node/server.js'
import { type Handlers, implement } from '../../../services/rpc/service.js'
import { selfSigned } from '../../support/certificate.js'

export type ChatHandlers = Handlers<typeof ChatService>

/** Bytes. */
export const MAX_MESSAGE = 1024 * 1024

/** A certificate for all tests of a file. */
export const TLS = await selfSigned()

/** Answers a key exchange with the number of handles asked for, and each ping with its pong. */
export const ECHO: ChatHandlers = {
  async keyExchange(request) {
    return { outcome: { case: 'exchanged', value: { keyPackagesLeft: request.claimHandles.length } } }
  },
  async *chat(requests) {
    for await (const { frame } of requests) {
      if (frame.case === 'ping') yield { frame: { case: 'pong', value: { nonce: frame.value.nonce } } }
    }
  },
}

/** A server on a free port of the loopback, and a channel to it that pins its certificate. */
export async function start(handlers: Partial<ChatHandlers> = {}) {
  const defects: { error: unknown; method: string }[] = []
  const server = await serve({
    host: '127.0.0.1',
    port: 0,
    tls: TLS,
    services: [implement(ChatService, { ...ECHO, ...handlers })],
    maxMessageBytes: MAX_MESSAGE,
    onDefect: (error, method) => defects.push({ error, method }),
  })
  const channel = open(server.port)
  return {
    server,
    channel,
    defects,
    /** Closes both, at once. */
    async [Symbol.asyncDispose]() {
      channel.close()
      await server.stop({ graceMs: 0 })
    },
  }
}

export function open(port: number, certificate = TLS.cert, maxMessageBytes = MAX_MESSAGE) {
  return connect({ host: '127.0.0.1', port, trust: { kind: 'pinned', certificate }, maxMessageBytes })
}

export function ping(nonce: bigint): MessageInitShape<typeof ChatRequestSchema> {
  return { frame: { case: 'ping', value: { nonce } } }
}

/** A Pong of a Chat response, or the case of what came instead. */
export function nonceOf(response: { frame: { case?: string | undefined; value?: unknown } }) {
  const { frame } = response
  return frame.case === 'pong' ? (frame.value as { nonce: bigint }).nonce : frame.case
}

/** A promise that a test settles. */
export function signal<T = void>() {
  return Promise.withResolvers<T>()
}
