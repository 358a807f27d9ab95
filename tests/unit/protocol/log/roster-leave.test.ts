import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RosterLeaveSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { SignedRejoinStatementSchema } from '../../../../gen/parley/v1/rejoin_pb.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { deviceKeys } from '../../../../services/protocol/keys.js'
import { makeLeave, verifyLeave } from '../../../../services/protocol/log/roster-leave.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { generateKeyPair, keyPairOf } from '../../../../services/protocol/signature.js'

const device = deviceKeys(keyPairOf(crypto, new Uint8Array(32).fill(2)))
const ids = fc.uint8Array({ minLength: 16, maxLength: 16 })
const epochs = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

const holds = (conversationId: Uint8Array, leave: Parameters<typeof verifyLeave>[1]['leave']) =>
  verifyLeave(crypto, { conversationId, leave })

describe('a leave', () => {
  test('holds for its conversation and epoch, also after the wire, and for no other', () => {
    fc.assert(
      fc.property(ids, ids, epochs, epochs, (conversationId, other, epoch, later) => {
        const made = makeLeave(crypto, { conversationId, epoch, device })
        const leave = fromBinary(RosterLeaveSchema, toBinary(RosterLeaveSchema, made))
        expect(leave).toMatchObject({ deviceId: device.publicKey, epoch })
        expect(holds(conversationId, leave)).toBe(true)
        if (Buffer.compare(conversationId, other) !== 0) expect(holds(other, leave)).toBe(false)
        if (epoch !== later) expect(holds(conversationId, { ...leave, epoch: later })).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  // Signed with node:crypto alone, apart from this code.
  test('stays as it was published', () => {
    const signature = Buffer.from(
      '4d723194838efbbab80740317bbe3dd83dd26197d35adea7b6f073c21c674bce' +
        '1cc1f6661bd0687cea77148834cb9fe92a40518f5671245eba99f6c1c0e89d08',
      'hex',
    )
    const leave = { nonce: new Uint8Array(16).fill(4), signature, deviceId: device.publicKey, epoch: 5n }
    expect(holds(new Uint8Array(16).fill(3), leave)).toBe(true)
  })

  test('of a changed bit, another device, another length and another purpose is none', () => {
    const conversationId = new Uint8Array(16)
    const good = makeLeave(crypto, { conversationId, epoch: 1n, device })
    for (const field of ['nonce', 'signature', 'deviceId'] as const) {
      for (let bit = 0; bit < good[field].length * 8; bit += 7) {
        const bytes = good[field].slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(holds(conversationId, { ...good, [field]: bytes })).toBe(false)
      }
      expect(holds(conversationId, { ...good, [field]: good[field].slice(1) })).toBe(false)
    }
    expect(holds(conversationId, { ...good, deviceId: generateKeyPair(crypto).publicKey })).toBe(false)
    expect(holds(conversationId.slice(1), good)).toBe(false)
    for (const epoch of [-1n, 2n ** 64n]) expect(holds(conversationId, { ...good, epoch })).toBe(false)
    const asked = { groupId: conversationId, incarnation: 1, head: new Uint8Array(32), lastEpoch: 1n }
    const rejoin = makeRejoinStatement(crypto, asked, { device, nonce: good.nonce })
    const { signature } = fromBinary(SignedRejoinStatementSchema, rejoin)
    expect(holds(conversationId, { ...good, signature })).toBe(false)
  })

  test('is made for a conversation only', () => {
    const conversationId = new Uint8Array(15)
    expect(() => makeLeave(crypto, { conversationId, epoch: 1n, device })).toThrow(RangeError)
  })
})
