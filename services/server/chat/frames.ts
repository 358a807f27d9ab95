import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type ChatResponse,
  ChatResponseSchema,
  DeliverSchema,
  type Envelope,
  type LimitsSchema,
  OpenedSchema,
  type RejectedSendSchema,
} from '../../../gen/parley/v1/chat_pb.js'
import { PROTOCOL_VERSION } from '../../protocol/method.js'
import type { ClosingReason, Stock } from '../cluster.js'
import type { RelayLimits } from '../limits.js'

interface OpenedOptions {
  clientSequence: bigint
  operatorHandle: string
  pingIntervalMs: number
  deadAfterMs: number
  limits: RelayLimits
  /** Milliseconds since 1970. */
  now(): number
}

export function openedFrame({ limits, now, ...told }: OpenedOptions): ChatResponse {
  const value = create(OpenedSchema, {
    ...told,
    protocolVersion: PROTOCOL_VERSION,
    serverTimeMs: BigInt(now()),
    limits: limitsMessage(limits),
  })
  return create(ChatResponseSchema, { frame: { case: 'opened', value } })
}

/** The limits, as clients are told them. */
export function limitsMessage(limits: RelayLimits): MessageInitShape<typeof LimitsSchema> {
  const { retentionSeconds, accountBytes } = limits
  return { ...limits, retentionSeconds: BigInt(retentionSeconds), accountBytes: BigInt(accountBytes) }
}

/** An empty cursor: the frame brings ephemeral envelopes, which leave the reader's place as it is. */
export function deliverFrame(envelopes: Envelope[], cursor: Uint8Array): ChatResponse {
  const value = create(DeliverSchema, { envelopes, cursor })
  return create(ChatResponseSchema, { frame: { case: 'deliver', value } })
}

export function acceptedFrame(clientSequence: bigint): ChatResponse {
  return create(ChatResponseSchema, { frame: { case: 'accepted', value: { clientSequence } } })
}

export function rejectedFrame(sends: MessageInitShape<typeof RejectedSendSchema>[]): ChatResponse {
  return create(ChatResponseSchema, { frame: { case: 'rejected', value: { sends } } })
}

export function caughtUpFrame(): ChatResponse {
  return create(ChatResponseSchema, { frame: { case: 'caughtUp', value: {} } })
}

export function closingFrame(reason: ClosingReason): ChatResponse {
  return create(ChatResponseSchema, {
    frame: { case: 'closing', value: { reason: { case: reason, value: {} } } },
  })
}

export function keyPackagesLeftFrame(stock: Stock): ChatResponse {
  return create(ChatResponseSchema, { frame: { case: 'keyPackagesLeft', value: stock } })
}

export function accountChangedFrame(handle: string): ChatResponse {
  return create(ChatResponseSchema, { frame: { case: 'accountChanged', value: { handle } } })
}

export function pingFrame(nonce: bigint): ChatResponse {
  return create(ChatResponseSchema, { frame: { case: 'ping', value: { nonce } } })
}

export function pongFrame(nonce: bigint): ChatResponse {
  return create(ChatResponseSchema, { frame: { case: 'pong', value: { nonce } } })
}
