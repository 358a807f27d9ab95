// The vault's tables and what their rows hold (proto/parley/vault/v1).

import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ContactSchema,
  ConversationSchema,
  CountersSchema,
  DueSchema,
  GroupSchema,
  HandleSchema,
  HeldSchema,
  HistoryTransferSchema,
  IdentitySchema,
  IntentSchema,
  KeyPackageSchema,
  KnownListSchema,
  MessageSchema,
  OutboxItemSchema,
  OwnDeviceSchema,
  RecentSchema,
  SenderSchema,
  SentSchema,
  ServerSchema,
  UndeliveredSchema,
  WaitingHistoryPartSchema,
  WaitingSchema,
  WelcomeSchema,
  WriterCertificateSchema,
} from '../../../../gen/parley/vault/v1/records_pb.js'
import type { KeyFields, NumberedFields } from '../../ids.js'

const SCHEMAS = {
  identity: IdentitySchema,
  server: ServerSchema,
  counters: CountersSchema,
  contacts: ContactSchema,
  handles: HandleSchema,
  conversations: ConversationSchema,
  groups: GroupSchema,
  due: DueSchema,
  later: DueSchema,
  recent: RecentSchema,
  lists: KnownListSchema,
  messages: MessageSchema,
  waiting: WaitingSchema,
  outbox: OutboxItemSchema,
  senders: SenderSchema,
  undelivered: UndeliveredSchema,
  sent: SentSchema,
  held: HeldSchema,
  keypackages: KeyPackageSchema,
  welcomes: WelcomeSchema,
  intents: IntentSchema,
  devices: OwnDeviceSchema,
  transfers: HistoryTransferSchema,
  historyparts: WaitingHistoryPartSchema,
  certificates: WriterCertificateSchema,
} as const

type Schemas = typeof SCHEMAS
export type RecordTable = keyof Schemas
export const RECORD_TABLES = Object.keys(SCHEMAS) as readonly RecordTable[]
/**
 * Tables of plain bytes: MLS states, what groups hold besides, both as they follow a commit on its way, and ratchet nodes,
 * grouped by group.
 */
export type BytesTable = 'states' | 'chains' | 'pending' | 'pendingchains' | 'ratchets'
/** Rows that say all by their keys (names.ts). */
type LinkTable = 'links'
export type AnyTable = RecordTable | BytesTable | LinkTable

export const isRecordTable = (table: AnyTable): table is RecordTable => table in SCHEMAS

/** A value as it is read: nobody changes it, another one is put in its place. */
export type Stored<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Stored<Item>[]
    : T extends object
      ? { readonly [Name in keyof T as Exclude<Name, '$unknown'>]: StoredField<Name, T[Name]> }
      : T

/** A number or a key that is one of ours is of its own type. */
type StoredField<Name, T> = Name extends keyof NumberedFields
  ? FieldOf<NumberedFields[Name], bigint, T>
  : Name extends keyof KeyFields
    ? FieldOf<KeyFields[Name], Uint8Array, T>
    : Stored<T>
type FieldOf<Own, Plain, T> = T extends Plain ? Own : T extends readonly Plain[] ? readonly Own[] : Stored<T>

export type RecordOf<T extends RecordTable> = Stored<MessageShape<Schemas[T]>>
export type RecordInit<T extends RecordTable> = Stored<MessageInitShape<Schemas[T]>>

/** The whole record that a part of its fields stands for. */
export function recordOf<T extends RecordTable>(table: T, init: RecordInit<T>): RecordOf<T> {
  const schema = SCHEMAS[table] as typeof GroupSchema
  return frozen(create(schema, init as MessageInitShape<typeof GroupSchema>)) as RecordOf<T>
}

export function decoded<T extends RecordTable>(table: T, value: Uint8Array): RecordOf<T> {
  return frozen(fromBinary(SCHEMAS[table], value)) as RecordOf<T>
}

export function encoded<T extends RecordTable>(table: T, record: RecordOf<T>): Uint8Array {
  const schema: DescMessage = SCHEMAS[table]
  return toBinary(schema, record)
}

/** Bytes alone can still be changed: the language has no way to freeze them. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value))
    return value
  Object.freeze(value)
  for (const part of Object.values(value)) frozen(part)
  return value
}
