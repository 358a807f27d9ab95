import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ProofSchema } from '../../../gen/parley/v1/identity_pb.js'
import { deviceKeys } from '../../../services/protocol/keys.js'
import { METHODS } from '../../../services/protocol/method.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import {
  makeProof,
  openRequest,
  ProofError,
  type ProofReason,
  readProof,
} from '../../../services/protocol/proof.js'
import { generateKeyPair, type Label, sign, verify } from '../../../services/protocol/signature.js'

const device = deviceKeys(generateKeyPair(crypto))
const server = new Uint8Array(32).fill(7)
const method = METHODS.chat
const NOW = 1_800_000_000_000
const WINDOW = 120_000
const request = openRequest({ protocolVersion: 1, cursor: new Uint8Array(37) })
const requestHash = crypto.sha256(request)
const expected = { method, request, server, now: NOW, window: WINDOW }

/** A proof properly signed by its device, with anything in it, under any label. */
function signed(
  fields: MessageInitShape<typeof ProofSchema>,
  { label = 'parley.v1.Proof', signer = device }: { label?: Label; signer?: typeof device } = {},
) {
  const { publicKey: deviceKey } = device
  const base = { method, server, timeMs: BigInt(NOW), nonce: new Uint8Array(16), deviceKey, requestHash }
  const proof = toBinary(ProofSchema, create(ProofSchema, { ...base, ...fields }))
  return { proof, signature: sign(crypto, { label, bytes: proof, privateKey: signer.privateKey }) }
}

function refusal(of: { proof: Uint8Array; signature: Uint8Array }): ProofReason | undefined {
  try {
    readProof(crypto, of, expected)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(ProofError)
    return (error as ProofError).reason
  }
}

describe('making a proof', () => {
  test('says what it was asked to, signed by the device', () => {
    const nonce = new Uint8Array(16).fill(9)
    const { proof, signature } = makeProof(crypto, { method, request, server, device, time: 1234, nonce })
    const { publicKey } = device
    expect(verify(crypto, { label: 'parley.v1.Proof', bytes: proof, signature, publicKey })).toBe(true)
    expect(fromBinary(ProofSchema, proof)).toMatchObject({
      ...{ method, server, nonce, requestHash },
      ...{ timeMs: 1234n, deviceKey: device.publicKey },
    })
  })

  test('gives each a nonce of its own and the time of its making', () => {
    const before = BigInt(Date.now())
    const proofs = [1, 2].map(() =>
      fromBinary(ProofSchema, makeProof(crypto, { method, request, server, device }).proof),
    )
    expect(proofs[0]!.nonce).toHaveLength(16)
    expect(proofs[0]!.nonce).not.toEqual(proofs[1]!.nonce)
    expect(proofs[0]!.timeMs).toBeGreaterThanOrEqual(before)
  })

  test("takes a server's name and a nonce of their fixed lengths only", () => {
    const call = { method, request, server, device }
    expect(() => makeProof(crypto, { ...call, server: new Uint8Array(31) })).toThrow(RangeError)
    expect(() => makeProof(crypto, { ...call, nonce: new Uint8Array(15) })).toThrow(RangeError)
  })
})

describe('reading a proof', () => {
  test('gives what was made', () => {
    const nonces = fc.uint8Array({ minLength: 16, maxLength: 16 })
    const times = fc.integer({ min: NOW - WINDOW, max: NOW + WINDOW })
    const calls = fc.record({
      method: fc.constantFrom(...Object.values(METHODS)),
      request: fc.uint8Array({ maxLength: 200 }),
    })
    fc.assert(
      fc.property(calls, nonces, times, (call, nonce, time) => {
        const made = makeProof(crypto, { ...call, server, device, time, nonce })
        const read = readProof(crypto, made, { ...expected, ...call })
        expect(read).toEqual({ deviceKey: device.publicKey, nonce, time })
      }),
      { numRuns: 30 },
    )
  })

  test.each<[string, MessageInitShape<typeof ProofSchema>, ProofReason]>([
    ['of another server', { server: new Uint8Array(32) }, 'other-server'],
    ['that names half of the server', { server: server.subarray(16) }, 'other-server'],
    ['for another call', { method: METHODS.keyExchange }, 'other-method'],
    ['for no call', { method: '' }, 'other-method'],
    ['for another request', { requestHash: crypto.sha256(new Uint8Array()) }, 'other-request'],
    ['for half of a request', { requestHash: requestHash.subarray(16) }, 'other-request'],
    ['for any request', { requestHash: new Uint8Array() }, 'other-request'],
    ['a moment before the window', { timeMs: BigInt(NOW - WINDOW - 1) }, 'clock'],
    ['a moment after the window', { timeMs: BigInt(NOW + WINDOW + 1) }, 'clock'],
    ['of the first moment that there is', { timeMs: -(2n ** 63n) }, 'clock'],
    ['with a short nonce', { nonce: new Uint8Array(15) }, 'nonce'],
    ['with a long nonce', { nonce: new Uint8Array(17) }, 'nonce'],
    ['of another device', { deviceKey: generateKeyPair(crypto).publicKey }, 'signature'],
    ['of no device', { deviceKey: new Uint8Array() }, 'signature'],
  ])('refuses one %s', (_, fields, reason) => {
    expect(refusal(signed(fields))).toBe(reason)
  })

  test.each([-WINDOW, WINDOW])('takes one at the edge of the window (%d ms)', off => {
    expect(refusal(signed({ timeMs: BigInt(NOW + off) }))).toBeUndefined()
  })

  test('refuses what the device signed for another purpose', () => {
    expect(refusal(signed({}, { label: 'parley.v1.RejoinRequest' }))).toBe('signature')
  })

  test('refuses a changed bit, wherever it is', () => {
    const good = signed({})
    const bits = fc.nat((good.proof.length + good.signature.length) * 8 - 1)
    fc.assert(
      fc.property(bits, bit => {
        const bytes = Uint8Array.from([...good.proof, ...good.signature])
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        const proof = bytes.subarray(0, good.proof.length)
        expect(refusal({ proof, signature: bytes.subarray(good.proof.length) })).toBeDefined()
      }),
    )
  })

  test('refuses hostile bytes with ProofError and nothing else', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(signed({}).proof))
    const signatures = fc.oneof(
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      fc.uint8Array({ maxLength: 80 }),
    )
    fc.assert(
      fc.property(bytes, signatures, (proof, signature) => {
        expect(refusal({ proof, signature })).toMatch(/^(malformed|signature)$/)
      }),
    )
  })
})
