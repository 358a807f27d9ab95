import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf'
import { RpcError } from '../error.js'
import { encodeMessage } from './encoder.js'
import { countFields } from './fields.js'

/**
 * Fields that one message may have, those of the messages in it among them. A commit that adds 250 devices has about a
 * thousand, the answer to 256 look-ups about twenty thousand.
 */
export const MAX_FIELDS = 65_536

/**
 * Encodes a message. Throws RpcError RESOURCE_EXHAUSTED when it is over the limit, and what
 * protobuf-es throws for a value that its field cannot hold.
 */
export function encode<D extends DescMessage>(
  schema: D,
  message: MessageInitShape<D>,
  maxBytes: number,
): Buffer {
  const bytes = encodeMessage(schema, create(schema, message))
  if (bytes.byteLength > maxBytes) {
    throw new RpcError(
      'RESOURCE_EXHAUSTED',
      `${schema.name} has ${bytes.byteLength} bytes; at most ${maxBytes} are allowed`,
    )
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Decodes a message. Throws RpcError INVALID_ARGUMENT when the bytes are not one, and RESOURCE_EXHAUSTED, before
 * anything is made of them, when it has more than `maxFields`.
 *
 * protobuf-es returns `bytes` fields as views (subarray) of what it decodes, and grpc-js hands over
 * a view of Node's shared buffer pool where the message is small. So the message is copied once: a
 * field that is kept then holds on to its own message and nothing else, and is a plain Uint8Array
 * whose slice() copies (a Buffer's does not). Fields that no version of ours knows are dropped,
 * because a peer could have them kept in memory.
 */
export function decode<D extends DescMessage>(
  schema: D,
  bytes: Uint8Array,
  maxFields = MAX_FIELDS,
): MessageShape<D> {
  const counted = countFields(schema, bytes, maxFields)
  if (counted === 'too-many')
    throw new RpcError(
      'RESOURCE_EXHAUSTED',
      `${schema.name} has more than ${maxFields} fields, those of the messages in it among them`,
    )
  try {
    if (counted === 'malformed') throw new Error('a field does not end where its message does')
    return fromBinary(schema, new Uint8Array(bytes), { readUnknownFields: false })
  } catch (cause) {
    throw new RpcError('INVALID_ARGUMENT', `the bytes received are not a ${schema.typeName}`, { cause })
  }
}
