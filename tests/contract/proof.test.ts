import { beforeAll, expect } from '@jest/globals'
import { ChatService, ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import type { RpcError } from '../../services/rpc/error.js'
import { detailOf, failureOf, proofFor } from '../support/contract-client.js'
import {
  CERTIFICATE_LABEL,
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeDevice,
  makeKey,
  makeProof,
  openBytes,
  type ProofInit,
  partsOf,
  random,
  type TestDevice,
} from '../support/contract-device.js'
import { onAnyServer } from '../support/contract-server.js'
import { client, onEveryStore } from '../support/contract-suite.js'
import { emptyFields } from '../support/raw-call.js'

const { keyExchange } = ChatService.method

const HOUR_MS = 3_600_000

let device: TestDevice

async function chatFailure(proof: ProofInit | undefined): Promise<RpcError> {
  const stream = client.raw()
  await stream.write({ frame: { case: 'open', value: { protocolVersion: 1, ...(proof ? { proof } : {}) } } })
  const error = await stream.ended
  if (error === undefined) throw new Error('the stream ended with OK')
  return error
}

/** Both calls refuse it in the same way. */
async function expectRefused(make: (method: string) => ProofInit, reason: ErrorReason): Promise<void> {
  const unary = await failureOf(client.keyExchange(device, { proof: make(METHOD_KEY_EXCHANGE) }))
  const stream = await chatFailure(make(METHOD_CHAT))
  for (const error of [unary, stream]) {
    expect(error.code).toBe('UNAUTHENTICATED')
    const detail = detailOf(error)
    expect(ErrorReason[detail.reason]).toBe(ErrorReason[reason])
    expect(Math.abs(Number(detail.serverTimeMs) - Date.now())).toBeLessThan(HOUR_MS)
    expect(error.message).toContain(new Date(Number(detail.serverTimeMs)).toISOString())
  }
}

function expectOther(error: RpcError | undefined): void {
  expect(error?.code).toBe('UNAUTHENTICATED')
  expect(ErrorReason[detailOf(error).reason]).toBe('OTHER_REQUEST')
}

const server = () => client.server.fingerprint

onEveryStore('a proof is refused, with its reason and the server’s time', () => {
  beforeAll(async () => {
    device = await client.register()
  })

  onAnyServer.each([
    ['too old', -HOUR_MS],
    ['from the future', HOUR_MS],
  ])('when it is %s', async (_, offMs) => {
    await expectRefused(
      method => makeProof({ device, server: server(), method, timeMs: Date.now() + offMs }),
      ErrorReason.CLOCK,
    )
  })

  onAnyServer('when its time is no time at all', async () => {
    await expectRefused(
      method => makeProof({ device, server: server(), method, timeMs: -8e15 }),
      ErrorReason.CLOCK,
    )
  })

  onAnyServer('when its nonce was used before, for whichever call', async () => {
    const nonce = random(16)
    const make = (method: string) => makeProof({ device, server: server(), method, nonce })
    await client.keyExchange(device, { proof: make(METHOD_KEY_EXCHANGE) })
    await expectRefused(make, ErrorReason.REPLAYED)
  })

  onAnyServer('when it is sent a second time as it is, at the same moment too', async () => {
    const proof = proofFor(client.server, device, METHOD_KEY_EXCHANGE)
    const calls = await Promise.allSettled(
      Array.from({ length: 8 }, () => client.keyExchange(device, { proof })),
    )
    expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  onAnyServer('when it was made for another server', async () => {
    await expectRefused(method => makeProof({ device, server: random(32), method }), ErrorReason.OTHER_SERVER)
    await expectRefused(
      method => makeProof({ device, server: new Uint8Array(), method }),
      ErrorReason.OTHER_SERVER,
    )
  })

  onAnyServer('when it was made for another method', async () => {
    const other = (method: string) => (method === METHOD_CHAT ? METHOD_KEY_EXCHANGE : METHOD_CHAT)
    await expectRefused(
      method => makeProof({ device, server: server(), method: other(method) }),
      ErrorReason.OTHER_METHOD,
    )
  })

  onAnyServer('when what came with it is not what it was made for', async () => {
    const asked = { lookupHandles: [device.handle] }
    const proof = () => proofFor(client.server, device, METHOD_KEY_EXCHANGE, partsOf(asked))
    for (const changed of [{}, { lookupHandles: ['somebody'] }, { ...asked, claimHandles: ['somebody'] }])
      expectOther(await failureOf(client.keyExchange(device, { proof: proof(), ...changed })))
    const cursor = random(37)
    for (const changed of [
      { protocolVersion: 1 },
      { protocolVersion: 1, cursor: random(37) },
      { protocolVersion: 1, cursor: cursor.subarray(1) },
      { protocolVersion: 2, cursor },
    ]) {
      const stream = client.raw()
      const opening = proofFor(client.server, device, METHOD_CHAT, openBytes({ cursor }))
      await stream.write({ frame: { case: 'open', value: { ...changed, proof: opening } } })
      expectOther(await stream.ended)
    }
  })

  onAnyServer('when it names no request', async () => {
    await expectRefused(
      method => makeProof({ device, server: server(), method, requestHash: new Uint8Array() }),
      ErrorReason.OTHER_REQUEST,
    )
  })

  onAnyServer('when another key signed it, or under another label, or its bytes were changed', async () => {
    await expectRefused(
      method => makeProof({ device, server: server(), method, signer: makeKey() }),
      ErrorReason.SIGNATURE,
    )
    await expectRefused(
      method => makeProof({ device, server: server(), method, label: CERTIFICATE_LABEL }),
      ErrorReason.SIGNATURE,
    )
    await expectRefused(method => {
      const proof = makeProof({ device, server: server(), method })
      return { ...proof, signature: random(64) }
    }, ErrorReason.SIGNATURE)
  })

  onAnyServer('when the device is not registered', async () => {
    const stranger = makeDevice()
    await expectRefused(
      method => makeProof({ device: stranger, server: server(), method }),
      ErrorReason.UNKNOWN_DEVICE,
    )
  })
})

onEveryStore('what is asked behind a proof that holds', () => {
  onAnyServer(
    'and cannot be read, or has too many fields, is refused with INVALID_ARGUMENT or TOO_LARGE',
    async () => {
      device = await client.register()
      const answered = async (parts: Uint8Array) => {
        const proof = proofFor(client.server, device, METHOD_KEY_EXCHANGE, parts)
        const error = await failureOf(client.channel.unary(keyExchange, { proof, parts }))
        return [error.code, ErrorReason[detailOf(error).reason]]
      }
      expect(await answered(Uint8Array.of(0x0a, 0xff))).toEqual(['INVALID_ARGUMENT', 'FRAME'])
      // KeyExchangeParts.device_removals, over and over.
      expect(await answered(emptyFields(5, 40_000))).toEqual(['RESOURCE_EXHAUSTED', 'TOO_LARGE'])
    },
  )
})

onEveryStore('a call ends with INVALID_ARGUMENT', () => {
  beforeAll(async () => {
    device = await client.register()
  })

  onAnyServer.each<[string, () => ProofInit | undefined]>([
    ['without a proof', () => undefined],
    ['with a proof that cannot be read', () => ({ proof: new Uint8Array([255]), signature: random(64) })],
    [
      'with a nonce of a wrong length',
      () => makeProof({ device, server: server(), method: METHOD_CHAT, nonce: random(15) }),
    ],
  ])('%s', async (_, make) => {
    const error = await chatFailure(make())
    expect({ code: error.code, reason: detailOf(error).reason }).toEqual({
      code: 'INVALID_ARGUMENT',
      reason: ErrorReason.FRAME,
    })
  })
})
