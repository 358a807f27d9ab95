// Servers without our work, as the raw limits: they take the same frames from the same clients.

import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { create, fromBinary } from '@bufbuild/protobuf'
import {
  AcceptedSchema,
  type ChatResponse,
  ChatResponseSchema,
  ChatService,
  DeliverSchema,
  EnvelopeSchema,
  type OutgoingEnvelope,
} from '../../gen/parley/v1/chat_pb.js'
import {
  KeyExchangePartsSchema,
  type KeyExchangeRequest,
  KeyExchangeResponseSchema,
} from '../../gen/parley/v1/key_exchange_pb.js'
import { MESSAGE_BYTES } from '../../services/protocol/sizes.js'
import { type RpcServer, serve } from '../../services/rpc/node/server.js'
import { implement } from '../../services/rpc/service.js'

export interface Tls {
  key: string
  cert: string
}

const HOST = '127.0.0.1'

/**
 * A gRPC echo through services/rpc. Chat sends each Send's envelopes back as a Deliver, and anything
 * else as an Accepted; KeyExchange sends key packages back as if they were claimed.
 */
export function startEcho(tls: Tls): Promise<RpcServer> {
  const echo = implement(ChatService, {
    async *chat(requests) {
      for await (const { frame } of requests)
        yield frame.case === 'send' ? delivered(frame.value.envelopes) : accepted()
    },
    keyExchange: async request => exchanged(request),
    getServer: async () => ({}),
  })
  const options = { host: HOST, port: 0, tls, services: [echo], maxMessageBytes: MESSAGE_BYTES }
  return serve({ ...options, onDefect: error => process.stderr.write(`${error}\n`) })
}

function delivered(envelopes: readonly OutgoingEnvelope[]): ChatResponse {
  const value = create(DeliverSchema)
  for (const { conversationId, clientSequence, envelope } of envelopes) {
    const back = create(EnvelopeSchema)
    back.conversationId = conversationId
    back.sequence = clientSequence
    if (envelope.case === 'application') back.envelope = envelope
    value.envelopes.push(back)
  }
  const response = create(ChatResponseSchema)
  response.frame = { case: 'deliver', value }
  return response
}

function accepted(): ChatResponse {
  return create(ChatResponseSchema, { frame: { case: 'accepted', value: create(AcceptedSchema) } })
}

function exchanged({ parts }: KeyExchangeRequest) {
  const { keyPackages, claimHandles } = fromBinary(KeyExchangePartsSchema, parts)
  const devices = keyPackages.map(keyPackage => ({ deviceKey: new Uint8Array(32), keyPackage }))
  const claims = claimHandles.map(handle => ({
    handle,
    outcome: { case: 'devices' as const, value: { devices } },
  }))
  return create(KeyExchangeResponseSchema, { outcome: { case: 'exchanged', value: { claims } } })
}

/** Of gRPC: not compressed, and so many bytes long. A message of none is a frame that says nothing. */
const EMPTY_MESSAGE = Buffer.alloc(5)

/** Node's HTTP/2 over TLS and nothing else: a stream is answered with an empty message and left open. */
export async function startHttp2(tls: Tls): Promise<{ port: number }> {
  const server = createSecureServer({ ...tls })
  server.on('stream', stream => {
    stream.on('error', () => {})
    stream.respond({ 'content-type': 'application/grpc' })
    stream.write(EMPTY_MESSAGE)
    stream.resume()
  })
  server.listen({ host: HOST, port: 0 })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port }
}
