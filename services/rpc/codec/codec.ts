import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf'
import { RpcError } from '../error.js'
import { encodeMessage } from './encoder.js'

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
 * Decodes a message. Throws RpcError INVALID_ARGUMENT when the bytes are not one.
 *
 * protobuf-es returns `bytes` fields as views (subarray) of what it decodes, and grpc-js hands over
 * a view of Node's shared buffer pool where the message is small. So the message is copied once: a
 * field that is kept then holds on to its own message and nothing else, and is a plain Uint8Array
 * whose slice() copies (a Buffer's does not). Fields that no version of ours knows are dropped,
 * because a peer could have them kept in memory.
 */
export function decode<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, new Uint8Array(bytes), { readUnknownFields: false })
  } catch (cause) {
    throw new RpcError('INVALID_ARGUMENT', `the bytes received are not a ${schema.typeName}`, { cause })
  }
}
