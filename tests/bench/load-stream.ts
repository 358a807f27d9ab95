// A client of the contract that costs little: it keeps nothing, and sends the same frame again with new numbers.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  AckSchema,
  ApplicationEnvelopeSchema,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatService,
  OutgoingEnvelopeSchema,
  SendSchema,
} from '../../gen/parley/v1/chat_pb.js'
import { MESSAGE_BYTES } from '../../services/protocol/sizes.js'
import type { RpcChannel } from '../../services/rpc/channel.js'
import { spkiFingerprint } from '../../services/rpc/node/certificate.js'
import { connect } from '../../services/rpc/node/client.js'
import { METHOD_CHAT, makeProof, random, type TestDevice } from '../support/contract-device.js'
import type { ServerAddress } from './server-worker.js'

export function channelTo({ host, port, certificate }: ServerAddress): RpcChannel {
  return connect({ host, port, trust: { kind: 'pinned', certificate }, maxMessageBytes: MESSAGE_BYTES })
}

export interface LoadStream {
  write(request: MessageInitShape<typeof ChatRequestSchema>): Promise<void>
  /** Called with each frame that comes, but pings, which are answered. */
  onFrame: (frame: ChatResponse['frame']) => void
}

/** One stream on a connection of its own. Resolves when its Open is answered. */
export async function openStream(server: ServerAddress, device: TestDevice): Promise<LoadStream> {
  const channel = channelTo(server)
  const call = channel.bidi(ChatService.method.chat)
  const opened = Promise.withResolvers<void>()
  const stream: LoadStream = {
    write: call.write,
    onFrame: () => opened.resolve(),
  }
  const read = async () => {
    for await (const { frame } of call.responses) {
      if (frame.case === 'ping')
        await call.write({ frame: { case: 'pong', value: { nonce: frame.value.nonce } } })
      else stream.onFrame(frame)
    }
  }
  read().catch(opened.reject)
  const proof = makeProof({ device, server: spkiFingerprint(server.certificate), method: METHOD_CHAT })
  await call.write({ frame: { case: 'open', value: { protocolVersion: 1, proof } } })
  await opened.promise
  return stream
}

/** A Send of so many application envelopes. Each call of the function numbers it anew. */
export function numberedSend(options: { conversationId: Uint8Array; envelopes: number; bytes: number }) {
  const { conversationId, bytes } = options
  const envelopes = Array.from({ length: options.envelopes }, () => {
    const value = create(ApplicationEnvelopeSchema, { epoch: 1n, ciphertext: random(bytes) })
    return create(OutgoingEnvelopeSchema, { conversationId, envelope: { case: 'application', value } })
  })
  const value = create(SendSchema)
  value.envelopes = envelopes
  const request = create(ChatRequestSchema)
  request.frame = { case: 'send', value }
  return (first: bigint): ChatRequest => {
    for (const [index, envelope] of envelopes.entries()) envelope.clientSequence = first + BigInt(index)
    return request
  }
}

export function ackOf(cursor: Uint8Array): ChatRequest {
  return create(ChatRequestSchema, { frame: { case: 'ack', value: create(AckSchema, { cursor }) } })
}
