import { createCipheriv } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EphemeralSchema, SignedEphemeralSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { concatBytes } from '../../../../services/protocol/bytes.js'
import {
  EPHEMERAL_KEY,
  openEphemeral,
  sealEphemeral,
} from '../../../../services/protocol/content/ephemeral.js'
import { deviceKeys } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { generateKeyPair, type Label, sign } from '../../../../services/protocol/signature.js'

const device = deviceKeys(generateKeyPair(crypto))
const key = new Uint8Array(32).fill(1)
const conversationId = new Uint8Array(16).fill(2)
const content = { sentAtMs: 5n, body: { case: 'presence' as const, value: { here: true, asks: true } } }
const seal = () => sealEphemeral(crypto, { key, conversationId, device, content })
const opened = (ciphertext: Uint8Array) => openEphemeral(crypto, { key, conversationId, ciphertext })

/** Sealed rightly, with anything inside. */
function sealed(plaintext: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(conversationId)
  return concatBytes(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
}

function signed(label: Label, bytes: Uint8Array, ephemeral: Uint8Array): Uint8Array {
  const signature = sign(crypto, { label, bytes, privateKey: device.privateKey })
  const whole = create(SignedEphemeralSchema, { ephemeral, deviceId: device.publicKey, signature })
  return sealed(toBinary(SignedEphemeralSchema, whole))
}

describe('ephemeral content', () => {
  test('is opened with who signed it', () => {
    const times = fc.bigInt({ min: 0n, max: 2n ** 62n })
    fc.assert(
      fc.property(times, fc.boolean(), (sentAtMs, here) => {
        const body = { case: 'presence' as const, value: { here } }
        const ciphertext = sealEphemeral(crypto, {
          ...{ key, conversationId, device },
          content: { sentAtMs, body },
        })
        expect(opened(ciphertext)).toMatchObject({ deviceId: device.publicKey, content: { sentAtMs, body } })
      }),
      { numRuns: 30 },
    )
  })

  test('is sealed as the contract says, and never twice alike', () => {
    const ephemeral = toBinary(EphemeralSchema, create(EphemeralSchema, content))
    const bytes = concatBytes(conversationId, ephemeral)
    const byHand = signed('parley.content.v1.Ephemeral', bytes, ephemeral)
    const nonce = new Uint8Array(12)
    expect(sealEphemeral(crypto, { key, conversationId, device, content, nonce })).toEqual(byHand)
    expect(seal()).not.toEqual(seal())
    expect(EPHEMERAL_KEY).toEqual({ label: 'parley ephemeral', bytes: 32 })
  })

  test('is of its epoch and its conversation alone', () => {
    const ciphertext = seal()
    const otherKey = new Uint8Array(32)
    expect(openEphemeral(crypto, { key: otherKey, conversationId, ciphertext })).toBeUndefined()
    const other = new Uint8Array(16)
    expect(openEphemeral(crypto, { key, conversationId: other, ciphertext })).toBeUndefined()
  })

  test('counts only with the signature of the device that it names, for this purpose and conversation', () => {
    const ephemeral = toBinary(EphemeralSchema, create(EphemeralSchema, content))
    const bytes = concatBytes(conversationId, ephemeral)
    expect(opened(signed('parley.content.v1.Ephemeral', bytes, ephemeral))).toBeDefined()
    expect(opened(signed('parley.v1.Proof', bytes, ephemeral))).toBeUndefined()
    const elsewhere = concatBytes(new Uint8Array(16), ephemeral)
    expect(opened(signed('parley.content.v1.Ephemeral', elsewhere, ephemeral))).toBeUndefined()
    const broken = Uint8Array.of(0xff)
    const whole = concatBytes(conversationId, broken)
    expect(opened(signed('parley.content.v1.Ephemeral', whole, broken))).toBeUndefined()
  })

  test('with a bit changed, cut, or of hostile bytes is none, and raises nothing', () => {
    const good = seal()
    const changed = fc.nat(good.length * 8 - 1).map(bit => {
      const bytes = good.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      return bytes
    })
    const cut = fc.nat(good.length - 1).map(length => good.subarray(0, length))
    const inside = fc.uint8Array({ maxLength: 200 }).map(sealed)
    fc.assert(
      fc.property(fc.oneof(changed, cut, inside, fc.uint8Array({ maxLength: 300 })), hostile => {
        expect(opened(hostile)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })
})
