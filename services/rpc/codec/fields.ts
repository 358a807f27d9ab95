// Counts the fields of an encoded message before it is decoded. A field of two bytes becomes an object of a hundred and
// more, so what decoding costs is bounded by the number of fields, and not by the number of bytes alone.

import type { DescMessage } from '@bufbuild/protobuf'

/** Of protobuf's encoding (https://protobuf.dev/programming-guides/encoding): how a value's end is found. */
const VARINT = 0
const FIXED_64 = 1
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

/** A field has a tag, and a value or a length: of one byte each, at least. */
const LEAST_FIELD_BYTES = 2
/** Bytes of the longest varint. */
const VARINT_BYTES = 10
const SEVEN_BITS = 0x7f
const MORE = 0x80
/** A type that contains itself is followed so far; no message of the contract is in more than six others. */
const DEEPEST = 32

/** 'malformed': the bytes are no message, or one with groups, which proto3 does not have. */
type FieldCount = 'within' | 'too-many' | 'malformed'

/** Whether an encoded message has at most so many fields, those of the messages in it among them. Makes no objects. */
export function countFields(schema: DescMessage, bytes: Uint8Array, most: number): FieldCount {
  if (bytes.length <= most * LEAST_FIELD_BYTES) return 'within'
  return new FieldWalk(bytes, most).message(schema, bytes.length, DEEPEST)
}

/** The types of the fields that are messages, by number. */
const nested = new WeakMap<DescMessage, ReadonlyMap<number, DescMessage>>()

function nestedIn(schema: DescMessage): ReadonlyMap<number, DescMessage> {
  const known = nested.get(schema)
  if (known) return known
  const found = new Map(schema.fields.flatMap(({ number, message }) => (message ? [[number, message]] : [])))
  nested.set(schema, found)
  return found
}

/** Goes through the bytes of one message. */
class FieldWalk {
  #at = 0
  #fields = 0

  constructor(
    private readonly bytes: Uint8Array,
    private readonly most: number,
  ) {}

  /** From where the walk stands to `end`. */
  message(schema: DescMessage, end: number, depth: number): FieldCount {
    const types = nestedIn(schema)
    while (this.#at < end) {
      this.#fields += 1
      if (this.#fields > this.most) return 'too-many'
      const tag = this.#varint()
      if (tag === undefined) return 'malformed'
      const type = tag % 8
      const length = this.#length(type)
      if (length === undefined || this.#at + length > end) return 'malformed'
      const inner = type === LENGTH_DELIMITED ? types.get(Math.floor(tag / 8)) : undefined
      if (inner === undefined) this.#at += length
      else {
        const counted = depth > 0 ? this.message(inner, this.#at + length, depth - 1) : 'malformed'
        if (counted !== 'within') return counted
      }
    }
    return 'within'
  }

  /** How many bytes of a field's value are still to come, when a varint or a length was read. */
  #length(type: number): number | undefined {
    if (type === VARINT) return this.#varint() === undefined ? undefined : 0
    if (type === LENGTH_DELIMITED) return this.#varint()
    if (type === FIXED_64) return 8
    return type === FIXED_32 ? 4 : undefined
  }

  /** undefined: the bytes end before it does, or it is too long. Inexact from 2^53 on, which no length may be. */
  #varint(): number | undefined {
    let value = 0
    for (let index = 0, unit = 1; index < VARINT_BYTES; index += 1, unit *= 2 ** 7) {
      const byte = this.bytes[this.#at]
      if (byte === undefined) return undefined
      this.#at += 1
      value += (byte & SEVEN_BITS) * unit
      if (byte < MORE) return value
    }
    return undefined
  }
}
