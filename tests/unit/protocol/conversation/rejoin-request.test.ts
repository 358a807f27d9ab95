import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RejoinRequestSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeRejoin, verifyRejoin } from '../../../../services/protocol/conversation/rejoin-request.js'
import { deviceKeys } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { generateKeyPair, keyPairOf, sign } from '../../../../services/protocol/signature.js'

const device = deviceKeys(keyPairOf(crypto, new Uint8Array(32).fill(2)))
const ids = fc.uint8Array({ minLength: 16, maxLength: 16 })

const holds = (conversationId: Uint8Array, request: Parameters<typeof verifyRejoin>[1]['request']) =>
  verifyRejoin(crypto, { conversationId, request })

describe('requests to rejoin', () => {
  test('what was made holds for its conversation, also after the wire, and for no other', () => {
    fc.assert(
      fc.property(ids, ids, (conversationId, other) => {
        const made = makeRejoin(crypto, { conversationId, lastEpoch: 7n, device })
        const request = fromBinary(RejoinRequestSchema, toBinary(RejoinRequestSchema, made))
        expect(request.deviceId).toEqual(device.publicKey)
        expect(holds(conversationId, request)).toBe(true)
        if (Buffer.compare(conversationId, other) !== 0) expect(holds(other, request)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  // Signed with node:crypto alone, apart from this code.
  test('what is signed stays as it was published', () => {
    const signature = Buffer.from(
      '996c08253068c1f4fb512c28525122ee19a94de6028e8c570f98df743e38052f' +
        '3c2f24346b5264d6d7c6ca9a5835bc5667ecdda20cb4e0832815ae1081f11d0c',
      'hex',
    )
    const request = {
      ...{ nonce: new Uint8Array(16).fill(4), signature, deviceId: device.publicKey, lastEpoch: 258n },
    }
    expect(holds(new Uint8Array(16).fill(3), request)).toBe(true)
  })

  test('each has a nonce of its own', () => {
    const conversationId = new Uint8Array(16)
    const [one, other] = [
      makeRejoin(crypto, { conversationId, lastEpoch: 7n, device }),
      makeRejoin(crypto, { conversationId, lastEpoch: 7n, device }),
    ]
    expect(one.nonce).toHaveLength(16)
    expect(one.nonce).not.toEqual(other.nonce)
  })

  test('a changed bit, another device and another purpose are refused', () => {
    const conversationId = new Uint8Array(16)
    const good = makeRejoin(crypto, { conversationId, lastEpoch: 7n, device })
    for (const field of ['nonce', 'signature', 'deviceId'] as const) {
      for (let bit = 0; bit < good[field].length * 8; bit += 1) {
        const bytes = good[field].slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(holds(conversationId, { ...good, [field]: bytes })).toBe(false)
      }
    }
    expect(holds(conversationId, { ...good, deviceId: generateKeyPair(crypto).publicKey })).toBe(false)
    for (const lastEpoch of [6n, 8n, -1n, 2n ** 64n])
      expect(holds(conversationId, { ...good, lastEpoch })).toBe(false)
    const signature = sign(crypto, {
      label: 'parley.v1.Proof',
      bytes: Buffer.concat([conversationId, Buffer.alloc(7), Buffer.of(7), good.nonce]),
      privateKey: device.privateKey,
    })
    expect(holds(conversationId, { ...good, signature })).toBe(false)
  })

  test.each([
    [16, 16, true],
    [15, 17, false],
    [17, 15, false],
    [15, 16, false],
    [16, 15, false],
    [16, 17, false],
  ])('an id of %d and a nonce of %d bytes, properly signed: %p', (idBytes, nonceBytes, expected) => {
    const bytes = Buffer.alloc(idBytes + 8 + nonceBytes, 5)
    const signature = sign(crypto, {
      label: 'parley.v1.RejoinRequest',
      bytes,
      privateKey: device.privateKey,
    })
    const lastEpoch = bytes.readBigUInt64BE(idBytes)
    const request = { nonce: bytes.subarray(idBytes + 8), signature, deviceId: device.publicKey, lastEpoch }
    expect(holds(bytes.subarray(0, idBytes), request)).toBe(expected)
  })

  test('hostile bytes are refused and never throw', () => {
    const bytes = fc.uint8Array({ maxLength: 70 })
    const exact = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    const request = fc.record({
      nonce: fc.oneof(exact(16), bytes),
      signature: fc.oneof(exact(64), bytes),
      deviceId: fc.oneof(exact(32), bytes),
      lastEpoch: fc.bigInt(-(2n ** 65n), 2n ** 65n),
    })
    fc.assert(
      fc.property(fc.oneof(ids, bytes), request, (conversationId, hostile) => {
        expect(holds(conversationId, hostile)).toBe(false)
      }),
    )
  })

  test('a conversation id of another length is refused', () => {
    expect(() => makeRejoin(crypto, { conversationId: new Uint8Array(15), lastEpoch: 7n, device })).toThrow(
      RangeError,
    )
  })
})
