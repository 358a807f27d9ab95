// Messages of any type, made from its descriptor.

import { create, type DescField, type DescMessage, type MessageShape, ScalarType } from '@bufbuild/protobuf'
import fc from 'fast-check'

/** Types contain types; ours are not deeper than this. */
const DEPTH = 8
const UINT64_MAX = 2n ** 64n - 1n

/** Any message of this type, also of types within it. */
export function arbitraryMessage<D extends DescMessage>(schema: D): fc.Arbitrary<MessageShape<D>> {
  return message(schema, DEPTH) as fc.Arbitrary<MessageShape<D>>
}

function message(schema: DescMessage, depth: number): fc.Arbitrary<unknown> {
  const parts: Record<string, fc.Arbitrary<unknown>> = {}
  for (const member of schema.members) {
    if (member.kind === 'oneof') {
      const cases = member.fields.map(field =>
        fc.record({ case: fc.constant(field.localName), value: value(field, depth - 1) }),
      )
      parts[member.localName] = fc.oneof(fc.constant({ case: undefined }), ...cases)
    } else if (member.fieldKind === 'list') {
      parts[member.localName] = fc.array(value(member, depth - 1), { maxLength: 3 })
    } else {
      parts[member.localName] = value(member, depth - 1)
    }
  }
  return fc.record(parts).map(init => create(schema, init as never))
}

function value(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message) return depth < 0 ? fc.constant(create(field.message)) : message(field.message, depth)
  switch (field.fieldKind === 'scalar' || field.fieldKind === 'list' ? field.scalar : undefined) {
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 300 })
    case ScalarType.STRING:
      return fc.string({ unit: 'binary' })
    case ScalarType.BOOL:
      return fc.boolean()
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: UINT64_MAX })
    case ScalarType.INT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case ScalarType.UINT32:
      return fc.nat({ max: 0xffffffff })
    default:
      throw new Error(`no values for ${field}`)
  }
}
