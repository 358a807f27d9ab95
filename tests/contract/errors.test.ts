// Every status that the contract names comes with an ErrorDetail, and its reason: see the table in chat.proto.

import { readFileSync } from 'node:fs'
import { create, toBinary } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { ChatService, ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import { KeyExchangeRequestSchema } from '../../gen/parley/v1/key_exchange_pb.js'
import { METHODS } from '../../services/protocol/method.js'
import type { RpcError } from '../../services/rpc/error.js'
import { LIMITS } from '../../services/server/limits.js'
import { detailOf, failureOf, type TestClient } from '../support/contract-client.js'
import {
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeDevice,
  makeKey,
  makeProof,
  openBytes,
  partsOf,
} from '../support/contract-device.js'
import { onAnyServer, onOwnServer } from '../support/contract-server.js'
import { client, onAnyStore, withOwnServer } from '../support/contract-suite.js'
import { framed, gzipped, rawCall, rawSession } from '../support/raw-call.js'

const { keyExchange, getServer } = ChatService.method

type Proof = Partial<Parameters<typeof makeProof>[0]>

function withProof(on: TestClient, proof: Proof, device = makeDevice()) {
  const parts = partsOf({ deviceList: on.list(device) })
  const { fingerprint: server } = on.server
  const options = { device, server, method: METHOD_KEY_EXCHANGE, request: parts, ...proof }
  return on.channel.unary(keyExchange, { proof: makeProof(options), parts })
}

async function streamWith(on: TestClient, protocolVersion: number, proof: Proof = {}): Promise<RpcError> {
  const device = await on.register()
  const stream = on.raw()
  const request = openBytes({ protocolVersion })
  const options = { device, server: on.server.fingerprint, method: METHOD_CHAT, request, ...proof }
  const value = { protocolVersion, proof: makeProof(options) }
  await stream.write({ frame: { case: 'open', value } })
  return (await stream.ended)!
}

const PROTO = readFileSync(new URL('../../../proto/parley/v1/chat.proto', import.meta.url), 'utf8')

/** A row of the table: a method, a status, a reason, and what to do. */
const ROW = /^\/\/ {3}\S.*? {2,}([A-Z_]+) {2,}([A-Z_]+) {2,}\S/gm

test('every reason is in the table of chat.proto, and no other', () => {
  const named = new Set([...PROTO.matchAll(ROW)].map(([, , reason]) => reason))
  const reasons = Object.values(ErrorReason).filter(reason => typeof reason === 'string')
  expect([...named].toSorted()).toEqual(reasons.filter(reason => reason !== 'UNSPECIFIED').toSorted())
})

type Provoke = (on: TestClient) => Promise<RpcError>

const nonce = new Uint8Array(16)
const spent: Provoke = async on => {
  const device = makeDevice()
  await withProof(on, { nonce }, device)
  return failureOf(withProof(on, { nonce }, device))
}
const PROVOKED: [name: string, status: string, reason: ErrorReason, provoke: Provoke][] = [
  ['no proof', 'INVALID_ARGUMENT', ErrorReason.FRAME, on => failureOf(on.channel.unary(keyExchange, {}))],
  [
    'a message that is too large',
    'RESOURCE_EXHAUSTED',
    ErrorReason.TOO_LARGE,
    on => failureOf(on.channel.unary(keyExchange, { parts: new Uint8Array(LIMITS.keyExchangeBytes) })),
  ],
  [
    'a clock that is off',
    'UNAUTHENTICATED',
    ErrorReason.CLOCK,
    on => failureOf(withProof(on, { timeMs: Date.now() - 2 * LIMITS.proofWindowMs })),
  ],
  ['a nonce twice', 'UNAUTHENTICATED', ErrorReason.REPLAYED, spent],
  [
    'another server',
    'UNAUTHENTICATED',
    ErrorReason.OTHER_SERVER,
    on => failureOf(withProof(on, { server: new Uint8Array(32) })),
  ],
  [
    'another method',
    'UNAUTHENTICATED',
    ErrorReason.OTHER_METHOD,
    on => failureOf(withProof(on, { method: METHOD_CHAT })),
  ],
  [
    'another request',
    'UNAUTHENTICATED',
    ErrorReason.OTHER_REQUEST,
    on => failureOf(withProof(on, { request: new Uint8Array() })),
  ],
  [
    'the signature of another key',
    'UNAUTHENTICATED',
    ErrorReason.SIGNATURE,
    on => failureOf(withProof(on, { signer: makeKey() })),
  ],
  [
    'a device that is not registered',
    'UNAUTHENTICATED',
    ErrorReason.UNKNOWN_DEVICE,
    on => failureOf(on.keyExchange(makeDevice())),
  ],
  ['a version that is none', 'FAILED_PRECONDITION', ErrorReason.PROTOCOL_VERSION, on => streamWith(on, 0)],
  [
    'a frame out of order',
    'INVALID_ARGUMENT',
    ErrorReason.FRAME,
    async on => {
      const stream = on.raw()
      await stream.write({ frame: { case: 'ping', value: { nonce: 1n } } })
      return (await stream.ended)!
    },
  ],
]

onAnyStore('a status has its reason', () => {
  onAnyServer.each(PROVOKED)('%s: %s', async (_, code, reason, provoke) => {
    const error = await provoke(client)
    const { serverTimeMs, ...detail } = detailOf(error)
    expect({ code: error.code, reason: ErrorReason[detail.reason] }).toEqual({
      code,
      reason: ErrorReason[reason],
    })
    expect(Math.abs(Number(serverTimeMs) - Date.now())).toBeLessThan(LIMITS.proofWindowMs)
    expect(error.message).not.toBe('')
  })

  onAnyServer('also those of the transport: compression, a deadline', async () => {
    const session = rawSession(client.server.port)
    const ends = async (body: Buffer, headers = {}) => {
      const { stream, ended } = rawCall(session, METHODS.keyExchange, headers)
      stream.write(body)
      const { status, fields } = await ended
      const detail = fields['parley-error-bin']
      return [status, typeof detail === 'string' && detail.length > 0]
    }
    const request = framed(toBinary(KeyExchangeRequestSchema, create(KeyExchangeRequestSchema)))
    expect(await ends(gzipped(Buffer.alloc(0)), { 'grpc-encoding': 'gzip' })).toEqual(['12', true])
    expect(await ends(request.subarray(0, 3), { 'grpc-timeout': '50m' })).toEqual(['4', true])
    session.destroy()
  })
})

onAnyStore('a server that has enough', () => {
  onOwnServer('of streams, or is stopping, says so', async () => {
    await withOwnServer({ openSessions: 1 }, async (own, { relay }) => {
      const first = await own.open(await own.register())
      const error = await streamWith(own, 1)
      expect(detailOf(error).reason).toBe(ErrorReason.TOO_MANY_STREAMS)
      const stopped = relay.stop()
      const late = await failureOf(own.channel.unary(getServer, {}))
      // The connection may be gone by then, which the client's own library says.
      expect(late.code).toBe('UNAVAILABLE')
      await first.ended
      await stopped
    })
  })
})
