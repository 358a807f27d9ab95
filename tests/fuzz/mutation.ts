// Small changes of a valid input, of the kind that find defects: bits, lengths, numbers at their edges, fields that are left
// out, doubled, swapped, or of another case; and in messages that hold encoded messages, the same within those.

import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  toBinary,
} from '@bufbuild/protobuf'
import type { Chance } from '../support/chance.js'

/** Fields that hold an encoded message, as "Message.field" without the package: it is changed within, too. */
export type Nested = Readonly<Record<string, DescMessage>>

/** More copies of an element than any limit of the contract allows. */
const MANY = 2_000
const LONGEST_BYTES = 70_000

const NUMBERS = [0n, 1n, 2n, 127n, 128n, 255n, 256n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n]
const LONG_NUMBERS = [...NUMBERS, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n]
const TEXTS = [
  '',
  '\u0000',
  '.',
  '#',
  'a',
  'operator',
  '../..',
  '\u202e',
  '\ud83d\ude00',
  '\u001b[2J',
  'a'.repeat(65_537),
]

/** Bytes with one to three changes. */
export function changedBytes(chance: Chance, bytes: Uint8Array): Uint8Array {
  let changed = bytes
  for (let times = 1 + chance.whole(3); times > 0; times--) changed = changedOnce(chance, changed)
  return changed
}

function changedOnce(chance: Chance, bytes: Uint8Array): Uint8Array {
  const at = chance.whole(bytes.length + 1)
  const to = Math.min(bytes.length, at + 1 + chance.whole(16))
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)]
  switch (chance.whole(8)) {
    case 0:
      return bytes.slice(0, at)
    case 1:
      return Buffer.concat([before, after])
    case 2:
      return Buffer.concat([before, part, part, after])
    case 3:
      return Buffer.concat([before, randomBytes(chance, 1 + chance.whole(16)), part, after])
    case 4:
      return Buffer.concat([before, Buffer.alloc(part.length, chance.pick([0, 0x7f, 0x80, 0xff])), after])
    case 5:
      return chance.whole(50) === 0 ? randomBytes(chance, chance.whole(LONGEST_BYTES)) : bytes.slice(at)
    default:
      return withBit(chance, bytes)
  }
}

function withBit(chance: Chance, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(chance.whole(256))
  const changed = Uint8Array.from(bytes)
  changed[chance.whole(changed.length)]! ^= 1 << chance.whole(8)
  return changed
}

export function randomBytes(chance: Chance, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = chance.whole(256)
  return bytes
}

/** Text with one change. */
export function changedText(chance: Chance, text: string): string {
  const at = chance.whole(text.length + 1)
  switch (chance.whole(6)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return text.slice(0, at) + text.slice(at + 1)
    case 2:
      return text.slice(0, at) + chance.pick(TEXTS)! + text.slice(at)
    case 3:
      return chance.pick(TEXTS)!
    case 4:
      return text + text
    default:
      return text.slice(0, at) + String.fromCodePoint(chance.whole(0x2_0000) || 1) + text.slice(at + 1)
  }
}

type Fields = Record<string, unknown>

/** The message with one to three changes, wherever in it. The message that is given stays as it is. */
export function changedMessage<D extends DescMessage>(
  chance: Chance,
  schema: D,
  { message, nested }: { message: Message; nested: Nested },
): Message {
  // A copy: what was encoded and decoded again shares nothing with it.
  const changed = fromBinary(schema, toBinary(schema, message as never))
  for (let times = 1 + chance.whole(3); times > 0; times--) changeField(chance, schema, changed, nested)
  return changed
}

function changeField(chance: Chance, schema: DescMessage, message: Message, nested: Nested): void {
  const field = chance.pick(schema.fields)
  if (!field) return
  const fields = message as unknown as Fields
  if (field.oneof) changeCase(chance, field, fields, nested)
  else fields[field.localName] = changedField(chance, field, fields[field.localName], nested)
}

