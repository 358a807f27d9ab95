import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ChatRequestSchema, ChatResponseSchema, SendSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { KeyExchangePartsSchema } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { decode } from '../../../../services/rpc/codec/codec.js'
import { countFields } from '../../../../services/rpc/codec/fields.js'
import { RpcError } from '../../../../services/rpc/error.js'
import { arbitraryMessage } from '../arbitrary-message.js'

/** More than the bytes could hold, so that nothing is left to the shortcut. */
const padded = (bytes: Uint8Array) =>
  Buffer.concat([bytes, Buffer.from('fa7f808004', 'hex'), Buffer.alloc(65_536)])

describe('the fields of a message', () => {
  test.each([ChatRequestSchema, ChatResponseSchema])('of any of ours are within (%#)', schema => {
    fc.assert(
      fc.property(arbitraryMessage(schema), message => {
        const bytes = toBinary(schema, message)
        expect(countFields(schema, padded(bytes), 10_000)).toBe('within')
      }),
      { numRuns: 300 },
    )
  })

  test('are counted to one, those of the messages in it among them', () => {
    // Send, and of each of its envelopes itself, two fields, the application, and of that two.
    const ciphertext = new Uint8Array(100)
    const conversationId = new Uint8Array(16)
    const envelope = { case: 'application' as const, value: { epoch: 1n, ciphertext } }
    const envelopes = Array.from({ length: 10 }, () => ({ clientSequence: 1n, conversationId, envelope }))
    const bytes = toBinary(SendSchema, create(SendSchema, { envelopes }))
    expect(countFields(SendSchema, bytes, 60)).toBe('within')
    expect(countFields(SendSchema, bytes, 59)).toBe('too-many')
  })

  test('what is no message is told from what is too large', () => {
    for (const hex of ['0aff', '0a', '0b0c', '09', '0d', 'ff'.repeat(11), `0a${'ff'.repeat(9)}01`])
      expect({ hex, counted: countFields(KeyExchangePartsSchema, Buffer.from(hex, 'hex'), 0) }).toEqual({
        hex,
        counted: 'too-many',
      })
    for (const hex of ['0aff', '0a', '0b0c', '0d', 'ff'.repeat(11), `0a${'ff'.repeat(9)}01`]) {
      const bytes = Buffer.concat([Buffer.of(0x12, 20), Buffer.alloc(20), Buffer.from(hex, 'hex')])
      expect({ hex, counted: countFields(KeyExchangePartsSchema, bytes, 5) }).toEqual({
        hex,
        counted: 'malformed',
      })
    }
  })

  test('a message with more than its sender may have is not decoded', () => {
    const bytes = Buffer.alloc(10_000, Buffer.from('2a00', 'hex'))
    expect(decode(KeyExchangePartsSchema, bytes, 5_000).deviceRemovals).toHaveLength(5_000)
    expect(() => decode(KeyExchangePartsSchema, bytes, 4_999)).toThrow(
      new RpcError(
        'RESOURCE_EXHAUSTED',
        'KeyExchangeParts has more than 4999 fields, those of the messages in it among them',
      ),
    )
  })
})
