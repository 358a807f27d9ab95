// Statements with room in them: an unknown field, as a newer client may have written it.

import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type SigningKey, signLabelled } from './contract-device.js'

/** A field of bytes that no message of ours has: its tag has two bytes. */
const UNKNOWN_FIELD = 1000
const LENGTH_DELIMITED = 2
const MORE = 0x80

interface Padding {
  /** The message that a statement travels in. */
  schema: DescMessage
  /** The field of it that the statement is in. */
  field: string
  label: string
  key: SigningKey
}

/** The encoded and signed statement, made so many bytes long, and signed anew. */
export function paddedTo(size: number, encoded: Uint8Array, padding: Padding): Uint8Array {
  const { schema, field, label, key } = padding
  const fieldsOf: Record<string, unknown> = { ...fromBinary(schema, encoded) }
  const statement = fieldsOf[field] as Uint8Array
  // Tags and lengths take some more.
  for (let room = Math.max(size - encoded.length - 8, 0); room <= size; room++) {
    const bytes = Buffer.concat([statement, unknownField(room)])
    const fields = { [field]: bytes, signature: signLabelled(label, bytes, key) }
    const made = toBinary(schema, create(schema, fields as MessageInitShape<DescMessage>))
    if (made.length === size) return made
  }
  throw new Error(`no padding makes it ${size} bytes long`)
}

function unknownField(length: number): Buffer {
  return Buffer.concat([
    varint((UNKNOWN_FIELD << 3) | LENGTH_DELIMITED),
    varint(length),
    Buffer.alloc(length),
  ])
}

function varint(value: number): Buffer {
  return value < MORE
    ? Buffer.of(value)
    : Buffer.concat([Buffer.of((value & 0x7f) | MORE), varint(value >> 7)])
}
