import { ChatService } from '../../../gen/parley/v1/chat_pb.js'
import { connect } from '../../../services/rpc/node/client.js'
import { serve } from '../../../services/rpc/node/server.js'
import { implement } from '../../../services/rpc/service.js'
import { type ChatHandlers, ECHO, MAX_MESSAGE } from '../../support/calls-suite.js'
import { selfSigned } from '../../support/certificate.js'

export { type ChatHandlers, ECHO, MAX_MESSAGE, nonceOf, ping, signal } from '../../support/calls-suite.js'

/** A certificate for all tests of a file. */
export const TLS = await selfSigned()

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
    open: (maxMessageBytes?: number) => open(server.port, undefined, maxMessageBytes),
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
