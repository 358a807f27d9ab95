// Encodes as protobuf-es does, byte for byte, at a fifth of its cost: the descriptors are turned into functions
// once, and a message is written from its end to its beginning into one buffer, so that every length is known
// when it is to be written. It leaves what it does not know, whether a type or a value, to protobuf-es, which
// then also says what is wrong with it.

import {
  type DescField,
  type DescMessage,
  type Message,
  type MessageShape,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf'
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt'
import { createBackwardWriter } from './backward-writer.js'

/** Writes a field, or nothing, of a message. Throws LeftToLibrary. */
type WriteField = (message: Record<string, unknown>) => void
/** Writes one value of a field, without its tag. Throws LeftToLibrary. */
type WriteValue = (value: unknown) => void

/** A value that is not written here. Without a stack, which would cost more than it tells. */
const LEFT_TO_LIBRARY = Symbol('left to protobuf-es')

/** Of protobuf's encoding: how a value's end is found. */
const VARINT = 0
const LENGTH_DELIMITED = 2

const UINT32_MAX = 0xffffffff
const INT32_MAX = 0x7fffffff
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER)

/** Encodes a message. Throws what protobuf-es throws for a value that its field cannot hold. */
export function encodeMessage<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  const plan = planOf(schema)
  if (plan === undefined) return toBinary(schema, message)
  writer.reset()
  try {
    plan(message)
  } catch (error) {
    if (error !== LEFT_TO_LIBRARY) throw error
    return toBinary(schema, message)
  }
  return writer.taken()
}

const writer = createBackwardWriter()
const plans = new Map<DescMessage, { write: WriteValue | undefined }>()

/** How messages of this type are written; undefined: not here. */
function planOf(schema: DescMessage): WriteValue | undefined {
  const known = plans.get(schema)
  if (known) return known.write
  // A type that contains itself finds this, which is filled in by the time a message is written.
  const plan: { write: WriteValue | undefined } = { write: message => fields(message) }
  plans.set(schema, plan)
  const backwards = schema.fields.toSorted((left, right) => right.number - left.number).map(fieldPlan)
  const fields = (message: unknown) => {
    if ((message as Message).$unknown?.length) throw LEFT_TO_LIBRARY
    for (const write of backwards) write!(message as Record<string, unknown>)
  }
  if (backwards.includes(undefined) || schema.typeName.startsWith('google.protobuf.')) plan.write = undefined
  return plan.write
}

function fieldPlan(field: DescField): WriteField | undefined {
  const value = valuePlan(field)
  if (value === undefined) return undefined
  const name = field.localName
  const tagged = (one: unknown) => {
    value.write(one)
    writer.varint((field.number << 3) | value.type)
  }
  if (field.fieldKind === 'list') {
    return message => {
      const values = message[name] as unknown[]
      for (let index = values.length - 1; index >= 0; index--) tagged(values[index])
    }
  }
  if (field.oneof) {
    const group = field.oneof.localName
    return message => {
      const chosen = message[group] as { case: string | undefined; value?: unknown }
      if (chosen.case === name) tagged(chosen.value)
    }
  }
  if (field.fieldKind === 'message') return message => message[name] !== undefined && tagged(message[name])
  if (field.presence !== FeatureSet_FieldPresence.IMPLICIT) return undefined
  return message => isZero(message[name]) || tagged(message[name])
}

/** proto3 leaves out a scalar that has its type's zero value. */
function isZero(value: unknown): boolean {
  return (
    value === 0 ||
    value === 0n ||
    value === '' ||
    value === false ||
    (value instanceof Uint8Array && value.length === 0)
  )
}

function valuePlan(field: DescField): { type: number; write: WriteValue } | undefined {
  if (field.fieldKind === 'map') return undefined
  if (field.message) {
    const { message } = field
    if (field.delimitedEncoding || planOf(message) === undefined) return undefined
    return {
      type: LENGTH_DELIMITED,
      write: value => writer.delimited(() => plans.get(message)!.write!(value)),
    }
  }
  // A list of numbers is packed into one value, which our contract has no use for.
  if (field.fieldKind === 'list') return delimitedScalar(field.scalar)
  return field.fieldKind === 'scalar' && !field.longAsString
    ? (delimitedScalar(field.scalar) ?? varintScalar(field.scalar))
    : field.enum && { type: VARINT, write: writeUint(INT32_MAX) }
}

function delimitedScalar(scalar: ScalarType | undefined) {
  if (scalar === ScalarType.BYTES) return { type: LENGTH_DELIMITED, write: writeBytes }
  if (scalar === ScalarType.STRING) return { type: LENGTH_DELIMITED, write: writeString }
  return undefined
}

function varintScalar(scalar: ScalarType) {
  if (scalar === ScalarType.UINT32) return { type: VARINT, write: writeUint(UINT32_MAX) }
  if (scalar === ScalarType.UINT64 || scalar === ScalarType.INT64) return { type: VARINT, write: writeLong }
  if (scalar === ScalarType.BOOL) return { type: VARINT, write: writeBool }
  return undefined
}

function writeUint(max: number): WriteValue {
  return value => {
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > max) throw LEFT_TO_LIBRARY
    writer.varint(value as number)
  }
}

/** Those beyond, and those below zero, are rare. */
function writeLong(value: unknown): void {
  if (typeof value !== 'bigint' || value < 0n || value > SAFE_MAX) throw LEFT_TO_LIBRARY
  writer.varint(Number(value))
}

function writeBool(value: unknown): void {
  if (typeof value !== 'boolean') throw LEFT_TO_LIBRARY
  writer.varint(value ? 1 : 0)
}

function writeBytes(value: unknown): void {
  if (!(value instanceof Uint8Array)) throw LEFT_TO_LIBRARY
  writer.bytes(value)
}

/** Half a surrogate pair has no UTF-8. */
function writeString(value: unknown): void {
  if (typeof value !== 'string' || !value.isWellFormed()) throw LEFT_TO_LIBRARY
  writer.string(value)
}
