import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  ChatRequestSchema,
  ChatResponseSchema,
  ErrorDetailSchema,
  file_parley_v1_chat,
} from '../../../../gen/parley/v1/chat_pb.js'
import { encodeMessage } from '../../../../services/rpc/codec/encoder.js'
import { arbitraryMessage } from '../arbitrary-message.js'

const bytesOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function same<D extends DescMessage>(schema: D, message: Parameters<typeof toBinary<D>>[1]): void {
  expect(bytesOf(encodeMessage(schema, message))).toBe(bytesOf(toBinary(schema, message)))
}

describe('the encoder', () => {
  test.each([ChatRequestSchema, ChatResponseSchema])(
    'writes the bytes that protobuf-es writes (%#)',
    schema => {
      fc.assert(
        fc.property(arbitraryMessage(schema), message => same(schema, message)),
        { numRuns: 500 },
      )
    },
  )

  test('grows for large messages, and goes on with small ones', () => {
    for (const size of [10, 70_000, 3_000_000, 200, 1_100_000, 0]) {
      const value = { epoch: 5n, commit: new Uint8Array(size).fill(size), creates: true }
      const envelopes = [{ clientSequence: 7n, envelope: { case: 'commit' as const, value } }]
      same(ChatRequestSchema, create(ChatRequestSchema, { frame: { case: 'send', value: { envelopes } } }))
    }
  })

  test('leaves to protobuf-es what it does not know: other types, unknown fields, rare numbers', () => {
    same(FileDescriptorProtoSchema, file_parley_v1_chat.proto)
    const unknown = fromBinary(ErrorDetailSchema, Uint8Array.of(8, 1, 0xa8, 0x06, 5))
    same(ErrorDetailSchema, unknown)
    expect(bytesOf(encodeMessage(ErrorDetailSchema, unknown))).toBe('0801a80605')
    for (const serverTimeMs of [-1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)])
      same(ErrorDetailSchema, create(ErrorDetailSchema, { reason: 3, serverTimeMs }))
  })

  test('writes integers of every length', () => {
    for (let bits = 0n; bits < 53n; bits++)
      for (const serverTimeMs of [(1n << bits) - 1n, 1n << bits])
        same(ErrorDetailSchema, create(ErrorDetailSchema, { serverTimeMs }))
  })

  test.each([-1, 1.5, 2 ** 32, Number.NaN, 'x', null])('refuses %p as protobuf-es does', value => {
    const message = create(ChatRequestSchema, { frame: { case: 'open', value: {} } })
    Object.assign(message.frame.value!, { protocolVersion: value })
    expect(() => encodeMessage(ChatRequestSchema, message)).toThrow()
    expect(() => toBinary(ChatRequestSchema, message)).toThrow()
    const after = create(ErrorDetailSchema, { serverTimeMs: 1n })
    same(ErrorDetailSchema, after)
  })
})