function changeCase(chance: Chance, field: DescField, fields: Fields, nested: Nested): void {
  const { localName } = field.oneof!
  const present = fields[localName] as { case: string | undefined; value?: unknown }
  const how = chance.whole(10)
  if (how === 0) fields[localName] = { case: undefined }
  else if (how < 3 || present.case === undefined)
    fields[localName] = { case: field.localName, value: changedField(chance, field, undefined, nested) }
  else {
    const taken = field.oneof!.fields.find(each => each.localName === present.case)!
    fields[localName] = { ...present, value: changedField(chance, taken, present.value, nested) }
  }
}

function changedField(chance: Chance, field: DescField, value: unknown, nested: Nested): unknown {
  if (field.fieldKind === 'list') return changedList(chance, field, value as unknown[] | undefined, nested)
  if (field.fieldKind === 'map') return value
  return changedValue(chance, field, value, nested)
}

function changedList(
  chance: Chance,
  field: DescField,
  value: readonly unknown[] = [],
  nested: Nested,
): unknown[] {
  const at = chance.whole(value.length)
  const element = () => changedValue(chance, field, value[at], nested)
  switch (chance.whole(12)) {
    case 0:
      return []
    case 1:
      return Array.from({ length: chance.whole(20) === 0 ? MANY : 3 }, () => value[at] ?? element())
    case 2:
      return value.toSpliced(at, 1)
    case 3:
      return [...value].reverse()
    case 4:
      return [...value, value[at] ?? element()]
    default:
      return value.length === 0 ? [element()] : value.with(at, element())
  }
}

function changedValue(chance: Chance, field: DescField, value: unknown, nested: Nested): unknown {
  if (field.message) {
    const message = (value as Message | undefined) ?? create(field.message)
    if (chance.whole(8) === 0 && field.fieldKind === 'message' && !field.oneof) return undefined
    changeField(chance, field.message, message, nested)
    return message
  }
  if (field.enum) return chance.whole(12)
  if (value instanceof Uint8Array || (value === undefined && field.scalar === BYTES))
    return changedContent(chance, nested[nameOf(field)], (value as Uint8Array) ?? new Uint8Array())
  if (typeof value === 'string' || field.scalar === STRING)
    return changedText(chance, (value as string | undefined) ?? '')
  if (typeof value === 'boolean' || field.scalar === BOOL) return chance.whole(2) === 0
  return changedNumber(chance, field, value)
}

const [STRING, BOOL, BYTES] = [9, 8, 12]
const LONG_SCALARS: readonly unknown[] = [3, 4, 6, 16, 18]

function changedNumber(chance: Chance, field: DescField, value: unknown): bigint | number {
  if (!LONG_SCALARS.includes(field.scalar)) return Number(chance.pick(NUMBERS))
  const near = ((value as bigint | undefined) ?? 0n) + BigInt(chance.whole(3)) - 1n
  return chance.whole(2) === 0 && near >= 0n ? near : chance.pick(LONG_NUMBERS)!
}

const nameOf = ({ parent, name }: DescField) => `${parent.name}.${name}`

function changedContent(chance: Chance, schema: DescMessage | undefined, bytes: Uint8Array): Uint8Array {
  if (!schema || chance.whole(3) === 0) return changedBytes(chance, bytes)
  try {
    return toBinary(
      schema,
      changedMessage(chance, schema, { message: fromBinary(schema, bytes), nested: {} }) as never,
    )
  } catch {
    // It holds something else, or a number that the field cannot.
    return changedBytes(chance, bytes)
  }
}

/** The encoded message with changes, in its fields as a rule, at times in its bytes. */
export function changedEncoded<D extends DescMessage>(
  chance: Chance,
  schema: D,
  { encoded, nested = {} }: { encoded: Uint8Array; nested?: Nested },
): Uint8Array {
  if (chance.whole(4) === 0) return changedBytes(chance, encoded)
  try {
    const message = fromBinary(schema, encoded)
    return toBinary(schema, changedMessage(chance, schema, { message, nested }) as never)
  } catch {
    return changedBytes(chance, encoded)
  }
}
