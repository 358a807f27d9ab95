import { fromBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { ProofSchema } from '../../../gen/parley/v1/identity_pb.js'
import { makeProof } from '../../../services/protocol/proof.js'
import { generateKeyPair, verify } from '../../../services/protocol/signature.js'

const device = generateKeyPair()
const server = new Uint8Array(32).fill(7)
const method = '/parley.v1.ChatService/Chat'

describe('proofs', () => {
  test('a proof says what it was asked to, signed by the device', () => {
    const nonce = new Uint8Array(16).fill(9)
    const { proof, signature } = makeProof({ method, server, device, time: 1234, nonce })
    expect(verify('parley.v1.Proof', device.publicKey, proof, signature)).toBe(true)
    const { method: named, server: place, timeMs, nonce: once, deviceKey } = fromBinary(ProofSchema, proof)
    expect({ named, place, timeMs, once, deviceKey }).toEqual({
      named: method,
      place: server,
      timeMs: 1234n,
      once: nonce,
      deviceKey: device.publicKey,
    })
  })

  test('every proof has a nonce of its own and the time of its making', () => {
    const before = BigInt(Date.now())
    const proofs = [1, 2].map(() => fromBinary(ProofSchema, makeProof({ method, server, device }).proof))
    expect(proofs[0]!.nonce).toHaveLength(16)
    expect(proofs[0]!.nonce).not.toEqual(proofs[1]!.nonce)
    expect(proofs[0]!.timeMs).toBeGreaterThanOrEqual(before)
  })

  test("a server's name and a nonce have fixed lengths", () => {
    expect(() => makeProof({ method, server: new Uint8Array(31), device })).toThrow(RangeError)
    expect(() => makeProof({ method, server, device, nonce: new Uint8Array(15) })).toThrow(RangeError)
  })
})
