// A client of the contract for tests, of one server.

import { fromBinary } from '@bufbuild/protobuf'
import { ChatService, type ErrorDetail, ErrorDetailSchema } from '../../gen/parley/v1/chat_pb.js'
import {
  type KeyExchanged,
  type KeyExchangeResponse,
  KeyExchangeResponseSchema,
} from '../../gen/parley/v1/key_exchange_pb.js'
import { MESSAGE_BYTES } from '../../services/protocol/sizes.js'
import type { RpcChannel } from '../../services/rpc/channel.js'
import { RpcError } from '../../services/rpc/error.js'
import { connect } from '../../services/rpc/node/client.js'
import {
  type ListOptions,
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeDevice,
  makeList,
  makeProof,
  openBytes,
  type PartsInit,
  type ProofInit,
  partsOf,
  type TestDevice,
} from './contract-device.js'
import { type ContractServer, closeAtEnd } from './contract-server.js'
import { createTestStream, type TestStream } from './contract-stream.js'
import { checkRules } from './field-rules.js'

export interface TestClient {
  channel: RpcChannel
  server: ContractServer
  keyExchange(device: TestDevice, request?: PartsInit & { proof?: ProofInit }): Promise<KeyExchangeResponse>
  /** An encoded SignedDeviceList of the device's account, on this server. */
  list(device: TestDevice, options?: Partial<ListOptions>): Uint8Array
  /** A device that is registered. */
  register(of?: Parameters<typeof makeDevice>[0]): Promise<TestDevice>
  /** Opens a stream and waits for Opened. */
  open(device: TestDevice, options?: OpenStreamOptions): Promise<TestStream>
  /** A stream on which nothing was said yet. */
  raw(): TestStream
  close(): void
}

interface OpenStreamOptions {
  cursor?: Uint8Array
  proof?: ProofInit
  protocolVersion?: number
  /** Ack each Deliver as it comes. Default true. */
  ack?: boolean
  /** Answer pings. Default true. */
  pong?: boolean
}

export function connectTo(server: ContractServer): TestClient {
  const trust = { kind: 'pinned' as const, certificate: server.certificate }
  const channel = connect({ host: server.host, port: server.port, trust, maxMessageBytes: MESSAGE_BYTES })
  closeAtEnd(() => channel.close())
  const client: TestClient = {
    channel,
    server,
    async keyExchange(device, request = {}) {
      const { proof, ...asked } = request
      const parts = partsOf(asked)
      const made = () => proofFor(server, device, METHOD_KEY_EXCHANGE, parts)
      const answer = await channel.unary(ChatService.method.keyExchange, { proof: proof ?? made(), parts })
      checkRules(KeyExchangeResponseSchema, answer)
      return answer
    },
    list: (device, options = {}) => makeList(device, { serverId: server.serverId, ...options }),
    async register(of) {
      const device = makeDevice(of)
      exchanged(await client.keyExchange(device, { deviceList: client.list(device) }))
      return device
    },
    async open(device, { ack = true, pong = true, ...open } = {}) {
      const stream = createTestStream(channel, { ack, pong, device })
      const proof = proofFor(server, device, METHOD_CHAT, openBytes(open))
      await stream.write({ frame: { case: 'open', value: { protocolVersion: 1, proof, ...open } } })
      stream.opened = await stream.take('opened')
      stream.next = stream.opened.clientSequence + 1n
      return stream
    },
    raw: () => createTestStream(channel, { ack: false, pong: false }),
    close: () => channel.close(),
  }
  return client
}

/** `request`: the bytes that the proof covers; see makeProof. */
export function proofFor(
  { fingerprint }: Pick<ContractServer, 'fingerprint'>,
  device: TestDevice,
  method: string,
  request?: Uint8Array,
): ProofInit {
  return makeProof({ device, server: fingerprint, method, ...(request && { request }) })
}

/** Why a registration was refused; undefined if it was not. */
export function refusalOf({ outcome }: KeyExchangeResponse): string | undefined {
  return outcome.case === 'refused' ? outcome.value.reason.case : undefined
}

/** The answer of a call that was not refused. */
export function exchanged(response: KeyExchangeResponse): KeyExchanged {
  if (response.outcome.case !== 'exchanged')
    throw new Error(`refused: ${response.outcome.value?.reason.case}`)
  return response.outcome.value
}

/** The ErrorDetail of a status. */
export function detailOf(error: RpcError | undefined): ErrorDetail {
  if (error?.detail === undefined) throw new Error(`there is no detail: ${error?.code} ${error?.message}`)
  return fromBinary(ErrorDetailSchema, error.detail)
}

/** The error that a call was rejected with; fails if it was not. */
export async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof RpcError) return error
  throw new Error(`not an RpcError: ${error}`)
}
