// The field rules of the contract (protovalidate's, in proto/parley/v1), as its library reads them.

import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  type DescOneof,
  fromBinary,
  getOption,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { createValidator } from '@bufbuild/protovalidate'
import {
  type FieldRules,
  field as fieldOption,
  message as messageOption,
  oneof as oneofOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js'
import { DESCRIPTORS } from '../../gen/parley/v1/descriptors.js'

/** The contract with its rules; the generated code is without them. */
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTORS, 'base64')))
const validator = createValidator()

/** The part of protovalidate that the contract is written with. */
export const validateFile = registry.getFile('buf/validate/validate.proto')!

function ruledMessage(typeName: string): DescMessage {
  const found = registry.getMessage(typeName)
  if (!found) throw new Error(`the contract has no ${typeName}`)
  return found
}

/** The rules that a message breaks, by field: none where it holds. Throws for a rule that cannot be read. */
export function brokenRules<D extends DescMessage>(schema: D, message: MessageInitShape<D>): string[] {
  const ruled = ruledMessage(schema.typeName)
  const result = validator.validate(ruled, fromBinary(ruled, toBinary(schema, create(schema, message))))
  if (result.kind === 'error') throw result.error
  return result.kind === 'valid' ? [] : result.violations.map(violation => violation.toString())
}

/** Throws for a message that breaks a rule. */
export function checkRules<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  const broken = brokenRules(schema, message)
  if (broken.length > 0) throw new Error(`${schema.typeName}: ${broken.join('; ')}`)
}

/** The fields and oneofs of a message that have rules, by their local names; '' stands for the message as a whole. */
export function ruledFields({ typeName }: Pick<DescMessage, 'typeName'>): string[] {
  const { fields, oneofs, ...message } = ruledMessage(typeName)
  const named = [...fields.filter(rulesOf), ...oneofs.filter(isRequired)].map(({ localName }) => localName)
  const whole = message.proto.options ? getOption({ ...message, fields, oneofs }, messageOption) : undefined
  return whole && whole.cel.length > 0 ? ['', ...named] : named
}

/** All messages of the contract that have a rule. */
export function ruledMessages(): string[] {
  const names = [...registry].flatMap(each => (each.kind === 'message' ? [each] : []))
  return names
    .filter(each => each.typeName.startsWith('parley.v1.') && ruledFields(each).length > 0)
    .map(({ typeName }) => typeName)
}

/** Values at and around what the rules of a field say, made of one that is right. */
export function edgesOf(
  { typeName }: Pick<DescMessage, 'typeName'>,
  name: string,
  right: unknown,
): unknown[] {
  const { fields, oneofs } = ruledMessage(typeName)
  if (oneofs.some(({ localName }) => localName === name)) return [right, { case: undefined }]
  const rules = rulesOf(fields.find(({ localName }) => localName === name)!)!
  if (rules.required) return [right, undefined]
  return [right, ...edges(rules, right)]
}

function rulesOf(field: DescField): FieldRules | undefined {
  return field.proto.options ? getOption(field, fieldOption) : undefined
}

const isRequired = (oneof: DescOneof): boolean => getOption(oneof, oneofOption).required

function edges({ type }: FieldRules, right: unknown): unknown[] {
  switch (type.case) {
    case 'bytes': {
      const { len, minLen, maxLen } = type.value
      const sizes = around([len, minLen, maxLen].filter(size => size > 0n))
      return [0n, ...sizes].map(size => resized(right as Uint8Array, Number(size)))
    }
    case 'uint32':
      return around(boundsOf(type.value)).map(Number)
    case 'uint64':
    case 'int64':
      return around(boundsOf(type.value))
    case 'string':
      return [...STRINGS, ...type.value.in]
    case 'repeated': {
      const [first] = right as unknown[]
      const { unique, items, minItems } = type.value
      const lists: unknown[][] = items && first ? edges(items, first).map(each => [each]) : []
      if (unique && first) lists.push([first, first])
      return minItems > 0n ? [...lists, []] : lists
    }
    default:
      throw new Error(`there are no edges of ${type.case}`)
  }
}

interface Bounds {
  lessThan: { value?: number | bigint | undefined }
  greaterThan: { value?: number | bigint | undefined }
}

const boundsOf = ({ lessThan, greaterThan }: Bounds): bigint[] =>
  [lessThan.value, greaterThan.value].flatMap(bound => (bound === undefined ? [] : [BigInt(bound)]))

/** For a name. */
const STRINGS = [
  '',
  'a',
  '0',
  'a'.repeat(32),
  'a'.repeat(33),
  'a.b-c_9',
  '.a',
  '-a',
  '_a',
  'A',
  'a b',
  'a\n',
  'ä',
  'aA',
]

const around = (bounds: readonly bigint[]): bigint[] =>
  bounds.flatMap(bound => [bound - 1n, bound, bound + 1n])

/** The first bytes, and zeros behind them. */
function resized(bytes: Uint8Array, size: number): Uint8Array {
  const made = new Uint8Array(size)
  made.set(bytes.subarray(0, size))
  return made
}

/** Messages whose rules are checked where a signature over them is; see unit/protocol/field-rules.test.ts. */
export const SIGNED = [
  'BundleHead',
  'DeviceCertificate',
  'DeviceList',
  'DeviceRemoval',
  'DirectoryStatement',
  'ListedAccount',
  'ListedDevice',
  'Proof',
  'RejoinStatement',
  'SignedDeviceCertificate',
  'SignedDeviceList',
  'SignedDeviceRemoval',
  'SignedDirectoryStatement',
  'SignedProof',
  'SignedRejoinStatement',
] as const

/** Messages to the server; see contract/field-rules.test.ts. */
export const FRAMES = [
  'Ack',
  'ApplicationEnvelope',
  'ChatRequest',
  'CommitBundle',
  'KeyExchangeParts',
  'KeyExchangeRequest',
  'Open',
  'OutgoingEnvelope',
  'RosterChange',
  'RosterLeave',
  'Send',
  'Welcome',
] as const

/** Messages of the server, all of which every test of the contract checks. */
export const ANSWERS = [
  'AccountDevices',
  'ClaimedDevice',
  'Deliver',
  'DeliveredCommit',
  'DeliveredWelcome',
  'Envelope',
  'GetServerResponse',
  'MissedEnvelopes',
  'Opened',
  'OwnEnvelope',
  'Rejected',
  'RejectedSend',
  'Succeeded',
  'Successor',
  'TooManyConversations',
  'UnknownDevice',
] as const
